"""A folder of pose files with several people: the features are those of one, or the folder is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.errors import InvalidInput
from sightline.features import extract_features_from_json_files, session_features
from sightline.pose import Keypoints
from sightline.sessions.ranges import pose_name
from tests.sightline.features.people import all_visible, swaying

TIMES = np.arange(12) / 10
ANA, CARER = (
    np.dstack([swaying(TIMES, seed) + place, all_visible(12)]).astype(np.float32).round(3)
    for seed, place in ((0, 0), (1, 700))
)


def write(folder: Path, number: int, *people: tuple[int | None, Keypoints]) -> None:
    """Write the file of a frame; a person's number is None if the file does not have the field."""
    entries = [
        ({} if person is None else {"person_id": [person]}) | {"pose_keypoints_2d": keypoints.ravel().tolist()}
        for person, keypoints in people
    ]
    (folder / pose_name(number)).write_text(json.dumps({"version": 1.3, "people": entries}))


def features_of(keypoints: Keypoints, rows: Any = slice(None)) -> Any:
    times = TIMES[rows]
    values = session_features(keypoints[rows, :, :2], times, keypoints[rows, :, 2], searched=TIMES)
    return pytest.approx(values, rel=1e-4, abs=1e-4, nan_ok=True)


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A folder with person 1 in all frames but two, and person 2, who is more visible, in the first half."""
    for frame in range(12):
        people = [(2, CARER[frame] * [1, 1, 1.1])] if frame < 6 else []
        write(tmp_path, frame, *people, *([] if frame in (3, 9) else [(1, ANA[frame])]))
    return tmp_path


def test_person_is_chosen_by_number(both: Path) -> None:
    assert extract_features_from_json_files(both, rate=10, person=1) == features_of(
        ANA, np.delete(np.arange(12), [3, 9])
    )
    assert extract_features_from_json_files(both, rate=10, person=2) == features_of(CARER, slice(6))


def test_several_people_are_refused_without_a_number(both: Path) -> None:
    with pytest.raises(InvalidInput, match=r"shows person 2 and person 1: .*Give the number of the person: 1, 2"):
        extract_features_from_json_files(both, rate=10)


def test_several_people_in_different_files_are_refused(tmp_path: Path) -> None:
    for frame in range(12):
        write(tmp_path, frame, (1, ANA[frame]) if frame < 8 else (2, CARER[frame]))
    with pytest.raises(
        InvalidInput, match=r"pose_000008\.json: shows person 2, and pose_000000\.json person 1"
    ) as caught:
        extract_features_from_json_files(tmp_path, rate=10)
    assert caught.value.subject == str(tmp_path / "pose_000008.json")


@pytest.mark.parametrize("number", [None, -1], ids=["no field", "unknown"])
def test_several_people_without_numbers_are_refused_by_file(tmp_path: Path, number: int | None) -> None:
    """OpenPose orders the people of each frame anew."""
    for frame in range(12):
        write(tmp_path, frame, *[(number, ANA[frame]), (number, CARER[frame])][: 2 if frame == 5 else 1])
    with pytest.raises(InvalidInput, match=r"shows 2 people without a number.*Leave only the poses of one") as caught:
        extract_features_from_json_files(tmp_path, rate=10)
    assert caught.value.subject == str(tmp_path / "pose_000005.json")


@pytest.mark.parametrize("number", [None, -1, 0, 7])
def test_only_person_needs_no_number(tmp_path: Path, number: int | None) -> None:
    for frame in range(12):
        write(tmp_path, frame, (number, ANA[frame]))
    assert extract_features_from_json_files(tmp_path, rate=10) == features_of(ANA)


def test_numbered_and_unnumbered_people_are_not_the_same(tmp_path: Path) -> None:
    for frame in range(12):
        write(tmp_path, frame, (1 if frame < 8 else -1, ANA[frame]))
    with pytest.raises(InvalidInput, match=r"shows a person without a number, and pose_000000\.json person 1"):
        extract_features_from_json_files(tmp_path, rate=10)


def test_number_that_is_not_in_the_files_is_named(both: Path) -> None:
    with pytest.raises(
        InvalidInput, match=r"holds 0 poses of person 3 .* of the people 1, 2; features need at least 3"
    ):
        extract_features_from_json_files(both, rate=10, person=3)


def test_number_that_a_file_has_twice_is_refused(both: Path) -> None:
    write(both, 4, (1, ANA[4]), (1, CARER[4]))
    with pytest.raises(InvalidInput, match=r"two people have the same person_id") as caught:
        extract_features_from_json_files(both, rate=10, person=1)
    assert caught.value.subject == str(both / "pose_000004.json")


def test_negative_number_is_rejected(both: Path) -> None:
    with pytest.raises(ValueError, match="person -1"):
        extract_features_from_json_files(both, person=-1)


def test_person_who_is_missing_for_long_has_no_motion_in_between(tmp_path: Path) -> None:
    keypoints = ANA.copy()
    keypoints[9:, :, 0] += 300
    for frame in range(12):
        write(tmp_path, frame, *([(1, keypoints[frame])] if frame < 3 or frame >= 9 else []))
    values = extract_features_from_json_files(tmp_path, rate=10)
    assert values == features_of(keypoints, np.r_[0:3, 9:12])
    assert values["speed_max_overall"] < 3
