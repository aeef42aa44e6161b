"""Poses in the format of OpenPose 1.3: one JSON file per frame, BODY_25, pixel coordinates."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import numpy as np
from pydantic_core import from_json

from sightline import storage
from sightline.errors import InvalidInput
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


def export_openpose(track: Track, stem: str, folder: Location) -> int:
    """Write ``{stem}_{frame:012d}_keypoints.json`` for every frame with a person, and return the number of files."""

    def write(frame: int, keypoints: Keypoints) -> None:
        storage.write_bytes(folder / f"{stem}_{frame:012d}_keypoints.json", write_openpose(keypoints))

    with ThreadPoolExecutor(_WRITERS) as pool:
        return sum(1 for _ in pool.map(write, track.frames.tolist(), track.keypoints))


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
