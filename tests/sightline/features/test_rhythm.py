"""Rhythm does not depend on the frame rate or on gaps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.features import session_features
from tests.sightline.features.people import Array, all_visible, index, standing

WRIST = index("right_wrist")


def wrist_rhythm(times: Array, x: Array, confidences: Array | None = None) -> float:
    """Return the rhythm of a wrist whose x is displaced by ``x`` pixels."""
    points = standing(len(times))
    points[:, WRIST, 0] += x
    features = session_features(points, times, all_visible(len(times)) if confidences is None else confidences)
    assert features["rhythm_right_wrist_y"] == 0
    return features["rhythm_right_wrist_x"]


@pytest.mark.parametrize("rate", [8, 10, 15, 25, 29.97, 30, 60])
@pytest.mark.parametrize("period", [0.7, 1, 2.3])
def test_wave_is_rhythmic_at_any_frame_rate(rate: float, period: float) -> None:
    times = np.arange(int(8 * rate)) / rate
    assert wrist_rhythm(times, 20 * np.sin(2 * np.pi * times / period)) == pytest.approx(1, abs=0.1)


def test_fading_wave_has_equal_rhythm_at_any_frame_rate() -> None:
    rhythms = []
    for rate in (10, 15, 25, 30):
        times = np.arange(10 * rate) / rate
        rhythms.append(wrist_rhythm(times, 20 * np.sin(2 * np.pi * times / 1.5) * np.exp(-times / 3)))
    assert rhythms == pytest.approx([rhythms[0]] * 4, abs=0.03)


@pytest.mark.parametrize(
    "x", [lambda t: 0 * t, lambda t: 30 * t, lambda t: 20 * (t > 4)], ids=["still", "drift", "one move"]
)
def test_movement_without_repetition_has_no_rhythm(x: object) -> None:
    times = np.arange(80) / 10
    assert wrist_rhythm(times, x(times)) == 0  # type: ignore[operator]


def test_noise_has_little_rhythm() -> None:
    times = np.arange(600) / 10
    assert wrist_rhythm(times, np.random.default_rng(0).normal(0, 5, 600)) < 0.3


def test_gap_does_not_change_the_rhythm() -> None:
    """The wave continues in time during the gap; counting frames without timestamps would break its phase."""
    times = np.arange(120) / 10
    confidences = all_visible(120)
    confidences[40:57, WRIST] = 0
    x = 20 * np.sin(2 * np.pi * times / 0.9)
    x[40:57] = 500
    assert wrist_rhythm(times, x, confidences) == pytest.approx(1, abs=0.1)


def test_long_gap_is_fast_and_changes_nothing() -> None:
    times = np.arange(60) / 10
    x = 20 * np.sin(2 * np.pi * times)
    near, far = (wrist_rhythm(np.concatenate([times, times + gap]), np.tile(x, 2)) for gap in (60, 1e9))
    assert near == pytest.approx(far, abs=1e-6)


@pytest.mark.parametrize(
    "times", [np.arange(8) / 10, np.arange(14) * 5.0], ids=["less than a second", "stills, seconds apart"]
)
def test_rhythm_of_too_few_samples_is_missing(times: Array) -> None:
    points = standing(len(times))
    points[::2, WRIST] += 20
    features = session_features(points, times, all_visible(len(times)))
    assert all(math.isnan(features[name]) for name in features if name.startswith("rhythm_"))
