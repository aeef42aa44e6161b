"""Tracking of one person at any frame rate, and detection of one in a photo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.pose import JOINTS, Keypoints, PeopleTracker, detect_pose
from sightline.pose.linking import link_pieces

from .conftest import Photo, Walk

SEEN_WELL = [JOINTS.index(name) for name in ("nose", "right_shoulder", "left_shoulder", "right_hip", "left_hip")]
SEEN_WELL += [
    JOINTS.index(f"{side}_{name}") for side in ("right", "left") for name in ("knee", "ankle", "elbow", "wrist")
]


def track(frames: Iterable[tuple[NDArray[np.uint8], float]]) -> list[Keypoints | None]:
    """Return the keypoints of the person in each frame, None if nobody is detected."""
    with PeopleTracker() as tracker:
        found = [final for rgb, time in frames for final in tracker.track(rgb, time)] + tracker.finish()
        people = link_pieces(tracker.pieces)
    person = max(people, key=lambda one: sum(piece.frames for piece in one.pieces), default=None)
    numbers = {piece.number for piece in person.pieces} if person else set()
    return [next((seen[number].keypoints for number in seen if number in numbers), None) for _, seen in found]


def share(poses: list[Keypoints | None]) -> float:
    return sum(pose is not None for pose in poses) / len(poses)


def mean_error(poses: list[Keypoints | None], walk: Walk, frames: Sequence[int]) -> float:
    """Return the mean distance of the joints from their median position on the person, in heights of the person."""
    detected = [
        (pose[SEEN_WELL, :2], walk.positions[frame])
        for pose, frame in zip(poses, frames, strict=True)
        if pose is not None
    ]
    on_the_person = np.array([joints - position for joints, position in detected])
    errors = on_the_person - np.median(on_the_person, axis=0)
    return float(np.linalg.norm(errors, axis=-1).mean()) / walk.height


class TestPose:
    def test_keypoints_are_pixels_with_confidence(self, skier: Photo) -> None:
        keypoints = track([(skier.rgb, 0.0)])[0]
        assert keypoints.shape == (25, 3)
        assert keypoints.dtype == np.float32
        left, top, width, height = skier.people[0]["bbox"]
        nose, hip = keypoints[JOINTS.index("nose")], keypoints[JOINTS.index("mid_hip")]
        assert left < nose[0] < left + width
        assert top < nose[1] < hip[1] < top + height
        assert nose[2] > 0.9
        assert ((keypoints[:, 2] >= 0) & (keypoints[:, 2] <= 1)).all()

    def test_frame_without_person_gives_none(self) -> None:
        assert track([(np.full((360, 640, 3), 127, np.uint8), 0.0)]) == [None]

    def test_mirroring_exchanges_left_and_right(self, skier: Photo) -> None:
        width = skier.rgb.shape[1]
        straight, mirrored = (detect_pose(rgb) for rgb in (skier.rgb, skier.rgb[:, ::-1]))
        for name in ("shoulder", "hip", "knee", "ankle", "wrist"):
            left, right = JOINTS.index(f"left_{name}"), JOINTS.index(f"right_{name}")
            for own, other in ((left, right), (right, left)):
                point = (width - 1 - mirrored[own, 0], mirrored[own, 1])
                assert np.linalg.norm(point - straight[other, :2]) < np.linalg.norm(point - straight[own, :2]), name

    def test_models_agree_with_mediapipes_solution(self, skier: Photo) -> None:
        """The package builds its graphs from parts of MediaPipe, which a release could change."""
        from mediapipe.python.solutions.pose import Pose, PoseLandmark

        with Pose(static_image_mode=True, model_complexity=1, min_detection_confidence=0.5) as solution:
            landmarks = solution.process(skier.rgb).pose_landmarks.landmark
        keypoints = detect_pose(skier.rgb)
        height, width = skier.rgb.shape[:2]
        for name in ("nose", "left_wrist", "right_wrist", "left_ankle", "right_ankle"):
            landmark = landmarks[PoseLandmark[name.upper()]]
            expected = (landmark.x * width, landmark.y * height, landmark.visibility)
            assert keypoints[JOINTS.index(name)] == pytest.approx(expected, abs=0.5), name


class TestAtTenFramesASecond:
    def test_signing_person_is_detected_in_every_frame(self, signing: list[tuple[NDArray[np.uint8], float]]) -> None:
        assert share(track(signing)) == 1
        assert share(track(signing[::3])) == 1

    @pytest.mark.parametrize(
        ("height", "reach", "period"),
        [
            pytest.param(64, 120, 4, id="small and brisk"),
            pytest.param(80, 220, 2, id="small and as fast as a car"),
            pytest.param(160, 220, 2, id="large and fast"),
        ],
    )
    def test_moving_person_is_detected_as_often_as_frame_by_frame(
        self, walk: Callable[..., Walk], height: int, reach: float, period: float
    ) -> None:
        """MediaPipe's loop detects the small, brisk one in 99 % of the frames at 30 per second, and in 10 % at 10."""
        clip = walk(height, reach, period, seconds=2)
        every, third = (track(zip(clip.frames[::step], clip.times[::step], strict=True)) for step in (1, 3))
        assert share(third) >= share(every) - 0.03
        assert share(third) >= 0.97
        assert mean_error(third, clip, range(0, len(clip.frames), 3)) < 0.012

    def test_uneven_times_are_tracked(self, walk: Callable[..., Walk]) -> None:
        clip = walk(80, 160, 4, seconds=3)
        frames = np.cumsum(np.random.default_rng(3).integers(1, 6, 25)).tolist()
        poses = track((clip.frames[i], clip.times[i]) for i in frames)
        assert share(poses) >= 0.97
        assert mean_error(poses, clip, frames) < 0.012


class TestSearch:
    def test_entering_person_is_detected_within_half_a_second(self, walk: Callable[..., Walk]) -> None:
        clip = walk(56, 20, 4, seconds=1)
        empty = [np.full((360, 640, 3), 127, np.uint8)] * 12
        poses = track((rgb, i / 10) for i, rgb in enumerate([*empty, *clip.frames[:6]]))
        assert poses[:12] == [None] * 12
        assert poses[-1] is not None

    def test_jumping_person_is_detected_immediately(self, walk: Callable[..., Walk]) -> None:
        clip = walk(160, 20, 4, seconds=0.2)
        moved = [np.roll(rgb, 250, axis=1) for rgb in clip.frames]
        before, after = track([(clip.frames[0], 0.0), (moved[0], 0.1)])
        nose = JOINTS.index("nose")
        assert after[nose, 0] - before[nose, 0] == pytest.approx(250, abs=5)

    def test_jumping_person_remains_the_same_person(self, walk: Callable[..., Walk]) -> None:
        """The other person is larger, and a search of the frame would detect them first."""
        near, far = (walk(tall, 0, 4, seconds=0.1).frames[0] for tall in (220, 100))
        alone, jumped = np.roll(far, -200, axis=1), np.roll(far, -130, axis=1)
        together = np.concatenate([jumped[:, :320], near[:, 200:520]], axis=1)
        nose = JOINTS.index("nose")
        before, after = (pose[nose] for pose in track([(alone, 0.0), (together, 0.1)]))
        assert after[:2] - before[:2] == pytest.approx([70, 0], abs=5)

    def test_person_who_leaves_is_no_longer_detected(self, skier: Photo) -> None:
        assert track([(skier.rgb, 0.0), (np.full_like(skier.rgb, 200), 0.1)])[1] is None

    def test_small_person_in_a_photo_is_detected(self, walk: Callable[..., Walk]) -> None:
        assert detect_pose(walk(56, 20, 4, seconds=0.1).frames[0]) is not None


class TestInvalidInput:
    @pytest.mark.parametrize("second", [0.5, 0.4, float("nan"), float("inf")])
    def test_times_must_increase(self, second: float) -> None:
        blank = np.zeros((64, 64, 3), np.uint8)
        with PeopleTracker() as tracker:
            tracker.track(blank, 0.5)
            with pytest.raises(ValueError, match="increase"):
                tracker.track(blank, second)

    @pytest.mark.parametrize(
        "frame", [np.zeros((64, 64), np.uint8), np.zeros((64, 64, 4), np.uint8), np.zeros((64, 64, 3))]
    )
    def test_frame_must_be_rgb_bytes(self, frame: NDArray[np.float64]) -> None:
        with PeopleTracker() as tracker, pytest.raises(ValueError, match="uint8"):
            tracker.track(frame, 0.0)
