"""The poses of one person in a video, and their parquet file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InvalidInput
from sightline.pose.skeleton import BODY_25, JOINTS

_NUMBERS = 3 * len(JOINTS)
_FIX = "Process the video again"
_DTYPES = {
    "frames": np.int64,
    "times": np.float64,
    "keypoints": np.float32,
    "tracked_frames": np.int64,
    "frame_times": np.float64,
}
_UNITS = {
    "frame": "number of the frame in the video, from 0",
    "time": "seconds in the video",
    "tracked": "whether the person was searched for in the frame",
    "keypoints": "x and y in pixels from the frame's top left, and confidence 0 to 1, of each joint; null: no person",
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
        for name, dtype in _DTYPES.items():
            if (values := getattr(self, name)) is not None:
                array = np.array(values, dtype)
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        n = len(self.frames)
        shapes = (self.frames.shape, self.times.shape, self.keypoints.shape)
        if shapes != ((n,), (n,), (n, len(JOINTS), 3)):
            raise ValueError(f"frames, times and keypoints are (n,), (n,) and (n, 25, 3); these are {shapes}")
        if not (np.isfinite(self.times).all() and np.isfinite(self.keypoints).all()):
            raise ValueError("times and keypoints must be finite")
        _check_rising("frames", self.frames)
        _check_rising("times", self.times)
        if not (min(self.size) > 0 and 0 < self.fps < np.inf):
            raise ValueError(f"{self.size} pixels at {self.fps} frames a second: size and rate must be positive")
        if (self.tracked_frames is None) != (self.frame_times is None):
            raise ValueError("tracked_frames and frame_times must be given together")
        if self.tracked_frames is not None and self.frame_times is not None:
            self._check_video(self.tracked_frames, self.frame_times)

    def _check_video(self, tracked: NDArray[np.int64], times: NDArray[np.float64]) -> None:
        if tracked.ndim != 1 or times.ndim != 1:
            raise ValueError(
                f"tracked_frames and frame_times are (t,) and (m,); these are {tracked.shape, times.shape}"
            )
        if not np.isfinite(times).all():
            raise ValueError("frame_times must be finite")
        if (falling := np.flatnonzero(np.diff(times) < 0)).size:
            row = int(falling[0])
            raise ValueError(f"frame_times must not fall; frame {row + 1} has {times[row + 1]} after {times[row]}")
        _check_rising("tracked_frames", tracked)
        if len(tracked) and not (tracked[0] >= 0 and tracked[-1] < len(times)):
            raise ValueError(f"frames {tracked[0]} to {tracked[-1]} are tracked, and the video has {len(times)} frames")
        if (untracked := np.setdiff1d(self.frames, tracked)).size:
            raise ValueError(f"frame {untracked[0]} has a person and is not one of the tracked frames")
        if (other := np.flatnonzero(self.times != times[self.frames])).size:
            row = int(other[0])
            frame = self.frames[row]
            raise ValueError(f"the time of frame {frame} is {self.times[row]} in times, {times[frame]} in frame_times")

    def to_parquet(self, target: str | Path | IO[bytes]) -> None:
        """Write one row per frame: ``frame``, ``time`` and ``keypoints`` (x, y and confidence of all joints in turn).

        If they are known, the rows are all frames of the video, with a column ``tracked``, and ``keypoints`` is null
        for a frame without a person; otherwise they are the frames with a person. The schema's metadata describes the
        columns: skeleton, joints' names, units, frame size, rate.
        """
        import pyarrow.parquet as pq

        table = _table_of_poses(self) if self.frame_times is None else _table_of_video(self, self.frame_times)
        metadata = {
            "skeleton": BODY_25.name,
            "joints": json.dumps(JOINTS),
            "units": json.dumps({name: _UNITS[name] for name in table.column_names}),
            "width": str(self.size[0]),
            "height": str(self.size[1]),
            "fps": repr(float(self.fps)),
        }
        pq.write_table(  # type: ignore[no-untyped-call]
            table.replace_schema_metadata(metadata),
            str(target) if isinstance(target, Path) else target,
            compression="zstd",
            # Almost all numbers are distinct. The times of 216,000 frames take 0.2 MB with these options, 1.5 without.
            use_dictionary=False,
            use_byte_stream_split=["time"],
        )

    @classmethod
    def from_parquet(cls, source: str | Path | IO[bytes], name: str | None = None) -> Track:
        """Read a file written by :meth:`to_parquet`; ``name`` is the file's name in error messages.

        Raises FileNotFoundError if there is no file, and :class:`~sightline.errors.InvalidInput` for any other file.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        name = name or (str(source) if isinstance(source, str | Path) else "track")
        try:
            table = pq.read_table(str(source) if isinstance(source, Path) else source)  # type: ignore[no-untyped-call]
        except pa.ArrowInvalid as error:
            raise InvalidInput(name, f"not a parquet file, or a broken one: {error}", _FIX) from error
        metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        if not (table.schema.equals(_schema_of_poses()) or table.schema.equals(_schema_of_video())):
            raise InvalidInput(name, f"its columns are {_text(table.schema)}, not {_text(_schema_of_video())}", _FIX)
        if metadata.get("skeleton") != BODY_25.name:
            raise InvalidInput(name, f"its skeleton is {metadata.get('skeleton')}, not {BODY_25.name}", _FIX)
        try:
            size, fps = (int(metadata["width"]), int(metadata["height"])), float(metadata["fps"])
        except KeyError as error:
            raise InvalidInput(name, f"its metadata lack {error}", _FIX) from error
        except ValueError as error:
            raise InvalidInput(name, f"its metadata hold no number: {error}", _FIX) from error
        try:
            return cls(**_arrays(table), size=size, fps=fps)
        except ValueError as error:
            raise InvalidInput(name, str(error), _FIX) from error


def _check_rising(name: str, values: NDArray[Any]) -> None:
    if (not_rising := np.flatnonzero(np.diff(values) <= 0)).size:
        row = int(not_rising[0])
        raise ValueError(f"{name} must rise; row {row + 1} has {values[row + 1]} after {values[row]}")


def _table_of_poses(track: Track) -> Any:
    import pyarrow as pa

    keypoints = pa.FixedSizeListArray.from_arrays(pa.array(track.keypoints.ravel()), _NUMBERS)
    columns = {"frame": pa.array(track.frames), "time": pa.array(track.times), "keypoints": keypoints}
    return pa.table(columns, schema=_schema_of_poses())


def _table_of_video(track: Track, times: NDArray[np.float64]) -> Any:
    import pyarrow as pa

    tracked, present = np.zeros((2, len(times)), bool)
    tracked[track.tracked_frames], present[track.frames] = True, True
    starts = np.concatenate([[0], np.cumsum(present) * _NUMBERS]).astype(np.int32)
    columns = {
        "frame": pa.array(np.arange(len(times))),
        "time": pa.array(times),
        "tracked": pa.array(tracked),
        "keypoints": pa.ListArray.from_arrays(
            pa.array(starts), pa.array(track.keypoints.ravel()), mask=pa.array(~present)
        ),
    }
    return pa.table(columns, schema=_schema_of_video())


def _arrays(table: Any) -> dict[str, NDArray[Any]]:
    """Return the arrays of a track by name. Raises ValueError if the table contradicts itself."""
    for column in set(table.column_names) - {"keypoints"}:
        if table[column].null_count:
            raise ValueError(f"a row has no {column}")
    lists = table["keypoints"].combine_chunks()
    lengths = set(lists.drop_null().value_lengths().unique().to_pylist())
    if wrong := lengths - {_NUMBERS}:
        raise ValueError(f"a row has {min(wrong)} numbers of keypoints, not {_NUMBERS}")
    frames, times = table["frame"].to_numpy(), table["time"].to_numpy()
    present = lists.is_valid().to_numpy(zero_copy_only=False)
    arrays = {
        "frames": frames[present],
        "times": times[present],
        "keypoints": lists.flatten().to_numpy().reshape(-1, len(JOINTS), 3),
    }
    if "tracked" in table.column_names:
        if not np.array_equal(frames, np.arange(len(frames))):
            raise ValueError(f"its rows are not the frames 0 to {len(frames) - 1}")
        arrays |= {"tracked_frames": frames[table["tracked"].to_numpy()], "frame_times": times}
    return arrays


def _schema_of_poses() -> Any:
    """Return the schema of version 0.1: the rows are the frames with a person."""
    import pyarrow as pa

    return pa.schema([*_position(), pa.field("keypoints", pa.list_(pa.float32(), _NUMBERS))])


def _schema_of_video() -> Any:
    """Return the schema of a file with all frames of the video."""
    import pyarrow as pa

    # Arrow cannot write a list of a fixed length as null.
    return pa.schema([*_position(), pa.field("tracked", pa.bool_()), pa.field("keypoints", pa.list_(pa.float32()))])


def _position() -> list[Any]:
    import pyarrow as pa

    return [pa.field("frame", pa.int64()), pa.field("time", pa.float64())]


def _text(schema: Any) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
