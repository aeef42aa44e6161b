"""The features of a folder of pose files, one JSON file per pose, whose names contain the times.

| name | time |
| --- | --- |
| ``pose_003_at_12.50s_ana_happy.json`` | the seconds in the name |
| ``pose_003_at_pos_375.json``, ``pose_at_pos_375.json`` | number over the rate; may be mixed with the above |
| ``visit_000000000375_keypoints.json``, as OpenPose writes | the frame's number over the rate |
| ``pose_000375.json`` | the pose's number over the rate |

A file lists everyone in the frame, with a number of each person if it is known. The features are those of one person:
the one that the caller names, or the only one in the folder. With several, the most visible one is not always the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sightline import storage
from sightline.errors import InvalidInput
from sightline.features.poses import MIN_POSES
from sightline.features.session import session_features
from sightline.pose import UNKNOWN_PERSON, Keypoints, read_openpose_people
from sightline.storage import Location, uri_of

RATE = 30.0
"""The default frames per second, which most cameras have."""

_SECONDS = re.compile(r"pose_[0-9]+_at_([0-9]+(?:\.[0-9]+)?)s_.+")
_NUMBERS = (
    # The kind of file, and the pattern of its number.
    ("still", re.compile(r"pose_(?:[0-9]+_)?at_pos_([0-9]+)")),
    ("numbered", re.compile(r"pose_([0-9]+)")),
    ("OpenPose", re.compile(r".+_([0-9]+)_keypoints")),
)
_SUFFIX = ".json"
_READERS = 8
People = list[tuple[int, Keypoints]]
"""The number and the keypoints of everyone in a file."""


def extract_features_from_json_files(
    folder: str | Location, *, rate: float = RATE, person: int | None = None
) -> dict[str, float]:
    """Return the 88 features of the poses in ``folder``, a path or ``s3://`` URI with the files of one session.

    ``person`` is the number of the person whose poses are used, as in the files' ``person_id``.

    ``rate`` is the frequency of the numbers in the file names, per second. For names with a frame's number, give the
    video's frame rate; numbered poses have no time, and are taken as evenly spaced.

    Files that are not JSON are ignored. In a file without the person, the person is missing at that time. Of two poses
    at the same time the first by name counts.

    Raises :class:`~sightline.errors.InvalidInput` for a file that is not a pose or whose name has no time, for several
    people of whom it is not known which one is meant, and for a folder with fewer than three poses or with poses of
    different kinds; ValueError for a rate that is not positive and a negative number of a person.
    """
    if not 0 < rate < math.inf:
        raise ValueError(f"{rate} frames a second: the rate must be positive and finite")
    if person is not None and person < 0:
        raise ValueError(f"person {person}: the numbers of people begin at 0")
    folder = storage.locate(folder)
    times = _times(folder, rate)
    names = sorted(times, key=lambda name: (times[name], name))
    files = _read(folder, names)
    chosen = _only_person(folder, files) if person is None else person
    poses: dict[float, Keypoints] = {}
    for name, people in files.items():
        for number, keypoints in people:
            if number == chosen:
                poses.setdefault(times[name], keypoints)
    if len(poses) < MIN_POSES:
        whose = "a person" if person is None else f"person {person}"
        numbers = sorted({number for people in files.values() for number, _ in people} - {UNKNOWN_PERSON})
        others = f" of the people {', '.join(map(str, numbers))}" if person is not None and numbers else ""
        raise InvalidInput(
            uri_of(folder),
            f"holds {len(poses)} poses of {whose} at different times, in {len(names)} JSON files{others}; "
            f"features need at least {MIN_POSES}",
            "Give the folder of a session's pose files",
        )
    keypoints = np.stack(list(poses.values()))
    searched = sorted(set(times.values()))
    return session_features(keypoints[:, :, :2], list(poses), keypoints[:, :, 2], searched=searched)


def _only_person(folder: Location, files: Mapping[str, People]) -> int:
    """Return the number of the only person in the files, -1 if it is unknown; raise InvalidInput if there are more."""
    first: dict[int, str] = {}
    for name, people in files.items():
        for number, _ in people:
            first.setdefault(number, name)
        if sum(number == UNKNOWN_PERSON for number, _ in people) > 1:
            raise InvalidInput(
                uri_of(folder / name),
                f"shows {len(people)} people without a number, person_id, so it is unknown which one is in other files",
                "Leave only the poses of one person in the files, or process the video with sightline, whose export "
                "numbers the people",
            )
    if len(first) > 1:
        known = ", ".join(str(number) for number in sorted(first) if number != UNKNOWN_PERSON)
        (one, file), (other, another) = list(first.items())[:2]
        both = f"{_text(one)} and {_text(other)}" if file == another else f"{_text(other)}, and {file} {_text(one)}"
        raise InvalidInput(
            uri_of(folder / another),
            f"shows {both}: the features are those of one person",
            f"Give the number of the person: {known}",
        )
    return next(iter(first), UNKNOWN_PERSON)


def _text(number: int) -> str:
    return "a person without a number" if number == UNKNOWN_PERSON else f"person {number}"


def _times(folder: Location, rate: float) -> dict[str, float]:
    """Return the time of every pose in seconds, by file name."""
    times: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for name in storage.file_names(folder):
        if name.endswith(_SUFFIX):
            kind, times[name] = _time(folder, name, rate)
            kinds.setdefault(kind, name)
    if len(kinds) > 1:
        first, second, *_ = kinds.values()
        raise InvalidInput(
            uri_of(folder),
            f"holds {first} and {second}, whose times cannot be combined",
            "Give a folder with the files of one session",
        )
    return times


def _time(folder: Location, name: str, rate: float) -> tuple[str, float]:
    """Return the file's kind, which must be the same throughout a session, and its time in seconds."""
    stem = name.removesuffix(_SUFFIX)
    if seconds := _SECONDS.fullmatch(stem):
        return "still", float(seconds[1])
    for kind, pattern in _NUMBERS:
        if numbered := pattern.fullmatch(stem):
            # OpenPose's files of two videos have different stems.
            return kind + stem[: numbered.start(1)] * (kind == "OpenPose"), int(numbered[1]) / rate
    raise InvalidInput(
        uri_of(folder / name),
        "its name contains neither a time nor a number",
        "Name pose files pose_000000.json, pose_000001.json, and so on; keep other JSON files elsewhere",
    )


def _read(folder: Location, names: Sequence[str]) -> dict[str, People]:
    """Return everyone in each of the files, in the order of the names."""
    uri = uri_of(folder)

    def read(name: str) -> People:
        return read_openpose_people(storage.read_bytes(folder / name), f"{uri}/{name}")

    if isinstance(folder, Path):  # a pool would take longer to start than the files take to read
        return {name: read(name) for name in names}
    with ThreadPoolExecutor(_READERS) as pool:
        return dict(zip(names, pool.map(read, names), strict=True))
