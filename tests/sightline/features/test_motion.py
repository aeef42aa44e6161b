"""Motion features against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.features import session_features
from tests.sightline.features.people import Array, all_visible, index, standing

TORSO = 100
EVEN = np.arange(40) / 10


def moving_left(times: Array, *joints: str, speed: float = TORSO) -> Array:
    """Return a person whose joints, by default all, move to the left at ``speed`` pixels per second."""
    points = standing(len(times))
    points[:, [index(joint) for joint in joints] if joints else slice(None), 0] -= speed * times[:, None]
    return points


def test_uniform_motion_has_one_torso_length_per_second() -> None:
    features = session_features(moving_left(EVEN), EVEN, all_visible(40))
    for name, value in features.items():
        if name.startswith(("speed_", "displacement_mean_", "displacement_max_", "box_movement_")):
            assert value == pytest.approx(1), name
        if name.startswith(("acceleration_", "displacement_std_")) or "change" in name:
            assert value == pytest.approx(0, abs=1e-9), name
        if name.startswith("displacement_share_"):
            assert value == pytest.approx(0.25), name


@pytest.mark.parametrize(
    "times",
    [
        np.cumsum([0, 0.1, 0.1, 0.2, 0.02, 0.4, 0.1, 3, 0.03, 0.03]),
        np.array([7.0, 12, 17, 22]),
        np.arange(300) / 240,
    ],
    ids=["uneven", "seconds apart", "240 a second"],
)
def test_motion_uses_the_timestamps_of_frames(times: Array) -> None:
    features = session_features(moving_left(times), times, all_visible(len(times)))
    for name in ("speed_mean_nose", "speed_max_overall", "displacement_mean_legs", "box_movement_max"):
        assert features[name] == pytest.approx(1), name
    assert features["acceleration_max_overall"] == pytest.approx(0, abs=1e-6)


def test_circling_wrist_has_the_analytic_speed_and_acceleration() -> None:
    """At radius r and angular speed w the speed is r w and the acceleration r w²."""
    times = np.arange(80) / 20
    points, radius, turn = standing(80), 0.4 * TORSO, math.pi
    points[:, index("left_wrist")] += radius * np.stack([np.cos(turn * times), np.sin(turn * times)], axis=1)
    features = session_features(points, times, all_visible(80))
    for statistic in ("mean", "max"):
        assert features[f"speed_{statistic}_left_wrist"] == pytest.approx(0.4 * turn, rel=0.01)
        assert features[f"acceleration_{statistic}_left_wrist"] == pytest.approx(0.4 * turn**2, rel=0.01)
    assert features["speed_mean_left_elbow"] == 0
    assert features["speed_mean_overall"] == pytest.approx(features["speed_mean_left_wrist"] / 8)
    assert features["acceleration_mean_overall"] == pytest.approx(features["acceleration_mean_left_wrist"] / 3)
    assert features["displacement_mean_arms"] == pytest.approx(features["speed_mean_left_wrist"] / 6)
    assert features["displacement_max_arms"] == features["speed_max_left_wrist"] == features["speed_max_overall"]
    assert features["displacement_mean_overall"] == pytest.approx(features["speed_mean_left_wrist"] / 25)
    assert features["displacement_share_arms"] == 1
    assert features["displacement_std_arms"] == pytest.approx(
        features["speed_mean_left_wrist"] * math.sqrt(5) / 6, rel=0.01
    )


def test_extended_hand_widens_the_box() -> None:
    features = session_features(moving_left(EVEN, "right_wrist"), EVEN, all_visible(40))
    assert features["box_width_change_mean"] == pytest.approx(1)
    assert features["box_height_change_mean"] == 0
    assert features["box_movement_mean"] == pytest.approx(0.5)
    assert features["box_movement_max"] == pytest.approx(0.5)


def test_point_that_disappears_adds_no_motion() -> None:
    confidences = all_visible(40)
    confidences[::3, index("right_wrist")] = 0.05
    points = standing(40)
    points[::3, index("right_wrist")] = 0
    features = session_features(points, EVEN, confidences)
    for name, value in features.items():
        if name.startswith(("speed_", "displacement_mean_", "displacement_max_", "box_movement_")) or "change" in name:
            assert value == 0, name


@pytest.mark.parametrize(("confidence", "counts"), [(0.1, False), (0.11, True)])
def test_step_counts_if_both_confidences_exceed_a_tenth(confidence: float, counts: bool) -> None:
    times = np.arange(4) / 10
    points, confidences = standing(4), all_visible(4)
    points[1, index("nose"), 0] += 20
    confidences[1, index("nose")] = confidence
    features = session_features(points, times, confidences)
    assert features["speed_max_nose"] == pytest.approx(2 if counts else 0)


def test_point_without_consecutive_frames_has_no_speed() -> None:
    confidences = all_visible(40)
    confidences[::2, index("left_wrist")] = 0
    features = session_features(moving_left(EVEN), EVEN, confidences)
    assert math.isnan(features["speed_mean_left_wrist"])
    assert math.isnan(features["acceleration_max_left_wrist"])
    assert features["speed_mean_overall"] == pytest.approx(1)
    assert features["distance_wrists"] > 0


def test_gap_does_not_dilute_the_motion_around_it() -> None:
    """Two intervals of four seconds at speed 1, with a minute without the person and without motion between them."""
    times = np.concatenate([EVEN, EVEN + 64])
    points = np.concatenate([moving_left(EVEN), moving_left(EVEN)[::-1]])
    assert session_features(points, times, all_visible(80))["speed_mean_nose"] == pytest.approx(1, abs=0.1)


def test_jitter_has_the_same_speed_at_thirty_and_ten_frames() -> None:
    random = np.random.default_rng(0)
    means = []
    for rate in (10, 30):
        points = standing(rate * 60) + random.normal(0, 1, (rate * 60, 25, 2))
        means.append(
            session_features(points, np.arange(rate * 60) / rate, all_visible(rate * 60))["speed_mean_overall"]
        )
    assert means[1] == pytest.approx(means[0], rel=0.05)


def test_still_beside_a_tracked_frame_adds_no_speed() -> None:
    """Stills are a hundredth of a second from tracked frames, with jitter between them."""
    times = np.sort(np.concatenate([EVEN, [1.01, 2.02]]))
    points = standing(42)
    points[11] += 1
    points[22] += 1
    assert session_features(points, times, all_visible(42))["speed_max_overall"] < 0.2


def test_frames_closer_than_one_step_have_no_motion() -> None:
    features = session_features(standing(4), np.arange(4) / 1000, all_visible(4))
    assert math.isnan(features["speed_mean_nose"])
    assert math.isnan(features["box_movement_max"])
    assert features["body_height"] == pytest.approx(3.5)
