"""Frames in the format of OpenPose 1.3: one JSON file per frame, BODY_25, pixel coordinates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np
from pydantic_core import from_json

from sightline.errors import InvalidInput
from sightline.pose.skeleton import JOINTS, Keypoints

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
_LARGEST = float(np.finfo(np.float32).max)
_NUMBERS = {int, float}  # exact types: bool is a subclass of int in Python, not in JSON


UNKNOWN_PERSON = -1
"""The number of a person in a file of OpenPose, which tracks nobody."""


def write_openpose(people: Mapping[int, Keypoints]) -> bytes:
    """Return the file of a frame: its people by number, in the order of ``people``; keypoints have shape (25, 3).

    A person's number is their ``person_id``. Many programs read the first person only: put the patient first, as
    :func:`in_order` does. Numbers have three decimals. Raises ValueError if a number is not finite.
    """
    content = {"version": 1.3, "people": [_person(number, keypoints) for number, keypoints in people.items()]}
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def in_order(people: Mapping[int, Keypoints], patient: int | None) -> dict[int, Keypoints]:
    """Return the people of a frame with the patient first, then the others by number."""
    return {number: people[number] for number in sorted(people, key=lambda number: (number != patient, number))}


def read_openpose(data: bytes, name: str = "OpenPose file") -> Keypoints | None:
    """Return the keypoints of one person in a frame's file, shape (25, 3), or None if it contains nobody.

    Of several people, the one with the highest mean confidence is returned, the first of equals: for files of photos.
    In a video it may be another person in every frame; see :func:`read_openpose_people`. Raises
    :class:`~sightline.errors.InvalidInput`, with ``name`` as its subject, for a file of another format.
    """
    people = [keypoints for _, keypoints in read_openpose_people(data, name)]
    return max(people, key=lambda keypoints: float(keypoints[:, 2].mean()), default=None)


def read_openpose_people(data: bytes, name: str = "OpenPose file") -> list[tuple[int, Keypoints]]:
    """Return everyone in a frame's file, in its order: the person's number and the keypoints, shape (25, 3).

    The number is :data:`UNKNOWN_PERSON` if the file has none, as in those of OpenPose. Raises
    :class:`~sightline.errors.InvalidInput`, with ``name`` as its subject, for a file of another format, and for two
    people with the same number.
    """
    people = [
        (_number(person, f"people[{place}]", name), _keypoints(person, f"people[{place}]", name))
        for place, person in enumerate(_people(_parse(data, name), name))
    ]
    known = [number for number, _ in people if number != UNKNOWN_PERSON]
    if len(set(known)) < len(known):
        raise InvalidInput(name, f"two people have the same person_id: {sorted(known)}", _FIX)
    return people


def _person(number: int, keypoints: Keypoints) -> dict[str, list[Any]]:
    if keypoints.shape != (len(JOINTS), 3):
        raise ValueError(f"a person is {len(JOINTS)} rows of x, y, confidence; this one has shape {keypoints.shape}")
    numbers = [round(number, _DECIMALS) for number in keypoints.astype(float).ravel().tolist()]
    return {"person_id": [number], "pose_keypoints_2d": numbers, **{key: [] for key in _OTHER_LISTS}}


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


def _number(person: Any, place: str, name: str) -> int:
    ids = person.get("person_id", [UNKNOWN_PERSON]) if isinstance(person, dict) else [UNKNOWN_PERSON]
    if ids == []:
        return UNKNOWN_PERSON
    if not (isinstance(ids, list) and len(ids) == 1 and type(ids[0]) is int and ids[0] >= UNKNOWN_PERSON):
        raise InvalidInput(name, f"{place}.person_id is {json.dumps(ids)}, not a list of one number", _FIX)
    return int(ids[0])


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
