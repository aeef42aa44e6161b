"""Poses in the format of OpenPose 1.3: one JSON file per frame, BODY_25, pixel coordinates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

import numpy as np
from pydantic_core import from_json

from sightline import storage
from sightline.errors import InvalidInput
from sightline.media import PoseSeries
from sightline.pose.skeleton import JOINTS, Keypoints
from sightline.pose.track import Track
from sightline.storage import Location

_DECIMALS = 3
_OTHER_LISTS = (
    "face_keypoints_2d",
    "hand_left_keypoints_2d",
    "hand_right_keypoints_2d",
    "pose_keypoints_3d",
    "face_keypoints_3d",
    "hand_left_keypoints_3d",
    "hand_right_keypoints_3d",
)
_FIX = "Write it again with OpenPose's --write_json, model BODY_25"
_WRITERS = 8
_BATCH = 1024  # files; the poses of a long video are not all in memory
_UNKNOWN = "the session was stored by a version that did not keep the frames without a person"
_AGAIN = "Process the video again with another --video-bucket and --patients-bucket: a stored session is not changed"
_LARGEST = float(np.finfo(np.float32).max)
_NUMBERS = {int, float}  # exact types: bool is a subclass of int in Python, not in JSON


def write_openpose(keypoints: Keypoints | None) -> bytes:
    """Return the file of a frame with one person, shape (25, 3), or nobody. Numbers have three decimals.

    Raises ValueError if a number is not finite.
    """
    people = [] if keypoints is None else [_person(keypoints)]
    return json.dumps({"version": 1.3, "people": people}, separators=(",", ":"), allow_nan=False).encode()


def read_openpose(data: bytes, name: str = "OpenPose file") -> Keypoints | None:
    """Return the keypoints in a frame's file, shape (25, 3), or None if it contains nobody.

    Of several people, the one with the highest mean confidence is returned, the first of equals. Raises
    :class:`~sightline.errors.InvalidInput`, with ``name`` as its subject, for a file of another format.
    """
    people = [
        _keypoints(person, f"people[{place}]", name) for place, person in enumerate(_people(_parse(data, name), name))
    ]
    if len(people) < 2:
        return people[0] if people else None
    return max(people, key=lambda keypoints: float(keypoints[:, 2].mean()))


@dataclass(frozen=True)
class ExportedPoses:
    """The number of exported files, and of those with a person. ``warning``: which frames have no file, and why."""

    files: int
    with_person: int
    warning: str | None = None


def export_openpose(track: Track, stem: str, folder: Location, *, every_frame: bool = False) -> ExportedPoses:
    """Write ``{stem}_{frame:012d}_keypoints.json`` for every tracked frame; a file without a person has no people.

    With ``every_frame``, every frame of the video has a file. Tracked frames are written as above, and a frame between
    them as an annotated video shows it (:meth:`~sightline.media.PoseSeries.at`); a joint that is missing in one of
    the two tracked frames is missing there too.

    If the track has no ``tracked_frames``, only the frames with a person are written, with a warning; ``every_frame``
    then raises :class:`~sightline.errors.InvalidInput`, with ``stem`` as its subject, before a file is written.
    """

    def write(pose: tuple[int, Keypoints | None]) -> bool:
        frame, keypoints = pose
        storage.write_bytes(folder / f"{stem}_{frame:012d}_keypoints.json", write_openpose(keypoints))
        return keypoints is not None

    poses = _poses_of_every_frame(track, stem) if every_frame else _tracked_poses(track)
    files = with_person = 0
    with ThreadPoolExecutor(_WRITERS) as pool:
        while batch := list(islice(poses, _BATCH)):
            with_person += sum(pool.map(write, batch))
            files += len(batch)
    warning = f"Frames without a person have no file: {_UNKNOWN}. {_AGAIN}" if track.tracked_frames is None else None
    return ExportedPoses(files, with_person, warning)


def _tracked_poses(track: Track) -> Iterator[tuple[int, Keypoints | None]]:
    """Yield the number of every tracked frame and its person, shape (25, 3), or None."""
    poses = dict(zip(track.frames.tolist(), track.keypoints, strict=True))
    tracked = track.frames if track.tracked_frames is None else track.tracked_frames
    return ((frame, poses.get(frame)) for frame in tracked.tolist())


def _poses_of_every_frame(track: Track, name: str) -> Iterator[tuple[int, Keypoints | None]]:
    """Yield the number of every frame of the video and its person, shape (25, 3), or None."""
    if track.frame_times is None:
        raise InvalidInput(name, f"not every frame can be exported: {_UNKNOWN}", _AGAIN)
    series = PoseSeries(1 / track.fps)
    for time, keypoints in zip(track.times.tolist(), track.keypoints, strict=True):
        series.add(time, keypoints)
    series.end()
    tracked = dict(_tracked_poses(track))
    return (
        (frame, tracked[frame] if frame in tracked else _without_missing(series.at(time)))
        for frame, time in enumerate(track.frame_times.tolist())
    )


def _without_missing(keypoints: Keypoints | None) -> Keypoints | None:
    # Between a joint and a missing one, which is (0, 0, 0), the position means nothing.
    return None if keypoints is None else np.where(keypoints[:, 2:] > 0, keypoints, np.float32(0))


def _person(keypoints: Keypoints) -> dict[str, list[Any]]:
    if keypoints.shape != (len(JOINTS), 3):
        raise ValueError(f"a person is {len(JOINTS)} rows of x, y, confidence; this one has shape {keypoints.shape}")
    numbers = [round(number, _DECIMALS) for number in keypoints.astype(float).ravel().tolist()]
    return {"person_id": [-1], "pose_keypoints_2d": numbers, **{key: [] for key in _OTHER_LISTS}}


def _parse(data: bytes, name: str) -> Any:
    # A session has many small files. This parser is three times as fast as json, but gives no position of an error.
    try:
        return from_json(data, allow_inf_nan=False)
    except ValueError:
        return _parse_slowly(data, name)


def _parse_slowly(data: bytes, name: str) -> Any:
    def not_json(constant: str) -> NoReturn:
        raise InvalidInput(name, f"holds {constant}, which is not JSON", _FIX)

    try:
        return json.loads(data, parse_constant=not_json)
    except json.JSONDecodeError as error:
        raise InvalidInput(name, f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}", _FIX) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(name, f"not JSON: byte {error.start} is not text", _FIX) from error


def _people(content: Any, name: str) -> Iterable[Any]:
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise InvalidInput(name, "has no list of people", _FIX)
    return people


def _keypoints(person: Any, place: str, name: str) -> Keypoints:
    place = f"{place}.pose_keypoints_2d"
    numbers = person.get("pose_keypoints_2d") if isinstance(person, dict) else None
    if not isinstance(numbers, list):
        raise InvalidInput(name, f"{place} is not a list", _FIX)
    if len(numbers) != 3 * len(JOINTS):
        raise InvalidInput(name, f"{place} has {len(numbers)} numbers, not {3 * len(JOINTS)}", _FIX)
    if not (set(map(type, numbers)) <= _NUMBERS and min(numbers) > -_LARGEST and max(numbers) < _LARGEST):
        for i, number in enumerate(numbers):
            if type(number) not in _NUMBERS or not -_LARGEST < number < _LARGEST:
                raise InvalidInput(name, f"{place}[{i}] is {json.dumps(number)}, not a number", _FIX)
    return np.array(numbers, np.float32).reshape(len(JOINTS), 3)
