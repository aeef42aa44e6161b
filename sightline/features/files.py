"""The features of a folder of pose files, one JSON file per pose, whose names contain the times.

| name | time |
| --- | --- |
| ``pose_003_at_12.50s_ana_happy.json`` | the seconds in the name |
| ``pose_003_at_pos_375.json``, ``pose_at_pos_375.json`` | number over the rate; may be mixed with the above |
| ``visit_000000000375_keypoints.json``, as OpenPose writes | the frame's number over the rate |
| ``pose_000375.json`` | the pose's number over the rate |
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


def extract_features_from_json_files(folder: str | Location, *, rate: float = RATE) -> dict[str, float]:
    """Return the 88 features of the poses in ``folder``, a path or ``s3://`` URI with the files of one session.

    ``rate`` is the frequency of the numbers in the file names, per second. For names with a frame's number, give the
    video's frame rate; numbered poses have no time, and are taken as evenly spaced.

    Files that are not JSON are ignored, files without a person are skipped, and of two poses at the same time the first
    by name counts. If a file contains several people, the one with the highest confidence is used.

    Raises :class:`~sightline.errors.InvalidInput` for a file that is not a pose or whose name has no time, and for a
    folder with fewer than three poses or with poses of different kinds; ValueError for a rate that is not positive.
    """
    if not 0 < rate < math.inf:
        raise ValueError(f"{rate} frames a second: the rate must be positive and finite")
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


def _read(folder: Location, names: Sequence[str]) -> list[Keypoints | None]:
    uri = uri_of(folder)

    def read(name: str) -> Keypoints | None:
        return read_openpose(storage.read_bytes(folder / name), f"{uri}/{name}")

    if isinstance(folder, Path):  # a pool would take longer to start than the files take to read
        return [read(name) for name in names]
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(read, names))
