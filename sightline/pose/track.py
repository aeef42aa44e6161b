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


@dataclass(frozen=True, eq=False)
class Track:
    """A person's poses in chronological order, one row per frame with the person; it may be empty.

    - ``frames``: shape (n,), int64, the frame's number in the video, rising.
    - ``times``: shape (n,), float64, seconds in the video, rising.
    - ``keypoints``: shape (n, 25, 3), float32, as :data:`~sightline.pose.skeleton.Keypoints`.
    - ``size``: the frames' width and height in pixels.
    - ``fps``: the number of tracked frames per second.

    Raises ValueError if these conditions are not met. The arrays are read-only.
    """

    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    keypoints: NDArray[np.float32]
    size: tuple[int, int]
    fps: float

    def __post_init__(self) -> None:
        for name, dtype in (("frames", np.int64), ("times", np.float64), ("keypoints", np.float32)):
            array = np.array(getattr(self, name), dtype)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        n = len(self.frames)
        shapes = (self.frames.shape, self.times.shape, self.keypoints.shape)
        if shapes != ((n,), (n,), (n, len(JOINTS), 3)):
            raise ValueError(f"frames, times and keypoints are (n,), (n,) and (n, 25, 3); these are {shapes}")
        if not (np.isfinite(self.times).all() and np.isfinite(self.keypoints).all()):
            raise ValueError("times and keypoints must be finite")
        for name, values in (("frames", self.frames), ("times", self.times)):
            if (not_rising := np.flatnonzero(np.diff(values) <= 0)).size:
                row = int(not_rising[0])
                raise ValueError(f"{name} must rise; row {row + 1} has {values[row + 1]} after {values[row]}")
        if not (min(self.size) > 0 and 0 < self.fps < np.inf):
            raise ValueError(f"{self.size} pixels at {self.fps} frames a second: size and rate must be positive")

    def to_parquet(self, target: str | Path | IO[bytes]) -> None:
        """Write the columns ``frame``, ``time`` and ``keypoints`` (x, y and confidence of all joints in turn).

        The schema's metadata describes them: skeleton, joints' names, units, frame size, rate.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        metadata = {
            "skeleton": BODY_25.name,
            "joints": json.dumps(JOINTS),
            "units": json.dumps(
                {
                    "frame": "number of the frame in the video, from 0",
                    "time": "seconds in the video",
                    "keypoints": "x and y in pixels from the frame's top left, and confidence 0 to 1, of each joint",
                }
            ),
            "width": str(self.size[0]),
            "height": str(self.size[1]),
            "fps": repr(float(self.fps)),
        }
        columns = {
            "frame": pa.array(self.frames),
            "time": pa.array(self.times),
            "keypoints": pa.FixedSizeListArray.from_arrays(pa.array(self.keypoints.ravel()), _NUMBERS),
        }
        pq.write_table(  # type: ignore[no-untyped-call]
            pa.table(columns, schema=_schema().with_metadata(metadata)),
            str(target) if isinstance(target, Path) else target,
            compression="zstd",
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
        if not table.schema.equals(_schema()):
            raise InvalidInput(name, f"its columns are {_columns(table.schema)}, not {_columns(_schema())}", _FIX)
        if metadata.get("skeleton") != BODY_25.name:
            raise InvalidInput(name, f"its skeleton is {metadata.get('skeleton')}, not {BODY_25.name}", _FIX)
        try:
            return cls(
                frames=table["frame"].to_numpy(),
                times=table["time"].to_numpy(),
                keypoints=table["keypoints"].combine_chunks().flatten().to_numpy().reshape(-1, len(JOINTS), 3),
                size=(int(metadata["width"]), int(metadata["height"])),
                fps=float(metadata["fps"]),
            )
        except KeyError as error:
            raise InvalidInput(name, f"its metadata lack {error}", _FIX) from error
        except ValueError as error:
            raise InvalidInput(name, str(error), _FIX) from error


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("frame", pa.int64()),
            pa.field("time", pa.float64()),
            pa.field("keypoints", pa.list_(pa.float32(), _NUMBERS)),
        ]
    )


def _columns(schema: Any) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
