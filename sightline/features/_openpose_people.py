"""To be replaced by ``sightline.pose.read_openpose_people``."""

from __future__ import annotations

from sightline.errors import InvalidInput
from sightline.pose import Keypoints
from sightline.pose.openpose import _keypoints, _parse, _people

_UNKNOWN = -1


def read_openpose_people(data: bytes, name: str = "OpenPose file") -> list[tuple[int, Keypoints]]:
    """Return the number, -1 if unknown, and the keypoints, shape (25, 3), of everyone in a frame's file."""
    people = [
        (_number(person), _keypoints(person, f"people[{place}]", name))
        for place, person in enumerate(_people(_parse(data, name), name))
    ]
    known = [number for number, _ in people if number != _UNKNOWN]
    if len(set(known)) < len(known):
        raise InvalidInput(name, f"two people have the same person_id: {sorted(known)}")
    return people


def _number(person: object) -> int:
    numbers = person.get("person_id") if isinstance(person, dict) else None
    return numbers[0] if isinstance(numbers, list) and len(numbers) == 1 and type(numbers[0]) is int else _UNKNOWN
