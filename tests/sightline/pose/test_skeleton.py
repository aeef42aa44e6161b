"""The BODY_25 table against MediaPipe's names and OpenPose's order."""

from __future__ import annotations

import re
from colorsys import rgb_to_hsv

import numpy as np
import pytest
from pose_format.utils.openpose import BODY_POINTS

from sightline.pose import BODY_25, JOINTS, LIMBS, detect_pose
from sightline.pose.skeleton import from_mediapipe

from .conftest import Photo

OTHER_NAMES = {"left_big_toe": "left_foot_index", "right_big_toe": "right_foot_index"}
MEANS = {"neck": {"left_shoulder", "right_shoulder"}, "mid_hip": {"left_hip", "right_hip"}}
UNKNOWN = {"left_small_toe", "right_small_toe"}


def openpose_name(name: str) -> str:
    sides = {"left": "L", "right": "R"}
    return "".join(sides.get(word, word.capitalize()) for word in name.split("_"))


def mirrored(name: str) -> str:
    return re.sub("left|right", lambda side: {"left": "right", "right": "left"}[side[0]], name)


class TestTable:
    def test_joints_have_the_order_of_openpose(self) -> None:
        assert [openpose_name(name) for name in JOINTS] == BODY_POINTS
        assert len(JOINTS) == 25

    def test_joints_use_landmarks_of_the_same_name_and_side(self) -> None:
        from mediapipe.python.solutions.pose import PoseLandmark

        for joint, sources in zip(JOINTS, BODY_25.sources, strict=True):
            expected = set() if joint in UNKNOWN else MEANS.get(joint, {OTHER_NAMES.get(joint, joint)})
            assert {PoseLandmark(source).name.lower() for source in sources} == expected, joint

    def test_table_is_not_inverted(self) -> None:
        """In the original system, 13 of 25 points were the nose."""
        landmarks = np.column_stack([np.arange(33), np.arange(33) ** 2, np.linspace(0.5, 1, 33)])
        keypoints = from_mediapipe(landmarks)
        known = [joint for joint, name in enumerate(JOINTS) if name not in UNKNOWN]
        assert len(np.unique(keypoints[known, :2], axis=0)) == 23


class TestFromMediapipe:
    @pytest.fixture
    def keypoints(self) -> np.ndarray:
        landmarks = np.zeros((33, 3))
        landmarks[11], landmarks[12] = (10, 30, 0.9), (20, 50, 0.4)
        return from_mediapipe(landmarks)

    def test_neck_is_between_the_shoulders(self, keypoints: np.ndarray) -> None:
        assert keypoints[JOINTS.index("neck"), :2].tolist() == [15, 40]

    def test_mean_has_the_lower_of_two_confidences(self, keypoints: np.ndarray) -> None:
        assert keypoints[JOINTS.index("neck"), 2] == np.float32(0.4)

    def test_small_toes_are_unknown(self) -> None:
        keypoints = from_mediapipe(np.ones((33, 3)))
        assert {JOINTS[joint] for joint in np.flatnonzero((keypoints == 0).all(axis=1))} == UNKNOWN


class TestLimbs:
    def test_limbs_join_all_joints_without_a_loop(self) -> None:
        reached = {LIMBS[0].a}
        for _ in LIMBS:
            for limb in LIMBS:
                if reached & {limb.a, limb.b}:
                    reached |= {limb.a, limb.b}
        assert reached == set(range(25))
        assert len(LIMBS) == 24

    def test_left_limbs_mirror_the_right_ones(self) -> None:
        pairs = {frozenset((JOINTS[limb.a], JOINTS[limb.b])) for limb in LIMBS}
        assert {frozenset(mirrored(name) for name in pair) for pair in pairs} == pairs

    def test_left_is_blue_and_right_is_orange(self) -> None:
        """People with red-green blindness can distinguish blue and orange."""
        for limb in LIMBS:
            names = JOINTS[limb.a] + JOINTS[limb.b]
            hue, saturation, brightness = rgb_to_hsv(*(part / 255 for part in limb.colour))
            assert brightness > 0.6
            if "left" in names:
                assert saturation > 0.5
                assert 0.5 < hue < 0.67
            elif "right" in names:
                assert saturation > 0.5
                assert hue < 0.15
            else:
                assert saturation < 0.1


def test_known_joints_of_a_person_are_distinct(skier: Photo) -> None:
    """In the original system, 13 of 25 points were the nose."""
    keypoints = detect_pose(skier.rgb)
    known = keypoints[keypoints[:, 2] > 0]
    assert len(known) == 23
    apart = np.linalg.norm(known[:, None, :2] - known[None, :, :2], axis=-1)
    assert apart[np.triu_indices(23, 1)].min() > 1
