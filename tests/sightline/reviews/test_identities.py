"""Which person is the patient: asked with pictures, answered, applied, and lost by no crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline import storage
from sightline.emotion import load_keywords
from sightline.pose import Identity, PeopleTrack
from sightline.reviews import (
    CANNOT_TELL,
    NONE_OF_THESE,
    AnswersFile,
    Question,
    Reviewed,
    Reviews,
    answered_identity,
    apply_answers,
    by_model,
    count_unknown,
    person_question,
    questions_of_session,
    queue_unknown,
)
from sightline.sessions import SessionRecord, SessionStore, StoredSession, read_sessions, track_of
from tests.crowds import PATIENT, store_crowd, undecided
from tests.reviewing import answer, question

MODEL = f"patient--{PATIENT}"
IDENTITY = undecided(3, 9, 5)


@pytest.fixture
def stored(sessions: SessionStore, reviews: Reviews, tmp_path: Path) -> StoredSession:
    """A session with two people, about which a question is queued."""
    stored = store_crowd(sessions, tmp_path / "outputs")
    reviews.queue(questions_of_session(stored))
    return stored


def asked(reviews: Reviews) -> Question:
    [question] = [item.question for item in reviews.waiting(MODEL) if item.question.kind == "person"]
    return question


def apply(sessions: SessionStore, reviews: Reviews) -> SessionRecord:
    [record] = apply_answers(sessions, reviews, load_keywords(), PATIENT)
    return record


def reviewed(*answers: tuple[str, str]) -> Reviewed:
    about = question(kind="person", choices=("person 1", "person 2", "person 3"), session=f"{PATIENT}/visit")
    return Reviewed(question=about, answers=tuple(answer(text, reviewer) for reviewer, text in answers))


class TestQuestion:
    def test_question_shows_everyone_and_proposes_the_one_seen_longest_and_largest(
        self, stored: StoredSession, reviews: Reviews
    ) -> None:
        about = asked(reviews)
        assert (about.kind, about.model, about.session) == ("person", MODEL, f"{PATIENT}/visit")
        assert (about.choices, about.proposed) == (("person 1", "person 2"), "person 1")
        assert [storage.exists(storage.locate(uri)) for uri in about.pictures] == [True, True]
        assert about.why == "two people are about equally likely"
        assert about.answers == ("person 1", "person 2", NONE_OF_THESE, CANNOT_TELL)

    def test_it_is_asked_beside_the_question_about_the_emotion_of_the_same_session(
        self, stored: StoredSession, reviews: Reviews
    ) -> None:
        emotion = question(kind="session", model=f"{MODEL}/2", session=f"{PATIENT}/visit", sha256=stored.sha256)
        reviews.queue([emotion])
        assert {item.question.kind for item in reviews.waiting(MODEL)} == {"person", "session"}
        reviews.answer(asked(reviews), answer("person 2"))
        assert [item.question.kind for item in reviews.waiting(MODEL)] == ["session"]

    @pytest.mark.parametrize(
        "identity", [undecided(), undecided(3, 4).model_copy(update={"person": 2, "how": "known"})]
    )
    def test_decided_session_and_one_without_people_have_no_question(
        self, sessions: SessionStore, tmp_path: Path, identity: Identity
    ) -> None:
        assert person_question(store_crowd(sessions, tmp_path / "outputs", identity=identity)) is None

    def test_it_is_no_prediction_to_agree_with(self) -> None:
        assert by_model([reviewed(("kim", "person 1"))]) == {}


class TestAnswers:
    @pytest.mark.parametrize(
        ("answers", "person", "how", "why"),
        [
            ([("kim", "person 2")], 2, "answered", "answered by kim"),
            ([("kim", "person 2"), ("lee", "person 2")], 2, "answered", "answered by kim, lee"),
            ([("kim", "person 2"), ("kim", "person 3")], 3, "answered", "answered by kim"),
            ([("kim", "person 2"), ("lee", CANNOT_TELL)], 2, "answered", "answered by kim"),
            ([("kim", NONE_OF_THESE)], None, "answered", "the patient is not in the picture, as answered by kim"),
            ([("kim", CANNOT_TELL)], None, "undecided", "kim cannot tell which person is the patient"),
            (
                [("kim", "person 2"), ("lee", "person 1")], None, "undecided",
                "people disagree about which person is the patient (kim: person 2; lee: person 1)",
            ),
        ],
    )  # fmt: skip
    def test_identity_follows_what_people_agree_on(
        self, answers: list[tuple[str, str]], person: int | None, how: str, why: str
    ) -> None:
        identity = answered_identity(IDENTITY, reviewed(*answers))
        assert (identity.person, identity.how, identity.why) == (person, how, why)
        assert identity.people == IDENTITY.people
        assert answered_identity(identity, reviewed(*answers)) == identity, "the same after it was applied"

    def test_answer_makes_the_session_training_data(
        self, sessions: SessionStore, reviews: Reviews, stored: StoredSession
    ) -> None:
        assert apply(sessions, reviews).unusable is not None
        reviews.answer(asked(reviews), answer("person 2"))
        record = apply(sessions, reviews)
        assert (record.person, record.unusable) == (2, None)
        track = PeopleTrack.from_parquet(Path(str(track_of(sessions.patients_bucket, record))))
        assert record.frames_with_person == len(track.of(2).frames)
        assert apply(sessions, reviews) == record, "applied again before a training"
        assert read_sessions(sessions.patients_bucket, PATIENT) == [record]

    def test_second_reviewer_who_disagrees_makes_it_undecided_again(
        self, sessions: SessionStore, reviews: Reviews, stored: StoredSession
    ) -> None:
        about = asked(reviews)
        reviews.answer(about, answer("person 2"))
        apply(sessions, reviews)
        reviews.answer(about, answer("person 1", "lee"))
        assert "people disagree" in str(apply(sessions, reviews).unusable)
        reviews.answer(about, answer("person 2", "lee", run="run-2"))
        assert apply(sessions, reviews).person == 2

    def test_answer_from_a_file_names_the_session_and_its_kind(self, reviews: Reviews, stored: StoredSession) -> None:
        emotion = question(kind="session", session=f"{PATIENT}/visit", choices=("happy", "sad"))
        file = AnswersFile(reviewer="kim", answers={f"{PATIENT}/visit#person": "person 1", f"{PATIENT}/visit": "sad"})
        matched = file.matched([asked(reviews), emotion], "answers.json")
        assert [(about.kind, text) for about, text in matched] == [("person", "person 1"), ("session", "sad")]


class TestMissingQuestions:
    def test_question_of_a_process_that_was_killed_is_queued_later_and_once(
        self, sessions: SessionStore, reviews: Reviews, tmp_path: Path
    ) -> None:
        store_crowd(sessions, tmp_path / "outputs")
        records = read_sessions(sessions.patients_bucket, PATIENT)
        assert count_unknown(reviews, PATIENT, records) == 0
        for _ in range(2):
            queue_unknown(sessions, reviews, records)
            assert count_unknown(reviews, PATIENT, records) == 1
            assert asked(reviews).kind == "person"

    def test_session_about_which_nobody_can_tell_waits_for_nothing(
        self, sessions: SessionStore, reviews: Reviews, stored: StoredSession
    ) -> None:
        reviews.answer(asked(reviews), answer(CANNOT_TELL))
        record = apply(sessions, reviews)
        queue_unknown(sessions, reviews, [record])
        assert record.unusable is not None
        assert (reviews.waiting(MODEL), count_unknown(reviews, PATIENT, [record])) == ([], 0)

    def test_session_in_another_video_bucket_is_logged(
        self, sessions: SessionStore, reviews: Reviews, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        store_crowd(sessions, tmp_path / "outputs")
        elsewhere = SessionStore(tmp_path / "elsewhere", sessions.patients_bucket)
        queue_unknown(elsewhere, reviews, read_sessions(sessions.patients_bucket, PATIENT))
        assert f"{PATIENT}/visit: no question is asked" in caplog.text
