"""Two poses show one person if the head or the body is at one place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.pose import JOINTS, Keypoints, head_box
from sightline.pose.estimator import Detection
from sightline.pose.sameness import is_inside, is_part, same_person, same_pose, shows, similar_pose, visible_box
from tests.figures import figure, person, region_of

HEIGHT = 240
HEAD = [JOINTS.index(name) for name in ("nose", "right_eye", "left_eye", "right_ear", "left_ear")]
FRAME = np.zeros((360, 640, 3), np.uint8)


def with_head_at(keypoints: Keypoints, x: float, y: float) -> Keypoints:
    moved = keypoints.copy()
    moved[HEAD, :2] += np.array([x, y], np.float32) - keypoints[HEAD[0], :2]
    return moved


class TestSamePose:
    @pytest.mark.parametrize(("move", "same"), [(0, True), (6, True), (60, False), (200, False)])
    def test_bodies_at_one_place_are_one_person(self, move: int, same: bool) -> None:
        assert same_person(person(200), person(200 + move)) == same

    def test_one_head_with_two_bodies_is_one_person_unless_it_is_strict(self) -> None:
        """The landmark model guesses the joints outside the frame."""
        one, other = figure(200, 40, HEIGHT), figure(200, 40, 3 * HEIGHT)
        other = with_head_at(other, *one[0, :2].tolist())
        other[HEAD, :2] = one[HEAD, :2]
        assert same_pose(one, other)
        assert not same_pose(one, other, strict=True)

    def test_one_body_with_two_heads_is_one_person_unless_it_is_strict(self) -> None:
        one = figure(200, 40, HEIGHT)
        other = with_head_at(one, 200, 180)
        assert same_pose(one, other)
        assert not same_pose(one, other, strict=True)

    def test_people_shoulder_to_shoulder_are_two(self) -> None:
        assert not same_person(person(200), person(200 + round(0.3 * HEIGHT)))

    def test_child_before_an_adult_is_another_person(self) -> None:
        assert not same_person(person(200, 40, 300), person(200, 190, 150))

    def test_poses_without_a_head_are_compared_by_the_body(self) -> None:
        one, near, far = (figure(x, 40, HEIGHT) for x in (200, 206, 320))
        for keypoints in (one, near, far):
            keypoints[HEAD, 2] = 0
        assert same_pose(one, near)
        assert not same_pose(one, far)

    @given(st.floats(-300, 300), st.floats(-300, 300), st.floats(60, 600), st.booleans())
    def test_comparison_has_no_direction(self, x: float, y: float, height: float, strict: bool) -> None:
        one, other = figure(200, 40, HEIGHT), figure(200 + x, 40 + y, height)
        assert same_pose(one, other, strict=strict) == same_pose(other, one, strict=strict)
        assert not same_pose(one, other, strict=True) or same_pose(one, other)

    @given(st.integers(0, 2**32 - 1))
    def test_any_pose_is_itself(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        keypoints = random.uniform(1, 500, (25, 3)).astype(np.float32)
        keypoints[:, 2] = random.random(25)
        assert same_pose(keypoints, keypoints, strict=head_box(keypoints) is not None)


@pytest.mark.parametrize(("move", "expected"), [(0, True), (20, True), (30, False), (-30, False)])
def test_detection_shows_the_person_whose_shoulders_are_there(move: float, expected: bool) -> None:
    known = person(200)
    x, y = known.keypoints[JOINTS.index("neck"), :2].tolist()
    assert shows(Detection(region_of(known.keypoints), (x + move, y)), known) == expected


class TestVisibleBox:
    def test_joints_that_are_guessed_do_not_count(self) -> None:
        keypoints = figure(200, 40, HEIGHT)
        complete = visible_box(keypoints)
        legs = [index for index, name in enumerate(JOINTS) if name.endswith(("knee", "ankle", "toe", "heel"))]
        keypoints[legs, 2] = 0.3
        upper = visible_box(keypoints)
        assert upper[3] < keypoints[JOINTS.index("left_knee"), 1] < complete[3]
        assert upper[1] == pytest.approx(complete[1], abs=15)

    def test_head_is_in_the_box(self) -> None:
        keypoints = figure(200, 40, HEIGHT)
        head, box = head_box(keypoints), visible_box(keypoints)
        assert head is not None
        assert (box[:2] < head[:2]).all()
        assert (box[2:] > head[2:]).all()

    def test_person_of_whom_nothing_is_certain_has_a_box(self) -> None:
        keypoints = figure(200, 40, HEIGHT, confidence=0.2)
        assert visible_box(keypoints) == pytest.approx(visible_box(figure(200, 40, HEIGHT)))


@pytest.mark.parametrize(
    ("x", "top", "inside"),
    [(200, 40, True), (-5, 40, False), (40, -25, True), (645, 40, False), (200, -60, False), (200, 355, False)],
)
def test_person_is_inside_with_head_or_both_shoulders(x: int, top: int, inside: bool) -> None:
    assert is_inside(figure(x, top, HEIGHT), FRAME) == inside


class TestPart:
    def test_small_body_within_a_person_is_a_part_of_them(self) -> None:
        assert is_part(figure(200, 100, 70), figure(200, 40, HEIGHT))

    @pytest.mark.parametrize(
        "other", [figure(400, 100, 70), figure(200, 60, 120), np.zeros((len(JOINTS), 3), np.float32)]
    )
    def test_body_beside_a_large_one_and_an_unknown_one_are_no_parts(self, other: Keypoints) -> None:
        assert not is_part(other, figure(200, 40, HEIGHT))
        assert not is_part(figure(200, 40, HEIGHT), other)


def test_pose_with_other_joints_is_similar_but_not_the_same_strictly() -> None:
    other = figure(225, 60, 230)
    assert similar_pose(other, figure(200, 40, HEIGHT))
    assert not same_pose(other, figure(200, 40, HEIGHT), strict=True)
    assert not similar_pose(figure(300, 40, HEIGHT), figure(200, 40, HEIGHT))
