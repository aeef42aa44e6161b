"""The measures of tracking: what each mistake costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks._people.association import NearestMidHip, Sports2D, baselines
from benchmarks._people.clip import PersonTruth
from benchmarks._people.detections import Detections
from benchmarks._people.metrics import Tracked, combine, evaluate, matches, oks, overlap
from sightline.pose import JOINTS

FRAMES = 20


def body(x: float, y: float = 100.0) -> NDArray[np.float32]:
    """Return the joints of somebody 100 pixels high whose mid-hip is at x and y."""
    joints = np.zeros((len(JOINTS), 3), np.float32)
    offsets = np.random.default_rng(0).uniform((-20, -50), (20, 50), (len(JOINTS), 2))
    joints[:, :2] = offsets + np.array([x, y])
    joints[JOINTS.index("mid_hip"), :2] = x, y
    joints[:, 2] = 1
    return joints


def person(number: int, x: float, share: float = 1.0) -> PersonTruth:
    visible = np.full(len(JOINTS), share > 0)
    return PersonTruth(number, body(x), visible, (x - 20, 50, x + 20, 150), share, 100.0, 3000.0)


def truths(share: float = 1.0) -> list[tuple[PersonTruth, ...]]:
    """Return two people, 200 pixels apart, of whom the second is visible to the given share."""
    return [(person(1, 50 + step), person(2, 250 + step, share)) for step in range(FRAMES)]


def tracked(first: Sequence[int], second: Sequence[int]) -> list[Tracked]:
    """Return the two people under the given numbers; 0: not found."""
    frames = []
    for step, numbers in enumerate(zip(first, second, strict=True)):
        poses = body(50 + step), body(250 + step)
        frames.append({number: pose for number, pose in zip(numbers, poses, strict=True) if number})
    return frames


def results(first: Sequence[int], second: Sequence[int], share: float = 1.0, patient: int = 1) -> dict[str, float]:
    pytest.importorskip("trackeval")
    return combine({"clip": evaluate(truths(share), tracked(first, second), patient)})


class TestSimilarity:
    def test_same_joints_are_fully_similar(self) -> None:
        assert oks(person(1, 50), body(50), np.ones(len(JOINTS), bool)) == pytest.approx(1)

    def test_joints_that_are_not_visible_do_not_count(self) -> None:
        visible = np.ones(len(JOINTS), bool)
        visible[JOINTS.index("nose")] = False
        pose = body(50)
        pose[JOINTS.index("nose"), :2] = 1000
        assert oks(person(1, 50), pose, visible) == pytest.approx(1)

    def test_overlap_is_that_of_boxes_around_the_visible_joints(self) -> None:
        visible = np.ones(len(JOINTS), bool)
        assert overlap(person(1, 50), body(50), visible) == pytest.approx(1)
        pose = body(50)
        pose[JOINTS.index("left_ankle"), :2] = 1000
        assert overlap(person(1, 50), pose, visible) < 0.1
        visible[JOINTS.index("left_ankle")] = False
        assert overlap(person(1, 50), pose, visible) == pytest.approx(1)
        assert overlap(person(1, 50), body(200), visible) == 0

    def test_similarity_falls_with_the_distance(self) -> None:
        similar = [oks(person(1, 50), body(50 + offset), np.ones(len(JOINTS), bool)) for offset in (0, 3, 10, 100)]
        assert similar == sorted(similar, reverse=True)
        assert similar[-1] < 0.01

    def test_person_on_a_hidden_one_is_not_judged(self) -> None:
        people, numbers, _ = matches((person(1, 50), person(2, 250, share=0.1)), {5: body(50), 6: body(250)})
        assert people == [1]
        assert numbers == [5]

    def test_person_where_nobody_is_counts_as_false(self) -> None:
        _, numbers, _ = matches((person(1, 50),), {5: body(50), 6: body(400)})
        assert numbers == [5, 6]


class TestScores:
    def test_right_tracks_have_full_scores(self) -> None:
        figures = results([7] * FRAMES, [3] * FRAMES)
        assert figures["HOTA"] == pytest.approx(1)
        assert figures["IDF1"] == figures["patient kept"] == figures["patient found"] == 1
        assert figures["switches"] == 0

    def test_exchanged_numbers_halve_idf1(self) -> None:
        half = FRAMES // 2
        figures = results([1] * half + [2] * half, [2] * half + [1] * half)
        assert figures["IDF1"] == pytest.approx(0.5)
        assert figures["switches"] == 2
        assert figures["patient kept"] == 0
        assert figures["recall"] == figures["precision"] == 1

    def test_missing_frames_keep_the_identity(self) -> None:
        figures = results([1] * 8 + [0] * 4 + [1] * 8, [2] * FRAMES)
        assert figures["patient kept"] == 1
        assert figures["patient found"] == pytest.approx(0.8)
        assert figures["recall"] == pytest.approx(0.9)

    def test_new_number_after_a_gap_loses_the_patient(self) -> None:
        assert results([1] * 8 + [0] * 4 + [3] * 8, [2] * FRAMES)["patient kept"] == 0

    def test_patient_who_is_never_found_is_not_kept(self) -> None:
        figures = results([0] * FRAMES, [2] * FRAMES)
        assert figures["patient kept"] == figures["patient found"] == 0

    def test_hidden_person_need_not_be_found(self) -> None:
        for numbers in ([0] * FRAMES, [2] * FRAMES):
            figures = results([1] * FRAMES, numbers, share=0.1)
            assert figures["IDF1"] == 1

    @settings(deadline=None, max_examples=30)
    @given(
        first=st.lists(st.integers(0, 2), min_size=FRAMES, max_size=FRAMES),
        second=st.lists(st.integers(3, 4), min_size=FRAMES, max_size=FRAMES),
    )
    def test_the_numbers_themselves_do_not_matter(self, first: list[int], second: list[int]) -> None:
        renamed = {0: 0, 1: 40, 2: 3, 3: 9, 4: 1}
        figures = results(first, second)
        assert results([renamed[n] for n in first], [renamed[n] for n in second]) == pytest.approx(figures)


def found(*places: float) -> Detections:
    boxes = np.array([(x - 20, 50, x + 20, 150) for x in places], np.float32).reshape(-1, 4)
    keypoints = np.array([body(x) for x in places], np.float32).reshape(-1, len(JOINTS), 3)
    return Detections(keypoints, boxes, np.ones(len(places), np.float32))


class TestAssociations:
    @pytest.mark.parametrize("name", ["nearest mid-hip", "Sports2D", "ByteTrack", "OC-SORT"])
    def test_people_apart_keep_their_numbers(self, name: str) -> None:
        if name not in baselines():
            pytest.importorskip("trackers")
        association = baselines()[name]()
        numbers = [association(found(50 + step, 250 - step), step / 10) for step in range(FRAMES)]
        # Some report a person from the second frame on.
        assert len({tuple(pair) for pair in numbers[3:]}) == 1
        assert 0 not in numbers[3]

    def test_order_of_the_people_does_not_matter(self) -> None:
        for association in (NearestMidHip(), Sports2D()):
            first = association(found(50, 250), 0.0)
            assert association(found(251, 51), 0.1) == first[::-1]

    def test_mid_hip_farther_than_half_the_height_is_somebody_else(self) -> None:
        association = NearestMidHip()
        assert [association(found(x), 0.0) for x in (50, 99, 150)] == [[1], [1], [2]]

    def test_sports2d_takes_a_jump_of_250_pixels_for_somebody_else(self) -> None:
        association = Sports2D()
        assert [association(found(x), step / 10) for step, x in enumerate((50, 290, 550))] == [[1], [1], [2]]

    def test_sports2d_forgets_a_person_after_a_second(self) -> None:
        association = Sports2D()
        assert [association(found(50), time) for time in (0.0, 1.0, 2.1)] == [[1], [1], [2]]
