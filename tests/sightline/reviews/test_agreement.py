"""Agreement of answers with proposals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.reviews import CANNOT_TELL, NONE_OF_THESE, Reviewed, agreement, answer_rows, by_model
from tests.reviewing import CHOICES, answer, question


def reviewed(number: int, proposed: str, *answers: str, model: str = "vehicles/1") -> Reviewed:
    asked = question(number, proposed=proposed, model=model)
    return Reviewed(question=asked, answers=tuple(answer(text, f"person {n}") for n, text in enumerate(answers)))


def test_accuracy_counts_agreed_answers_and_none_of_these_as_a_mistake() -> None:
    result = agreement(
        [
            reviewed(1, "bicycle", "bicycle"),
            reviewed(2, "bicycle", "motorcycle"),
            reviewed(3, "motorcycle", NONE_OF_THESE),
            reviewed(4, "motorcycle", CANNOT_TELL),
            reviewed(5, "motorcycle", "bicycle", "motorcycle"),
            reviewed(6, "motorcycle", "motorcycle", CANNOT_TELL),
        ]
    )
    assert (result.judged, result.right, result.accuracy) == (4, 2, 0.5)
    assert (result.none_of_these, result.cannot_tell, result.contested) == (1, 1, 1)
    assert result.interval == pytest.approx((0.150, 0.850), abs=0.001)
    bicycle, motorcycle = result.per_class["bicycle"], result.per_class["motorcycle"]
    assert (bicycle.proposed, bicycle.right, bicycle.answered) == (2, 1, 1)
    assert (bicycle.precision, bicycle.recall) == (0.5, 1.0)
    assert (motorcycle.proposed, motorcycle.right, motorcycle.answered, motorcycle.recall) == (2, 1, 2, 0.5)


def test_accuracy_without_answers_is_none() -> None:
    result = agreement([])
    assert (result.judged, result.accuracy, result.interval, result.per_class) == (0, None, None, {})


def test_versions_are_counted_separately() -> None:
    rows = [reviewed(1, "bicycle", "bicycle"), reviewed(2, "bicycle", "motorcycle", model="vehicles/2")]
    assert {name: result.accuracy for name, result in by_model(rows).items()} == {"vehicles/1": 1.0, "vehicles/2": 0.0}
    assert [row["right"] for row in answer_rows(rows)] == ["yes", "no"]


verdicts = st.sampled_from([*CHOICES, NONE_OF_THESE, CANNOT_TELL])


@given(st.lists(st.tuples(st.sampled_from(CHOICES), st.lists(verdicts, min_size=1, max_size=3)), max_size=20))
def test_every_question_is_counted_once(rows: list[tuple[str, list[str]]]) -> None:
    result = agreement([reviewed(n, proposed, *answers) for n, (proposed, answers) in enumerate(rows)])
    assert result.judged + result.cannot_tell + result.contested == len(rows)
    assert sum(counts.right for counts in result.per_class.values()) == result.right <= result.judged
    assert sum(counts.proposed for counts in result.per_class.values()) == result.judged
    assert sum(counts.answered for counts in result.per_class.values()) + result.none_of_these == result.judged
