"""The queue asks every question once and stores every answer, on a folder and on S3."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from sightline import storage
from sightline.errors import StorageError
from sightline.reviews import CANNOT_TELL, NONE_OF_THESE, Reviews
from sightline.storage import Location
from tests.clocks import START, Clock
from tests.reviewing import answer, question

LATER = START + timedelta(hours=72)


@pytest.fixture
def reviews(bucket: Location, clock: Clock) -> Reviews:
    """An empty queue on a folder and on S3, with a clock that the test sets."""
    return Reviews(bucket, clock)


def plan(reviews: Reviews, run: str, count: int = 4, **options: Any) -> list[list[str]]:
    """Return the images that a run asks about, page by page."""
    planned = reviews.plan(
        run, [question(n) for n in range(count)], **{"page_size": 12, "limit": 100, "until": LATER, **options}
    )
    return [[question.uri for question in page.questions] for page in planned.pages]


def test_question_of_another_version_or_copy_is_queued_once(reviews: Reviews) -> None:
    assert reviews.queue([question(1), question(2), question(1)]) == 2
    assert reviews.queue([question(1, model="vehicles/2", uri="/elsewhere/1.png"), question(3)]) == 1
    assert {waiting.question for waiting in reviews.waiting("vehicles")} == {question(1), question(2), question(3)}
    assert reviews.count_waiting("vehicles") == 3
    assert reviews.models() == ["vehicles"]
    assert reviews.count_waiting("nobody") == 0


def test_endpoint_and_model_of_one_name_have_separate_queues(reviews: Reviews) -> None:
    reviews.queue([question(1), question(1, model="endpoint://vehicles")])
    assert sorted(reviews.models()) == ["endpoint.vehicles", "vehicles"]
    assert [reviews.count_waiting(name) for name in ("vehicles", "endpoint://vehicles")] == [1, 1]


def test_answered_question_leaves_the_queue_and_is_not_queued_again(reviews: Reviews) -> None:
    reviews.queue([question(1), question(2)])
    reviews.answer(question(1), answer("motorcycle"))
    assert [waiting.question for waiting in reviews.waiting("vehicles")] == [question(2)]
    assert reviews.queue([question(1)]) == 0
    [reviewed] = reviews.answered("vehicles")
    assert (reviewed.question, reviewed.label, reviewed.last.reviewer) == (question(1), "motorcycle", "kim")
    assert reviewed.last.at.utcoffset() == timedelta(0)


def test_question_left_by_a_killed_process_counts_as_answered(reviews: Reviews) -> None:
    reviews.queue([question(1)])
    [waiting] = [file for file in storage.walk(reviews.root) if "/waiting/" in storage.uri_of(file.location)]
    before = storage.read_bytes(waiting.location)
    reviews.answer(question(1), answer())
    storage.write_bytes(waiting.location, before)
    assert reviews.waiting("vehicles") == []
    assert reviews.count_waiting("vehicles") == 0
    assert plan(reviews, "another", 2) == []


def test_concurrent_answers_are_all_stored(reviews: Reviews) -> None:
    people = [f"person {number}" for number in range(6)]
    reviews.queue([question(1)])
    start = threading.Barrier(len(people))

    def answer_as(person: str) -> None:
        start.wait()
        reviews.answer(question(1), answer(reviewer=person))

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(answer_as, people))
    [reviewed] = reviews.answered("vehicles")
    assert sorted(stored.reviewer for stored in reviewed.answers) == people


def test_repeated_answer_is_stored_once_and_a_changed_one_is_added(reviews: Reviews) -> None:
    for repeated in (answer(), answer(), answer("motorcycle", run="run-2"), answer("motorcycle", run="run-2")):
        reviews.answer(question(1), repeated)
    [reviewed] = reviews.answered("vehicles")
    assert [stored.answer for stored in reviewed.answers] == ["bicycle", "motorcycle"]
    assert reviewed.label == "motorcycle", "the same person has changed their mind"


def test_answer_that_the_question_does_not_offer_is_rejected(reviews: Reviews) -> None:
    for text in ("car", "later", ""):
        with pytest.raises(ValueError, match="is not an answer"):
            reviews.answer(question(1), answer(text))
    assert reviews.answered("vehicles") == []


def test_verdict_and_label_follow_the_answers_that_count(reviews: Reviews) -> None:
    answers = {
        1: [("bicycle", "kim"), ("motorcycle", "lee")],
        2: [("bicycle", "kim"), (CANNOT_TELL, "lee")],
        3: [(NONE_OF_THESE, "kim")],
        4: [(CANNOT_TELL, "kim")],
        5: [("bicycle", "kim"), ("motorcycle", "lee"), ("motorcycle", "Kim")],
    }
    for number, pairs in answers.items():
        for name, person in pairs:
            reviews.answer(question(number), answer(name, person, run=f"{person} {name}"))
    verdicts = {reviewed.question.uri: (reviewed.verdict, reviewed.label) for reviewed in reviews.answered("vehicles")}
    assert [verdicts[f"/pictures/{number}.png"] for number in answers] == [
        ("contested", None),
        ("bicycle", "bicycle"),
        (NONE_OF_THESE, None),
        (CANNOT_TELL, None),
        ("motorcycle", "motorcycle"),
    ]


class TestPlan:
    def test_runs_ask_different_questions_and_resume_their_own_plan(self, reviews: Reviews) -> None:
        reviews.queue(question(n) for n in range(4))
        first = plan(reviews, "one", limit=3)
        assert first == [[f"/pictures/{n}.png" for n in range(3)]], "the least certain first"
        assert plan(reviews, "two") == [["/pictures/3.png"]]
        reviews.answer(question(0), answer())
        assert plan(reviews, "one") == first, "whatever has been answered since"
        assert plan(reviews, "three") == []

    def test_concurrent_runs_share_the_questions(self, reviews: Reviews) -> None:
        reviews.queue(question(n) for n in range(8))
        start = threading.Barrier(3)

        def take(run: str) -> list[str]:
            start.wait()
            return [uri for page in plan(reviews, run, 8) for uri in page]

        with ThreadPoolExecutor(3) as pool:
            taken = [uri for uris in pool.map(take, ("a", "b", "c")) for uri in uris]
        assert sorted(taken) == sorted(question(n).uri for n in range(8))

    def test_released_and_expired_questions_can_be_asked_again(self, reviews: Reviews, clock: Clock) -> None:
        reviews.queue(question(n) for n in range(2))
        reviews.plan("one", [question(0)], page_size=12, limit=9, until=LATER)
        planned = reviews.plan("two", [question(1)], page_size=12, limit=9, until=LATER)
        reviews.release(planned)
        assert plan(reviews, "three") == [["/pictures/1.png"]]
        clock.time = LATER
        assert plan(reviews, "four") == [["/pictures/0.png", "/pictures/1.png"]]

    def test_run_killed_before_its_plan_takes_its_questions_again(
        self, reviews: Reviews, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reviews.queue(question(n) for n in range(3))
        create = storage.create

        def fail(location: Location, data: bytes) -> bool:
            if "/.runs/" in storage.uri_of(location):
                raise StorageError("the network is gone")
            return create(location, data)

        with monkeypatch.context() as patch:
            patch.setattr(storage, "create", fail)
            with pytest.raises(StorageError):
                plan(reviews, "one")
        assert plan(reviews, "two") == []
        assert len(plan(reviews, "one")[0]) == 3


class TestOverdue:
    def test_overdue_question_stays_open_and_is_alerted_once(self, reviews: Reviews, clock: Clock) -> None:
        reviews.queue(question(n) for n in range(3))
        reviews.plan("one", [question(0), question(1)], page_size=12, limit=9, until=LATER)
        reviews.answer(question(1), answer())
        assert reviews.overdue() == []
        clock.time = LATER
        overdue = reviews.overdue()
        assert [waiting.question for waiting in overdue] == [question(0)], "the third was never asked"
        reviews.mark_alerted(overdue)
        assert reviews.overdue() == []
        assert reviews.count_waiting("vehicles") == 2
        assert plan(reviews, "two")[0] == ["/pictures/0.png", "/pictures/2.png"]
        clock.time += timedelta(days=9)
        assert [waiting.question for waiting in reviews.overdue()] == [question(2)], "the first was alerted before"


def test_damaged_file_is_named(reviews: Reviews) -> None:
    reviews.queue([question(1)])
    file = reviews.root / "vehicles" / "waiting" / f"{question(1).sha256}.json"
    storage.write_bytes(file, b'{"question": 1}')
    with pytest.raises(StorageError, match=rf"{question(1).sha256}\.json: is damaged"):
        reviews.waiting("vehicles")
