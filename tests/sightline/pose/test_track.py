"""Tracks of one person are validated."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from sightline.pose import Track


def track_with(**changed: Any) -> Track:
    random = np.random.default_rng(0)
    arguments: dict[str, Any] = {
        "frames": np.array([0, 3, 6, 12]),
        "times": np.array([0.0, 0.1001, 0.2002, 0.4004]),
        "keypoints": random.uniform(0, 640, (4, 25, 3)).astype(np.float32),
        "size": (640, 480),
        "fps": 10.0,
    }
    return Track(**arguments | changed)


VIDEO = {"tracked_frames": np.arange(0, 16, 3), "frame_times": np.arange(17) * 0.1001 / 3}
"""The frames of the video of ``track_with``; nobody is in frames 9 and 15."""


def video_with(**changed: Any) -> Track:
    return track_with(**VIDEO | {"times": VIDEO["frame_times"][[0, 3, 6, 12]]} | changed)


class TestTrack:
    def test_arrays_are_typed_and_read_only(self) -> None:
        track = track_with(frames=[0, 1, 2, 3])
        assert (track.frames.dtype, track.times.dtype, track.keypoints.dtype) == (np.int64, np.float64, np.float32)
        with pytest.raises(ValueError, match="read-only"):
            track.times[0] = -1
        with pytest.raises(FrozenInstanceError):
            track.fps = 30.0

    def test_track_copies_the_arrays(self) -> None:
        times = np.array([0.0, 1.0, 2.0, 3.0])
        track = track_with(times=times)
        times[:] = 9
        assert track.times.tolist() == [0, 1, 2, 3]

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"frames": np.arange(3)}, r"\(3,\)"),
            ({"times": np.zeros((4, 1))}, r"\(4, 1\)"),
            ({"keypoints": np.zeros((4, 33, 3))}, r"\(4, 33, 3\)"),
            ({"keypoints": np.zeros((4, 75))}, r"\(4, 75\)"),
            ({"frames": np.array([0, 3, 3, 4])}, "frames must rise; row 2 has 3 after 3"),
            ({"times": np.array([0.0, 0.2, 0.1, 0.3])}, "times must rise; row 2 has 0.1 after 0.2"),
            ({"times": np.array([0.0, 0.1, np.nan, 0.3])}, "finite"),
            ({"keypoints": np.full((4, 25, 3), np.inf)}, "finite"),
            ({"size": (0, 480)}, "pixels"),
            ({"fps": 0.0}, "a second"),
            ({"fps": float("nan")}, "a second"),
        ],
    )
    def test_inconsistent_arrays_are_rejected(self, changed: dict[str, Any], reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            track_with(**changed)

    def test_frames_of_the_video_are_typed_and_read_only(self) -> None:
        track = video_with(tracked_frames=[0, 3, 6, 12])
        assert track.tracked_frames is not None
        assert track.frame_times is not None
        assert (track.tracked_frames.dtype, track.frame_times.dtype) == (np.int64, np.float64)
        for array in (track.tracked_frames, track.frame_times):
            assert not array.flags.writeable

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"tracked_frames": None}, "together"),
            ({"frame_times": None}, "together"),
            ({"tracked_frames": [[0, 3, 6, 12]]}, r"\(1, 4\)"),
            ({"tracked_frames": [0, 6, 3, 12]}, "tracked_frames must rise; row 2 has 3 after 6"),
            ({"tracked_frames": [0, 3, 6, 12, 17]}, "frames 0 to 17 are tracked, and the video has 17 frames"),
            ({"tracked_frames": [-1, 0, 3, 6, 12]}, "frames -1 to 12 are tracked"),
            ({"tracked_frames": [0, 3, 12, 15]}, "frame 6 has a person and is not one of the tracked frames"),
            ({"frame_times": np.zeros((17, 1))}, r"\(17, 1\)"),
            ({"frame_times": VIDEO["frame_times"][::-1]}, "must not fall; frame 1 has"),
            ({"frame_times": np.full(17, np.nan)}, "finite"),
            ({"frame_times": VIDEO["frame_times"] + 0.5}, "the time of frame 0 is 0.0 in times, 0.5 in frame_times"),
        ],
    )
    def test_inconsistent_frames_of_the_video_are_rejected(self, changed: dict[str, Any], reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            video_with(**changed)

    def test_frames_with_equal_times_are_accepted(self) -> None:
        times = VIDEO["frame_times"].copy()
        times[14] = times[13]
        assert video_with(frame_times=times).frame_times.tolist() == times.tolist()
