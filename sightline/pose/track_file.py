"""The parquet file of a track: one row per frame and person, by frame and then by person.

| column | content |
| --- | --- |
| frame | number of the frame in the video, from 0 |
| time | seconds in the video |
| tracked | whether people were searched for in the frame |
| person | the person's number, from 1; null if nobody is in the frame, or it is not tracked |
| keypoints | x, y and confidence of all joints in turn; null if ``person`` is null |

A frame without people has one row. If the frames of the video are unknown, the rows are those with a person, and there
is no column ``tracked``. Files of earlier versions, which are only read, have no column ``person``. The schema's
metadata describes the columns: skeleton, joints' names, units, frame size, rate.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InvalidInput
from sightline.pose.people_track import PeopleTrack
from sightline.pose.skeleton import BODY_25, JOINTS

_NUMBERS = 3 * len(JOINTS)
_ROW_GROUP = 8192  # rows: the memory of writing is that of one group
_FIX = "Process the video again"
_UNITS = {
    "frame": "number of the frame in the video, from 0",
    "time": "seconds in the video",
    "tracked": "whether people were searched for in the frame",
    "person": "the person's number, from 1 in the order of first appearance; null: nobody",
    "keypoints": "x and y in pixels from the frame's top left, and confidence 0 to 1, of each joint; null: nobody",
}


def write_track(track: PeopleTrack, target: str | Path | IO[bytes]) -> None:
    """Write the file of a track."""
    import pyarrow.parquet as pq

    table = _table(track)
    metadata = {
        "skeleton": BODY_25.name,
        "joints": json.dumps(JOINTS),
        "units": json.dumps({name: _UNITS[name] for name in table.column_names}),
        "width": str(track.size[0]),
        "height": str(track.size[1]),
        "fps": repr(float(track.fps)),
    }
    pq.write_table(  # type: ignore[no-untyped-call]
        table.replace_schema_metadata(metadata),
        str(target) if isinstance(target, Path) else target,
        compression="zstd",
        # Almost all numbers are distinct. The times of 216,000 frames take 0.2 MB with these options, 1.5 without.
        use_dictionary=["person"],
        use_byte_stream_split=["time"],
        row_group_size=_ROW_GROUP,
    )


def read_track(source: str | Path | IO[bytes], name: str | None = None) -> PeopleTrack:
    """Read the file of a track, of any version. See :meth:`PeopleTrack.from_parquet`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = name or (str(source) if isinstance(source, str | Path) else "track")
    try:
        table = pq.read_table(str(source) if isinstance(source, Path) else source)  # type: ignore[no-untyped-call]
    except pa.ArrowInvalid as error:
        raise InvalidInput(name, f"not a parquet file, or a broken one: {error}", _FIX) from error
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if not any(table.schema.equals(schema) for schema in _schemas()):
        raise InvalidInput(name, f"its columns are {_text(table.schema)}, not {_text(_schema())}", _FIX)
    if metadata.get("skeleton") != BODY_25.name:
        raise InvalidInput(name, f"its skeleton is {metadata.get('skeleton')}, not {BODY_25.name}", _FIX)
    try:
        size, fps = (int(metadata["width"]), int(metadata["height"])), float(metadata["fps"])
    except KeyError as error:
        raise InvalidInput(name, f"its metadata lack {error}", _FIX) from error
    except ValueError as error:
        raise InvalidInput(name, f"its metadata hold no number: {error}", _FIX) from error
    try:
        return PeopleTrack(**_arrays(table), size=size, fps=fps)
    except ValueError as error:
        raise InvalidInput(name, str(error), _FIX) from error


def _table(track: PeopleTrack) -> Any:
    import pyarrow as pa

    if track.frame_times is None or track.tracked_frames is None:
        present = np.ones(len(track.frames), bool)
        columns = {"frame": pa.array(track.frames), "time": pa.array(track.times)}
        schema = pa.schema([*_position(), *_pose()])
    else:
        counts = np.bincount(track.frames, minlength=len(track.frame_times))
        frames = np.repeat(np.arange(len(counts)), np.maximum(counts, 1))
        present = counts[frames] > 0
        columns = {
            "frame": pa.array(frames),
            "time": pa.array(track.frame_times[frames]),
            "tracked": pa.array(np.isin(frames, track.tracked_frames)),
        }
        schema = _schema()
    people = np.zeros(len(present), np.int64)
    people[present] = track.people
    starts = np.concatenate([[0], np.cumsum(present) * _NUMBERS]).astype(np.int32)
    columns |= {
        "person": pa.array(people, mask=~present),
        "keypoints": pa.ListArray.from_arrays(
            pa.array(starts), pa.array(track.keypoints.ravel()), mask=pa.array(~present)
        ),
    }
    return pa.table(columns, schema=schema)


def _arrays(table: Any) -> dict[str, NDArray[Any]]:
    """Return the arrays of a track by name. Raises ValueError if the table contradicts itself."""
    for column in set(table.column_names) - {"person", "keypoints"}:
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
        "people": _people(table, present),
        "keypoints": lists.flatten().to_numpy().reshape(-1, len(JOINTS), 3),
    }
    if "tracked" in table.column_names:
        tracked = table["tracked"].to_numpy()
        first = _first_rows(frames, present)
        for name, values in (("time", times), ("tracked", tracked)):
            if (other := np.flatnonzero(values != values[first][frames])).size:
                raise ValueError(f"the rows of frame {frames[other[0]]} have two values of {name}")
        arrays |= {"tracked_frames": np.flatnonzero(tracked[first]), "frame_times": times[first]}
    return arrays


def _people(table: Any, present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the number of the person of every row with keypoints."""
    if "person" not in table.column_names:
        return np.ones(int(present.sum()), np.int64)
    people = table["person"].combine_chunks()
    if (other := np.flatnonzero(people.is_valid().to_numpy(zero_copy_only=False) != present)).size:
        raise ValueError(f"row {other[0]} has either a person or keypoints, not both")
    numbers: NDArray[np.int64] = people.drop_null().to_numpy()
    return numbers


def _first_rows(frames: NDArray[np.int64], present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the first row of every frame. Raises ValueError if the rows are not all frames of a video, in order."""
    first = np.flatnonzero(np.diff(frames, prepend=-1))
    if not np.array_equal(frames[first], np.arange(len(first))):
        raise ValueError(f"its rows are not the frames 0 to {len(first) - 1}")
    repeated = np.bincount(frames, minlength=len(first)) > 1
    if (empty := np.flatnonzero(repeated[frames] & ~present)).size:
        raise ValueError(f"frame {frames[empty[0]]} has a row without a person beside another row")
    return first


def _schemas() -> list[Any]:
    """Return the schemas of all versions, the current ones first."""
    import pyarrow as pa

    tracked = pa.field("tracked", pa.bool_())
    keypoints = pa.field("keypoints", pa.list_(pa.float32()))
    return [
        _schema(),
        pa.schema([*_position(), *_pose()]),
        pa.schema([*_position(), tracked, keypoints]),  # one person, with the frames of the video
        pa.schema([*_position(), pa.field("keypoints", pa.list_(pa.float32(), _NUMBERS))]),  # version 0.1
    ]


def _schema() -> Any:
    """Return the schema of a file with all frames of the video."""
    import pyarrow as pa

    return pa.schema([*_position(), pa.field("tracked", pa.bool_()), *_pose()])


def _position() -> list[Any]:
    import pyarrow as pa

    return [pa.field("frame", pa.int64()), pa.field("time", pa.float64())]


def _pose() -> list[Any]:
    import pyarrow as pa

    # Arrow cannot write a list of a fixed length as null.
    return [pa.field("person", pa.int64()), pa.field("keypoints", pa.list_(pa.float32()))]


def _text(schema: Any) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
