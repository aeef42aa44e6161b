"""Whose name it is: asked once per patient, written to the names file, and applied to the sessions concerned."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.emotion import add_names, load_keywords, names_of
from sightline.reviews import (
    CANNOT_TELL,
    NONE_OF_THESE,
    SOMEONE_ELSES,
    THEIRS,
    Question,
    Reviews,
    apply_answers,
    count_unknown,
    questions_of_session,
    queue_unknown,
)
from sightline.sessions import SessionRecord, SessionStore, read_sessions
from tests.crowds import PATIENT, store_crowd, undecided
from tests.reviewing import answer

MODEL = f"patient--{PATIENT}"
KNOWN = undecided(9, 8).model_copy(update={"person": 1, "how": "prominent"})
ANNA_AND_BEN = ("Anna is happy.", "Anna is very happy.", "Ben is sad.", "Ben is sad again.", "Ben is so sad.")


@pytest.fixture
def stored(sessions: SessionStore, reviews: Reviews, tmp_path: Path) -> None:
    """Two sessions about Anna and Ben, and one about Anna."""
    for number, said in enumerate((ANNA_AND_BEN, ANNA_AND_BEN[1:], ("Anna is sad.",)), start=1):
        session = store_crowd(
            sessions, tmp_path / f"{number}", name=f"visit-{number}", said=said, identity=KNOWN, seed=number
        )
        reviews.queue(questions_of_session(session))


def asked(reviews: Reviews) -> dict[str, Question]:
    return {str(item.question.name): item.question for item in reviews.waiting(MODEL)}


def reply(reviews: Reviews, name: str, text: str, reviewer: str = "kim") -> str:
    """Answer the question about a name, and return its key."""
    answered = {str(item.question.name): item.question for item in reviews.answered(MODEL)}
    about = (asked(reviews) | answered)[name]
    reviews.answer(about, answer(text, reviewer))
    return about.key


def apply(sessions: SessionStore, reviews: Reviews, *new: str) -> list[SessionRecord]:
    return apply_answers(sessions, reviews, load_keywords(), PATIENT, new)


def emotions(records: list[SessionRecord]) -> list[tuple[str, bool]]:
    """Return the emotion of each session, and whether it is training data."""
    return [(record.emotion, record.unusable is None) for record in records]


@pytest.mark.usefixtures("stored")
class TestNames:
    def test_each_name_is_asked_once_for_all_sessions(self, reviews: Reviews) -> None:
        assert set(asked(reviews)) == {"Anna", "Ben"}
        ben = asked(reviews)["Ben"]
        assert (ben.kind, ben.model, ben.label) == ("name", MODEL, f"{PATIENT}#Ben")
        assert ben.choices == (THEIRS, SOMEONE_ELSES)
        assert len(ben.statements) == 3
        assert (asked(reviews)["Anna"].proposed, ben.proposed) == (SOMEONE_ELSES, THEIRS)

    def test_sessions_wait_until_the_names_are_known(self, sessions: SessionStore, reviews: Reviews) -> None:
        records = apply(sessions, reviews)
        assert [usable for _, usable in emotions(records)] == [False, False, True]
        assert count_unknown(reviews, PATIENT, records) == 2

    def test_answer_goes_into_the_names_file_and_labels_every_session_again(
        self, sessions: SessionStore, reviews: Reviews
    ) -> None:
        keys = [reply(reviews, "Anna", THEIRS), reply(reviews, "Ben", SOMEONE_ELSES)]
        assert emotions(apply(sessions, reviews, *keys)) == [("happy", True), ("happy", True), ("sad", True)]
        names = names_of(sessions.patients_bucket / PATIENT, PATIENT)
        assert (names.theirs, names.others) == (("Anna",), ("Ben",))
        for record in read_sessions(sessions.patients_bucket, PATIENT):
            assert record.names is not None
            assert record.names.known == names

    def test_answer_labels_the_session_in_which_the_patient_was_assumed(
        self, sessions: SessionStore, reviews: Reviews
    ) -> None:
        keys = [reply(reviews, "Ben", THEIRS), reply(reviews, "Anna", SOMEONE_ELSES)]
        assert emotions(apply(sessions, reviews, *keys)) == [("sad", True), ("sad", True), ("neutral", True)]

    def test_answers_are_not_lost_if_the_process_is_killed_before_they_are_applied(
        self, sessions: SessionStore, reviews: Reviews
    ) -> None:
        reply(reviews, "Anna", THEIRS)
        assert emotions(apply(sessions, reviews))[:2] == [("happy", True)] * 2

    def test_edited_names_file_counts_more_than_an_earlier_answer(
        self, sessions: SessionStore, reviews: Reviews
    ) -> None:
        folder = sessions.patients_bucket / PATIENT
        apply(sessions, reviews, reply(reviews, "Anna", THEIRS))
        add_names(folder, theirs=["Ben"], others=["Anna"])
        assert emotions(apply(sessions, reviews))[:2] == [("sad", True)] * 2
        key = reply(reviews, "Anna", THEIRS, "lee")
        assert names_of(folder, PATIENT).theirs == ("Ben",)
        apply(sessions, reviews, key)
        assert set(names_of(folder, PATIENT).theirs) == {"Ben", "Anna"}

    def test_word_that_is_nobodys_name_is_not_the_patients(self, sessions: SessionStore, reviews: Reviews) -> None:
        apply(sessions, reviews, reply(reviews, "Ben", NONE_OF_THESE))
        assert names_of(sessions.patients_bucket / PATIENT, PATIENT).others == ("Ben",)

    @pytest.mark.parametrize(("first", "second"), [(THEIRS, SOMEONE_ELSES), (CANNOT_TELL, CANNOT_TELL)])
    def test_name_without_agreement_is_not_written(
        self, sessions: SessionStore, reviews: Reviews, first: str, second: str
    ) -> None:
        keys = [reply(reviews, "Anna", first), reply(reviews, "Anna", second, "lee")]
        records = apply(sessions, reviews, *keys)
        assert [usable for _, usable in emotions(records)] == [False, False, True]
        assert names_of(sessions.patients_bucket / PATIENT, PATIENT).theirs == ()

    def test_answered_name_is_not_asked_again_in_a_later_session(
        self, sessions: SessionStore, reviews: Reviews, tmp_path: Path
    ) -> None:
        reply(reviews, "Anna", CANNOT_TELL)
        said = ("Anna is happy.", "Carl is sad.", "Carl is sad.")
        store_crowd(sessions, tmp_path / "later", name="later", said=said, identity=KNOWN, seed=9)
        queue_unknown(sessions, reviews, read_sessions(sessions.patients_bucket, PATIENT))
        assert set(asked(reviews)) == {"Ben", "Carl"}


def test_session_of_an_earlier_version_keeps_its_emotion(
    sessions: SessionStore, reviews: Reviews, tmp_path: Path
) -> None:
    store_crowd(sessions, tmp_path / "1", said=ANNA_AND_BEN, identity=KNOWN)
    [record] = read_sessions(sessions.patients_bucket, PATIENT)
    old = record.model_copy(update={"names": None, "attribution": None, "emotion": "angry"})
    file = Path(str(sessions.patients_bucket)) / PATIENT / record.folder / ".sessions" / "visit_session.json"
    file.write_text(old.model_dump_json())
    add_names(sessions.patients_bucket / PATIENT, theirs=["Anna"])
    assert emotions(apply(sessions, reviews)) == [("angry", True)]
