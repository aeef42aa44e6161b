"""Posture features against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.features import session_features
from tests.sightline.features.people import all_visible, index, standing

TIMES = np.arange(5) / 10

BY_HAND = {
    "angle_right_shoulder": 90,
    "angle_right_elbow": 90,
    "angle_left_shoulder": 90,
    "angle_left_elbow": 180,
    "angle_neck": 180,
    "angle_right_hip": 90,
    "angle_right_knee": 180,
    "angle_left_hip": 90,
    "angle_left_knee": 180,
    "body_height": 3.5,
    "shoulder_width": 1,
    "body_height_to_width": 3.5,
    "distance_wrists": math.hypot(1.5, 0.5),
    "distance_nose_mid_hip": 1.5,
    "distance_mid_hip_right_ankle": math.hypot(0.3, 2),
    "distance_mid_hip_left_ankle": math.hypot(0.3, 1.8),
    "distance_shoulders": 1,
    "distance_elbows": 1,
    "distance_nose_neck": 0.5,
    "distance_hips": 0.6,
    "distance_knees": 0.6,
    "distance_ankles": math.hypot(0.6, 0.2),
    "symmetry_shoulders": 0,
    "symmetry_elbows": 0,
    "symmetry_wrists": math.hypot(0.5, 0.5),
    "symmetry_hips": 0,
    "symmetry_knees": 0,
    "symmetry_ankles": 0.2,
    "symmetry_mean": (math.hypot(0.5, 0.5) + 0.2) / 6,
    "box_width": 1.5,
    "box_height": 3.7,
    "box_area": 5.55,
    "box_height_to_width": 3.7 / 1.5,
}


def test_posture_matches_values_computed_by_hand() -> None:
    features = session_features(standing(5), TIMES, all_visible(5))
    assert {name: features[name] for name in BY_HAND} == pytest.approx(BY_HAND)


def test_still_person_has_no_motion_and_no_rhythm() -> None:
    times = np.arange(30) / 10
    features = session_features(standing(30), times, all_visible(30))
    moving = {name: features[name] for name in features if name not in BY_HAND}
    shares = {name for name in moving if "share" in name}
    assert {name: moving[name] for name in moving.keys() - shares} == dict.fromkeys(moving.keys() - shares, 0)
    # Zero divided by zero.
    assert all(math.isnan(moving[name]) for name in shares)


def test_index_18_is_the_distance_of_nose_and_neck() -> None:
    points = standing(5)
    points[:, index("right_wrist")] += (-30, 5)
    before, after = (list(session_features(p, TIMES, all_visible(5)).values()) for p in (standing(5), points))
    assert before[12] != after[12]
    assert before[18] == after[18] == pytest.approx(0.5)


@pytest.mark.parametrize("raised", ["right_ankle", "left_ankle"])
def test_height_ends_at_the_lower_foot(raised: str) -> None:
    points = standing(5)
    points[:, [index("right_ankle"), index("left_ankle")], 1] = 450
    points[:, index(raised), 1] = 300
    assert session_features(points, TIMES, all_visible(5))["body_height"] == pytest.approx(3.5)


def test_height_is_missing_without_both_feet() -> None:
    confidences = all_visible(5)
    confidences[:, index("right_ankle")] = 0
    assert math.isnan(session_features(standing(5), TIMES, confidences)["body_height"])


def test_symmetry_of_a_missing_limb_is_missing() -> None:
    points, confidences = standing(5), all_visible(5)
    for joint in ("right_wrist", "left_wrist"):
        points[:, index(joint)], confidences[:, index(joint)] = 0, 0
    features = session_features(points, TIMES, confidences)
    for name in ("symmetry_wrists", "distance_wrists", "angle_right_elbow", "speed_mean_left_wrist"):
        assert math.isnan(features[name])
    assert features["symmetry_mean"] == pytest.approx(0.2 / 5)
    assert features["box_width"] == pytest.approx(1.0)


def test_point_counts_only_in_frames_that_show_it() -> None:
    """OpenPose writes (0, 0) for an invisible point, which must not change the mean."""
    points, confidences = standing(5), all_visible(5)
    points[3, index("right_wrist")], confidences[3, index("right_wrist")] = 0, 0
    features = session_features(points, TIMES, confidences)
    assert {name: features[name] for name in BY_HAND} == pytest.approx(BY_HAND)


def test_point_with_low_mean_confidence_is_missing_in_all_frames() -> None:
    confidences = all_visible(10)
    confidences[1:, index("left_knee")] = 0.005
    features = session_features(standing(10), np.arange(10) / 10, confidences)
    assert math.isnan(features["angle_left_knee"])


@pytest.mark.parametrize("joint", ["neck", "mid_hip"])
def test_missing_torso_leaves_angles_and_ratios_only(joint: str) -> None:
    times = np.arange(40) / 10
    points, confidences = standing(40), all_visible(40)
    points[:, :, 0] += 10 * np.sin(np.pi * times)[:, None]
    confidences[:, index(joint)] = 0
    features = session_features(points, times, confidences)
    for name in ("body_height", "distance_ankles", "speed_mean_nose", "box_area", "displacement_mean_overall"):
        assert math.isnan(features[name])
    assert features["angle_right_elbow"] == pytest.approx(90)
    assert features["body_height_to_width"] == pytest.approx(3.5)
    assert features["box_height_to_width"] == pytest.approx(3.7 / 1.5)
    assert features["displacement_share_arms"] == pytest.approx(0.25)
    assert features["rhythm_right_wrist_x"] > 0.9


def test_one_bad_frame_does_not_change_the_torso_length() -> None:
    points = standing(9)
    points[4, index("mid_hip")] = (300, 900)
    assert session_features(points, np.arange(9) / 10, all_visible(9))["shoulder_width"] == pytest.approx(1)


def test_angle_of_coincident_points_is_missing() -> None:
    points = standing(5)
    points[:, index("right_wrist")] = points[:, index("right_elbow")]
    assert math.isnan(session_features(points, TIMES, all_visible(5))["angle_right_elbow"])


def test_ratio_to_zero_width_is_missing() -> None:
    points = standing(5)
    points[:, :, 0] = 300
    features = session_features(points, TIMES, all_visible(5))
    assert math.isnan(features["body_height_to_width"])
    assert math.isnan(features["box_height_to_width"])
    assert features["shoulder_width"] == 0
