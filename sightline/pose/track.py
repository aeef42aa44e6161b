"""The poses of one person in a video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sightline.pose.skeleton import JOINTS

Scalar = TypeVar("Scalar", bound=np.generic)

_DTYPES = {
    "frames": np.int64,
    "times": np.float64,
    "keypoints": np.float32,
    "tracked_frames": np.int64,
    "frame_times": np.float64,
}


@dataclass(frozen=True, eq=False)
class Track:
    """A person's poses in chronological order, one row per frame with the person; it may be empty.

    - ``frames``: shape (n,), int64, the frame's number in the video, rising.
    - ``times``: shape (n,), float64, seconds in the video, rising.
    - ``keypoints``: shape (n, 25, 3), float32, as :data:`~sightline.pose.skeleton.Keypoints`.
    - ``size``: the frames' width and height in pixels.
    - ``fps``: the number of tracked frames per second.
    - ``tracked_frames``: shape (t,), int64, the numbers of all tracked frames, with or without a person, rising.
    - ``frame_times``: shape (m,), float64, the seconds of every frame of the video, tracked or not, never falling.
      ``times`` are those of ``frames``.

    ``tracked_frames`` and ``frame_times`` are both None if they are unknown, as in files of version 0.1. Raises
    ValueError if these conditions are not met. The arrays are read-only.
    """

    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    keypoints: NDArray[np.float32]
    size: tuple[int, int]
    fps: float
    tracked_frames: NDArray[np.int64] | None = None
    frame_times: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        freeze(self, _DTYPES)
        check_poses(self)
        check_rising("frames", self.frames)
        check_rising("times", self.times)
        check_video(self)


class Poses(Protocol):
    """The arrays that tracks of one person and of everyone have in common."""

    @property
    def frames(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def times(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def keypoints(self) -> NDArray[np.float32]: ...  # noqa: D102
    @property
    def size(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def fps(self) -> float: ...  # noqa: D102
    @property
    def tracked_frames(self) -> NDArray[np.int64] | None: ...  # noqa: D102
    @property
    def frame_times(self) -> NDArray[np.float64] | None: ...  # noqa: D102


def freeze(track: object, dtypes: Mapping[str, Any]) -> None:
    """Make the arrays of a frozen dataclass read-only, with these types; None stays None.

    Others are copied, unless they are read-only already: the poses of two hours are 22 MB a person.
    """
    for name, dtype in dtypes.items():
        if (values := getattr(track, name)) is not None:
            object.__setattr__(track, name, _frozen(values, dtype))


def read_only(values: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return an array that only the caller has, made read-only."""
    values.setflags(write=False)
    return values


def _frozen(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    is_frozen = isinstance(values, np.ndarray) and values.dtype == dtype and not values.flags.writeable
    return values if is_frozen else read_only(np.array(values, dtype))


def check_poses(track: Poses) -> None:
    """Raise ValueError if shapes, numbers, size or rate are invalid."""
    n = len(track.frames)
    shapes = (track.frames.shape, track.times.shape, track.keypoints.shape)
    if shapes != ((n,), (n,), (n, len(JOINTS), 3)):
        raise ValueError(f"frames, times and keypoints are (n,), (n,) and (n, 25, 3); these are {shapes}")
    if not (_are_finite(track.times) and _are_finite(track.keypoints)):
        raise ValueError("times and keypoints must be finite")
    if not (min(track.size) > 0 and 0 < track.fps < np.inf):
        raise ValueError(f"{track.size} pixels at {track.fps} frames a second: size and rate must be positive")


def _are_finite(values: NDArray[np.floating[Any]]) -> bool:
    # max() and min() propagate NaN, and need no temporary array.
    return not values.size or bool(np.isfinite(values.max()) and np.isfinite(values.min()))


def check_rising(name: str, values: NDArray[Any]) -> None:
    """Raise ValueError if a value is not above the one before it."""
    if (not_rising := np.flatnonzero(np.diff(values) <= 0)).size:
        row = int(not_rising[0])
        raise ValueError(f"{name} must rise; row {row + 1} has {values[row + 1]} after {values[row]}")


def check_video(track: Poses) -> None:
    """Raise ValueError if the frames of the video are invalid, or contradict the poses."""
    tracked, times = track.tracked_frames, track.frame_times
    if tracked is None or times is None:
        if (tracked is None) != (times is None):
            raise ValueError("tracked_frames and frame_times must be given together")
        return
    if tracked.ndim != 1 or times.ndim != 1:
        raise ValueError(f"tracked_frames and frame_times are (t,) and (m,); these are {tracked.shape, times.shape}")
    if not np.isfinite(times).all():
        raise ValueError("frame_times must be finite")
    if (falling := np.flatnonzero(np.diff(times) < 0)).size:
        row = int(falling[0])
        raise ValueError(f"frame_times must not fall; frame {row + 1} has {times[row + 1]} after {times[row]}")
    check_rising("tracked_frames", tracked)
    if len(tracked) and not (tracked[0] >= 0 and tracked[-1] < len(times)):
        raise ValueError(f"frames {tracked[0]} to {tracked[-1]} are tracked, and the video has {len(times)} frames")
    if (untracked := np.setdiff1d(track.frames, tracked)).size:
        raise ValueError(f"frame {untracked[0]} has a person and is not one of the tracked frames")
    if (other := np.flatnonzero(track.times != times[track.frames])).size:
        row = int(other[0])
        frame = track.frames[row]
        raise ValueError(f"the time of frame {frame} is {track.times[row]} in times, {times[frame]} in frame_times")
