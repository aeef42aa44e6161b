"""Cropping, sharpness and the cut at the hips, on people with known joints."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from sightline.pose import Box, FoundPerson
from sightline.ranking import (
    DroppedPerson,
    DropReason,
    PreparedPerson,
    PrepareParameters,
    Preparer,
    prepare_person,
    sharpness_of,
)
from sightline.training.ranking.synthetic import draw_runners, random_runner
from tests.ranking import photo, standing


def prepared(person: FoundPerson, **parameters: float) -> PreparedPerson | DroppedPerson:
    return prepare_person(photo(), person, PrepareParameters(**parameters))


def cropped(person: FoundPerson, **parameters: float) -> PreparedPerson:
    outcome = prepared(person, **parameters)
    assert isinstance(outcome, PreparedPerson)
    return outcome


def test_person_is_cut_at_the_hips() -> None:
    person = cropped(standing())
    assert person.lower_body is not None
    assert (person.upper_body.shape, person.lower_body.shape) == ((172, 100, 3), (158, 100, 3))
    assert (np.vstack([person.upper_body, person.lower_body]) == photo()[40:370, 100:200]).all()
    assert (person.crop == photo()[40:370, 100:200]).all()


@pytest.mark.parametrize(
    ("moved", "reason"),
    [
        ({"right_hip": (135, 210, 0.2), "left_hip": (165, 214, 0.49)}, DropReason.HIPS_NOT_SEEN),
        ({"right_hip": (135, 500, 0.9), "left_hip": (165, 500, 0.9)}, DropReason.HIPS_NOT_SEEN),
        ({"right_knee": (130, 280, 0.1), "left_knee": (170, 282, 0.1)}, DropReason.LEGS_NOT_SEEN),
        ({"right_knee": (130, 420, 0.9), "left_knee": (170, 420, 0.9)}, DropReason.LEGS_NOT_SEEN),
        ({"right_knee": (130, 150, 0.9), "left_knee": (170, 150, 0.9)}, DropReason.LEGS_NOT_SEEN),
        (
            {"right_hip": (135, 352, 0.9), "left_hip": (165, 352, 0.9), "left_knee": (170, 360, 0.9)},
            DropReason.TOO_SMALL,
        ),
    ],
)
def test_person_without_legs_has_no_lower_body(
    moved: dict[str, tuple[float, float, float]], reason: DropReason
) -> None:
    person = cropped(standing(**moved))
    assert person.lower_body is None
    assert person.without_lower_body
    assert person.without_lower_body.reason is reason
    assert (person.upper_body == person.crop).all()


def test_one_hip_and_one_knee_suffice() -> None:
    person = cropped(standing(right_hip=(0, 0, 0), left_knee=(0, 0, 0)))
    assert person.lower_body is not None
    assert person.lower_body.shape[0] == 370 - 214


def test_person_below_the_confidence_is_dropped() -> None:
    dropped = prepared(standing(), min_confidence=0.96)
    assert isinstance(dropped, DroppedPerson)
    assert dropped.reason is DropReason.LOW_CONFIDENCE
    assert dropped.box == Box(100, 40, 200, 370)
    assert "0.95" in dropped.detail
    assert "0.96" in dropped.detail
    assert isinstance(prepared(standing(), min_confidence=0.95), PreparedPerson)


def test_blurred_person_is_dropped() -> None:
    blurred = cv2.GaussianBlur(photo(), (0, 0), 4)
    dropped = prepare_person(blurred, standing(), PrepareParameters())
    assert isinstance(dropped, DroppedPerson)
    assert dropped.reason is DropReason.BLURRED
    assert dropped.sharpness == pytest.approx(sharpness_of(blurred[40:370, 100:200]))
    assert isinstance(prepare_person(blurred, standing(), PrepareParameters(blur_threshold=0)), PreparedPerson)


def test_sharpness_is_independent_of_the_photo_size() -> None:
    photo_of_one = draw_runners([random_runner(np.random.default_rng(3), "good")], np.random.default_rng(3))
    large = cv2.resize(photo_of_one, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    assert sharpness_of(large) == pytest.approx(sharpness_of(photo_of_one), rel=0.2)
    # The variance without scaling, for which no fixed threshold would work.
    assert cv2.Laplacian(cv2.cvtColor(large, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var() < 0.5 * sharpness_of(photo_of_one)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (1000, 1)])
def test_sharpness_of_unusual_crops_is_finite(size: tuple[int, int]) -> None:
    assert sharpness_of(np.zeros((*size, 3), np.uint8)) == 0


@pytest.mark.parametrize(
    ("wrists", "raised"),
    [
        (((110, 20, 0.9), (190, 20, 0.9)), True),
        (((110, -30, 0.9), (190, 20, 0.9)), True),
        (((110, 20, 0.9), (190, 61, 0.9)), False),
        (((110, 20, 0.9), (190, 20, 0.4)), False),
        (((110, 200, 0.9), (190, 200, 0.9)), False),
    ],
)
def test_both_wrists_above_the_nose_are_raised_arms(
    wrists: tuple[tuple[float, float, float], tuple[float, float, float]], raised: bool
) -> None:
    assert cropped(standing(right_wrist=wrists[0], left_wrist=wrists[1])).arms_above_head is raised


def test_invisible_head_means_no_raised_arms() -> None:
    up = {"right_wrist": (110, 20, 0.9), "left_wrist": (190, 20, 0.9)}
    assert not cropped(standing(nose=(150, 60, 0.1), **up)).arms_above_head


def test_drawn_runners_are_found_once_with_their_arms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference implementation wrote a file per photo, and a debug folder of crops per request."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    runners = [random_runner(rng, "good") for _ in range(3)]
    with Preparer() as preparer:
        prepared_photo = preparer.prepare(draw_runners(runners, rng), PrepareParameters())
        nobody = preparer.prepare(np.full((200, 300, 3), 127, np.uint8), PrepareParameters())
    people = sorted(prepared_photo.people, key=lambda person: person.box.left)
    assert [person.arms_above_head for person in people] == [runner.arms_up for runner in runners]
    for place, person in enumerate(people):
        assert 300 * place <= person.box.left < person.box.right <= 300 * (place + 1)
        assert person.lower_body is not None
        assert 0.35 < len(person.lower_body) / len(person.crop) < 0.65
    assert prepared_photo.dropped == ()
    assert (nobody.people, [person.reason for person in nobody.dropped]) == ((), [DropReason.NOBODY_FOUND])
    assert list(tmp_path.iterdir()) == []


def test_invalid_photo_is_rejected() -> None:
    with Preparer() as preparer, pytest.raises(ValueError, match="uint8"):
        preparer.prepare(np.zeros((10, 10, 3), np.float32), PrepareParameters())  # type: ignore[arg-type]
