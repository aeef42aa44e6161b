"""Bodies that are left out of a frame."""

from __future__ import annotations

import numpy as np

from sightline.pose.body import without_bodies
from tests.figures import figure


def test_bodies_have_the_mean_colour_and_the_rest_is_unchanged() -> None:
    rgb = np.random.default_rng(1).integers(0, 200, (300, 400, 3), dtype=np.uint8)
    before = rgb.copy()
    painted = without_bodies(rgb, [figure(100, 20, 240)])
    assert np.array_equal(rgb, before)
    assert np.array_equal(painted[:, 200:], rgb[:, 200:])
    chest = painted[90:120, 92:108]
    assert np.ptp(chest, axis=(0, 1)).max() == 0
    assert abs(int(chest[0, 0, 0]) - 100) < 5


def test_frame_without_people_is_not_copied() -> None:
    rgb = np.zeros((90, 120, 3), np.uint8)
    assert without_bodies(rgb, []) is rgb
