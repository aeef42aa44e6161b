"""The features of a folder of pose files, one JSON file a pose, whose names tell the times.

| name | time |
| --- | --- |
| ``pose_003_at_12.50s_ana_happy.json`` | the seconds it tells |
| ``pose_003_at_pos_375.json``, ``pose_at_pos_375.json`` | the frame's number over the rate; goes with the one above |
| ``visit_000000000375_keypoints.json``, OpenPose's own | the frame's number over the rate |
| ``pose_000375.json`` | its own number over the rate |
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sightline import storage
from sightline.errors import InvalidInput
from sightline.features.poses import MIN_POSES
from sightline.features.session import session_features
from sightline.pose import Keypoints, read_openpose
from sightline.storage import Location, uri_of

RATE = 30.0
"""Frames a second, where nothing tells: what most cameras take."""

_SECONDS = re.compile(r"pose_[0-9]+_at_([0-9]+(?:\.[0-9]+)?)s_.+")
_NUMBERS = (
    # What files of the kind are called together, and how their numbers are found.
    ("still", re.compile(r"pose_(?:[0-9]+_)?at_pos_([0-9]+)")),
    ("numbered", re.compile(r"pose_([0-9]+)")),
    ("OpenPose", re.compile(r".+_([0-9]+)_keypoints")),
)
_SUFFIX = ".json"
_READERS = 8


def extract_features_from_json_files(folder: str | Location, *, rate: float = RATE) -> dict[str, float]:
    """The 88 features of the poses in ``folder``, which holds one session: a path, or an ``s3://`` URI.

    ``rate``: how many a second the numbers in the files' names count. Names that carry a frame's number want the
    video's own rate; numbered poses carry no time at all and are taken as evenly spaced.

    Files that are not JSON are left alone, files without a person are skipped, and of two poses of one time the first
    by name counts. Where several people are seen, the surest is taken in each file.

    Raises :class:`~sightline.errors.InvalidInput` for a file that is no pose or whose name tells no time, and for a
    folder with fewer than three poses or with poses of different kinds; ValueError for a rate that cannot be.
    """
    if not 0 < rate < math.inf:
        raise ValueError(f"{rate} frames a second cannot be")
    folder = storage.locate(folder)
    times = _times(folder, rate)
    names = sorted(times, key=lambda name: (times[name], name))
    poses: dict[float, Keypoints] = {}
    for name, keypoints in zip(names, _read(folder, names), strict=True):
        if keypoints is not None:
            poses.setdefault(times[name], keypoints)
    if len(poses) < MIN_POSES:
        raise InvalidInput(
            uri_of(folder),
            f"holds {len(poses)} poses of a person at different times, in {len(names)} JSON files; "
            f"features need at least {MIN_POSES}",
            "Give the folder of a session's pose files",
        )
    keypoints = np.stack(list(poses.values()))
    return session_features(keypoints[:, :, :2], list(poses), keypoints[:, :, 2])


def _times(folder: Location, rate: float) -> dict[str, float]:
    """The seconds at which each of the folder's poses was taken, by the file's name."""
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
            f"holds {first} and {second}, whose times do not go together",
            "Give a folder with the files of one session",
        )
    return times


def _time(folder: Location, name: str, rate: float) -> tuple[str, float]:
    """Which files the file goes together with, and its seconds."""
    stem = name.removesuffix(_SUFFIX)
    if told := _SECONDS.fullmatch(stem):
        return "still", float(told[1])
    for kind, pattern in _NUMBERS:
        if numbered := pattern.fullmatch(stem):
            # OpenPose's files of two videos have two stems.
            return kind + stem[: numbered.start(1)] * (kind == "OpenPose"), int(numbered[1]) / rate
    raise InvalidInput(
        uri_of(folder / name),
        "its name tells neither a time nor a number",
        "Call pose files pose_000000.json, pose_000001.json, and so on; keep other JSON files elsewhere",
    )


def _read(folder: Location, names: Sequence[str]) -> list[Keypoints | None]:
    place = uri_of(folder)

    def read(name: str) -> Keypoints | None:
        return read_openpose(storage.read_bytes(folder / name), f"{place}/{name}")

    if isinstance(folder, Path):  # where a pool would take longer to start than the files to read
        return [read(name) for name in names]
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(read, names))
