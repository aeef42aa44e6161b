"""The poses of everyone in a video.

The file is described in :mod:`sightline.pose.track_file`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from sightline.pose.skeleton import Keypoints
from sightline.pose.track import Track, check_poses, check_rising, check_video, freeze, read_only

_DTYPES = {
    "frames": np.int64,
    "times": np.float64,
    "people": np.int64,
    "keypoints": np.float32,
    "tracked_frames": np.int64,
    "frame_times": np.float64,
}


@dataclass(frozen=True, eq=False)
class PeopleTrack:
    """Everyone's poses, one row per frame and person in it, by frame and then by person; it may be empty.

    - ``frames``: shape (n,), int64, the frame's number in the video, never falling.
    - ``times``: shape (n,), float64, seconds in the video; one time per frame.
    - ``people``: shape (n,), int64, the person's number, from 1 in the order of first appearance; rising in a frame.
    - ``keypoints``: shape (n, 25, 3), float32, as :data:`~sightline.pose.skeleton.Keypoints`.

    The other fields are those of :class:`~sightline.pose.track.Track`. Raises ValueError if these conditions are not
    met. The arrays are read-only.
    """

    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    people: NDArray[np.int64]
    keypoints: NDArray[np.float32]
    size: tuple[int, int]
    fps: float
    tracked_frames: NDArray[np.int64] | None = None
    frame_times: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        freeze(self, _DTYPES)
        check_poses(self)
        if self.people.shape != self.frames.shape:
            raise ValueError(f"people is {self.frames.shape} like frames; it is {self.people.shape}")
        if len(self.people) and self.people.min() < 1:
            raise ValueError(f"people are numbered from 1; there is a person {self.people.min()}")
        if (falling := np.flatnonzero(np.diff(self.frames) < 0)).size:
            row = int(falling[0])
            raise ValueError(f"frames must not fall; row {row + 1} has {self.frames[row + 1]} after {self.frames[row]}")
        same = np.diff(self.frames) == 0
        if (twice := np.flatnonzero(same & (np.diff(self.people) <= 0))).size:
            row = int(twice[0])
            raise ValueError(
                f"people must rise in a frame; frame {self.frames[row]} has person {self.people[row + 1]} after "
                f"{self.people[row]}"
            )
        if (differing := np.flatnonzero(same & (np.diff(self.times) != 0))).size:
            row = int(differing[0])
            raise ValueError(f"frame {self.frames[row]} has two times, {self.times[row]} and {self.times[row + 1]}")
        check_rising("times", self.times[np.flatnonzero(np.append(True, ~same))] if len(self.frames) else self.times)
        check_video(self)

    @classmethod
    def of_one(cls, track: Track, person: int = 1) -> PeopleTrack:
        """Return the track of a video with one person."""
        return cls(
            frames=track.frames,
            times=track.times,
            people=np.full(len(track.frames), person),
            keypoints=track.keypoints,
            size=track.size,
            fps=track.fps,
            tracked_frames=track.tracked_frames,
            frame_times=track.frame_times,
        )

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the people, rising."""
        return tuple(np.unique(self.people).tolist())

    def of(self, person: int) -> Track:
        """Return the poses of one person; they are empty if there is no person with this number."""
        rows = self.people == person
        alone = bool(rows.all())  # then the arrays are shared
        return Track(
            frames=self.frames if alone else read_only(self.frames[rows]),
            times=self.times if alone else read_only(self.times[rows]),
            keypoints=self.keypoints if alone else read_only(self.keypoints[rows]),
            size=self.size,
            fps=self.fps,
            tracked_frames=self.tracked_frames,
            frame_times=self.frame_times,
        )

    def frames_with(self, person: int | None = None) -> int:
        """Return the number of frames with this person; None: with anyone."""
        return len(np.unique(self.frames)) if person is None else int((self.people == person).sum())

    def by_frame(self) -> dict[int, dict[int, Keypoints]]:
        """Return the people of every frame with anyone: their keypoints, shape (25, 3), by number."""
        frames: dict[int, dict[int, Keypoints]] = {}
        for frame, person, keypoints in zip(self.frames.tolist(), self.people.tolist(), self.keypoints, strict=True):
            frames.setdefault(frame, {})[person] = keypoints
        return frames

    def to_parquet(self, target: str | Path | IO[bytes]) -> None:
        """Write the file of the track."""
        from sightline.pose.track_file import write_track

        write_track(self, target)

    @classmethod
    def from_parquet(cls, source: str | Path | IO[bytes], name: str | None = None) -> PeopleTrack:
        """Read a file of any version; in those of earlier versions everyone is person 1.

        ``name`` is the file's name in error messages. Raises FileNotFoundError if there is no file, and
        :class:`~sightline.errors.InvalidInput` for any other file.
        """
        from sightline.pose.track_file import read_track

        return read_track(source, name)
