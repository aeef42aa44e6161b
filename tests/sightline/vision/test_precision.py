"""The comparison of predictions in half precision with those in float32."""

from __future__ import annotations

import numpy as np

from sightline.vision.precision import agreement


def test_agreement_matches_a_worked_example() -> None:
    expected = np.array([[0.9, 0.1], [0.6, 0.4], [0.505, 0.495], [0.2, 0.8]])
    half = np.array([[0.9, 0.1], [0.65, 0.35], [0.495, 0.505], [0.21, 0.79]])
    measured = agreement(half, expected)
    assert (measured.same_class, measured.within) == (0.75, 0.75)
    assert abs(measured.largest_difference - 0.05) < 1e-12
    assert measured.images == 4
    assert not measured.holds


def test_one_image_in_two_hundred_may_differ() -> None:
    expected = np.tile([0.7, 0.3], (400, 1))
    for others, holds in ((2, True), (3, False)):
        half = expected.copy()
        half[:others] = 0.75, 0.25
        assert agreement(half, expected).holds is holds


def test_too_few_images_do_not_hold() -> None:
    for images, holds in ((100, True), (99, False)):
        expected = np.tile([0.7, 0.3], (images, 1))
        assert agreement(expected, expected).holds is holds
