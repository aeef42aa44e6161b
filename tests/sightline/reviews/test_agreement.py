"""Agreement of answers with proposals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.reviews import CANNOT_TELL, NONE_OF_THESE, Reviewed, agreement, answer_rows, by_model
from tests.reviewing import CHOICES, answer, question


def reviewed(number: int, proposed: str, *said: str, model: str = "vehicles/1") -> Reviewed:
    asked = question(number, proposed=proposed, model=model)
    return Reviewed(question=asked, answers=tuple(answer(each, f"person {n}") for n, each in enumerate(said)))


def test_accuracy_counts_agreed_answers_and_none_of_these_as_a_mistake() -> None:
    found = agreement(
        [
            reviewed(1, "bicycle", "bicycle"),
            reviewed(2, "bicycle", "motorcycle"),
            reviewed(3, "motorcycle", NONE_OF_THESE),
            reviewed(4, "motorcycle", CANNOT_TELL),
            reviewed(5, "motorcycle", "bicycle", "motorcycle"),
            reviewed(6, "motorcycle", "motorcycle", CANNOT_TELL),
        ]
    )
    assert (found.judged, found.right, found.accuracy) == (4, 2, 0.5)
    assert (found.none_of_these, found.cannot_tell, found.contested) == (1, 1, 1)
    assert found.interval == pytest.approx((0.150, 0.850), abs=0.001)
    bicycle, motorcycle = found.per_class["bicycle"], found.per_class["motorcycle"]
    assert (bicycle.proposed, bicycle.right, bicycle.answered) == (2, 1, 1)
    assert (bicycle.precision, bicycle.recall) == (0.5, 1.0)
    assert (motorcycle.proposed, motorcycle.right, motorcycle.answered, motorcycle.recall) == (2, 1, 2, 0.5)


def test_accuracy_without_answers_is_none() -> None:
    found = agreement([])
    assert (found.judged, found.accuracy, found.interval, found.per_class) == (0, None, None, {})


def test_versions_are_counted_separately() -> None:
    rows = [reviewed(1, "bicycle", "bicycle"), reviewed(2, "bicycle", "motorcycle", model="vehicles/2")]
    assert {name: each.accuracy for name, each in by_model(rows).items()} == {"vehicles/1": 1.0, "vehicles/2": 0.0}
    assert [row["right"] for row in answer_rows(rows)] == ["yes", "no"]


verdicts = st.sampled_from([*CHOICES, NONE_OF_THESE, CANNOT_TELL])


@given(st.lists(st.tuples(st.sampled_from(CHOICES), st.lists(verdicts, min_size=1, max_size=3)), max_size=20))
def test_every_question_is_counted_once(rows: list[tuple[str, list[str]]]) -> None:
    found = agreement([reviewed(n, proposed, *said) for n, (proposed, said) in enumerate(rows)])
    assert found.judged + found.cannot_tell + found.contested == len(rows)
    assert sum(each.right for each in found.per_class.values()) == found.right <= found.judged
    assert sum(each.proposed for each in found.per_class.values()) == found.judged
    assert sum(each.answered for each in found.per_class.values()) + found.none_of_these == found.judged
