"""The 88 names, in the original system's order."""

from __future__ import annotations

import re

import pytest

from sightline.features import FEATURE_NAMES


def mirrored(name: str) -> str:
    return re.sub("left|right", lambda side: {"left": "right", "right": "left"}[side[0]], name)


def test_feature_names_are_88_and_unique() -> None:
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) == 88


@pytest.mark.parametrize(
    ("index", "name"),
    [
        (0, "angle_right_shoulder"),
        (1, "angle_right_elbow"),
        (4, "angle_neck"),
        (8, "angle_left_knee"),
        (9, "body_height"),
        (10, "shoulder_width"),
        (11, "body_height_to_width"),
        (12, "distance_wrists"),
        (18, "distance_nose_neck"),
        (21, "distance_ankles"),
        (22, "symmetry_shoulders"),
        (28, "symmetry_mean"),
        (29, "speed_mean_nose"),
        (30, "speed_max_nose"),
        (43, "speed_mean_left_wrist"),
        (46, "speed_max_overall"),
        (47, "acceleration_mean_nose"),
        (49, "acceleration_mean_right_wrist"),
        (54, "acceleration_max_overall"),
        (55, "displacement_mean_head"),
        (57, "displacement_std_head"),
        (66, "displacement_std_legs"),
        (67, "displacement_share_head"),
        (70, "displacement_share_legs"),
        (71, "rhythm_right_wrist_x"),
        (78, "rhythm_left_ankle_y"),
        (79, "box_width"),
        (82, "box_height_to_width"),
        (83, "box_movement_mean"),
        (86, "box_height_change_mean"),
        (87, "displacement_mean_overall"),
    ],
)
def test_groups_have_the_original_positions(index: int, name: str) -> None:
    assert FEATURE_NAMES[index] == name


def test_every_feature_has_a_mirrored_one() -> None:
    assert {mirrored(name) for name in FEATURE_NAMES} == set(FEATURE_NAMES)
