"""Prediction of a person's region from earlier frames."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.pose.estimator import Region
from sightline.pose.motion import MotionModel

STILL = Region(200, 100, 80, 0)


def followed(regions: list[Region], times: list[float]) -> MotionModel:
    motion = MotionModel(regions[0], times[0])
    for region, time in zip(regions[1:], times[1:], strict=True):
        motion.update(region, time)
    return motion


def test_person_seen_once_is_predicted_at_the_same_position() -> None:
    assert MotionModel(STILL, 3.0).predict(3.1) == STILL


def test_speed_is_per_second_not_per_frame() -> None:
    """Frames have uneven timestamps; the predicted position follows the time."""
    times = [0.0, 0.1, 0.13, 0.3, 0.34, 0.5, 0.6]
    motion = followed([STILL._replace(x=200 + 600 * time) for time in times], times)
    assert motion.predict(0.65).x == pytest.approx(200 + 600 * 0.65, abs=4)
    assert motion.predict(0.9).x == pytest.approx(200 + 600 * 0.9, abs=20)


def test_fast_person_is_predicted_ahead_after_two_frames() -> None:
    motion = followed([STILL, STILL._replace(x=240)], [0.0, 0.1])
    assert motion.predict(0.2).x > 260


def test_model_noise_is_filtered() -> None:
    """The same image gives other landmarks in another region, so the region must not jitter."""
    random = np.random.default_rng(0)
    times = (np.arange(60) / 10).tolist()
    seen = [
        Region(200 + x, 100 + y, 80 * math.exp(s), r)
        for x, y, s, r in random.normal(0, [0.8, 0.8, 0.01, 0.01], (60, 4))
    ]
    motion = followed(seen[:20], times[:20])
    predicted = []
    for region, time in zip(seen[20:], times[20:], strict=True):
        predicted.append(motion.predict(time))
        motion.update(region, time)
    assert np.std(np.diff([region.x for region in predicted])) < 0.5 * np.std(np.diff([region.x for region in seen]))
    assert np.std([region.side for region in predicted]) < 0.7 * np.std([region.side for region in seen])


def test_rotation_across_180_degrees_is_small() -> None:
    motion = followed([STILL._replace(rotation=3.1), STILL._replace(rotation=-3.1)], [0.0, 0.1])
    turned = math.remainder(motion.predict(0.2).rotation - 3.1, 2 * math.pi)
    assert 0 < turned < 2 * math.pi - 6.2
