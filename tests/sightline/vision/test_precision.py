"""How predictions by half precision are compared with those by float32."""

from __future__ import annotations

import numpy as np

from sightline.vision.precision import agreement


def test_the_shares_of_a_worked_example() -> None:
    expected = np.array([[0.9, 0.1], [0.6, 0.4], [0.505, 0.495], [0.2, 0.8]])
    found = np.array([[0.9, 0.1], [0.65, 0.35], [0.495, 0.505], [0.21, 0.79]])
    measured = agreement(found, expected)
    assert (measured.same_class, measured.within) == (0.75, 0.75)
    assert abs(measured.largest_difference - 0.05) < 1e-12
    assert measured.pictures == 4
    assert not measured.holds


def test_one_picture_in_two_hundred_may_differ() -> None:
    expected = np.tile([0.7, 0.3], (400, 1))
    for others, holds in ((2, True), (3, False)):
        found = expected.copy()
        found[:others] = 0.75, 0.25
        assert agreement(found, expected).holds is holds


def test_a_few_pictures_tell_too_little() -> None:
    for pictures, holds in ((100, True), (99, False)):
        expected = np.tile([0.7, 0.3], (pictures, 1))
        assert agreement(expected, expected).holds is holds
