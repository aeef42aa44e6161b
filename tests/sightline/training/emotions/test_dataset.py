"""Sessions become rows, with the right labels and groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.errors import InvalidInput
from sightline.features import FEATURE_NAMES, track_features
from sightline.pose import Track
from sightline.sessions import SessionRecord, read_sessions, track_of
from sightline.storage import Location
from sightline.training.emotions import SessionTable, read_session_table, write_synthetic_sessions
from tests.emotions import record_of, table_of


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("buckets")
    write_synthetic_sessions(
        folder / "patients", "ana", video_bucket=folder / "videos", emotions=("sad", "happy"), sessions_per_emotion=3
    )
    return folder / "patients"


@pytest.fixture(scope="module")
def records(patients: Path) -> list[SessionRecord]:
    return read_sessions(patients, "ana")


def test_table_has_one_row_per_session(patients: Path, records: list[SessionRecord]) -> None:
    shares: list[float] = []
    table = read_session_table(patients, records, shares.append)
    assert table.sessions == tuple(records)
    assert table.classes == ("happy", "sad")
    assert table.labels.tolist() == [1, 0, 1, 0, 1, 0]
    assert table.groups.tolist() == [0, 1, 2, 3, 4, 5]
    assert shares == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    expected = track_features(Track.from_parquet(track_of(patients, records[4]))).features
    assert np.array_equal(table.features[4], [expected[name] for name in FEATURE_NAMES], equal_nan=True)


def test_sessions_on_s3_give_the_same_table(bucket: Location) -> None:
    written = write_synthetic_sessions(
        bucket / "patients", "José M.", video_bucket=bucket / "videos", emotions=("happy",), sessions_per_emotion=2
    )
    assert read_session_table(bucket / "patients", written).features.shape == (2, 88)


def test_sessions_of_one_video_form_one_group(patients: Path, records: list[SessionRecord]) -> None:
    same_file = records[3].model_copy(update={"video_file": records[0].video_file})
    same_content = records[5].model_copy(update={"sha256": records[3].sha256})
    changed = [*records[:3], same_file, records[4], same_content]
    assert read_session_table(patients, changed).groups.tolist() == [0, 1, 2, 0, 3, 0], "directly or through others"


def test_session_with_too_few_poses_is_named(patients: Path, records: list[SessionRecord], tmp_path: Path) -> None:
    full = Track.from_parquet(track_of(patients, records[0]))
    short = Track(full.frames[:2], full.times[:2], full.keypoints[:2], full.size, full.fps)
    target = track_of(tmp_path, records[0])
    assert isinstance(target, Path)
    target.parent.mkdir(parents=True)
    short.to_parquet(target)
    with pytest.raises(InvalidInput, match=r"synthetic-0001_track.parquet: .*Record another video"):
        read_session_table(tmp_path, records[:1])


def test_table_rejects_an_empty_list_of_sessions(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no sessions to train on"):
        read_session_table(tmp_path, [])


def test_table_is_validated_and_read_only() -> None:
    table = table_of(["happy", "sad"])
    with pytest.raises(ValueError, match="read-only"):
        table.features[0, 0] = 1
    sessions = (record_of(0, "happy"), record_of(1, "sad"))
    good = {"features": np.zeros((2, 88)), "labels": [0, 1], "classes": ("happy", "sad"), "groups": [0, 1]}
    infinite = np.zeros((2, 88))
    infinite[1, 0] = np.inf
    for wrong, message in (
        ({"features": np.zeros((2, 87))}, "features, labels and groups"),
        ({"groups": [0]}, "features, labels and groups"),
        ({"features": infinite}, f"{FEATURE_NAMES[0]} of session clip-1 is infinite"),
        ({"labels": [0, 0]}, "not the indices of the sorted classes"),
        ({"classes": ("sad", "happy")}, "not the indices of the sorted classes"),
    ):
        with pytest.raises(ValueError, match=message):
            SessionTable(sessions, **good | wrong)
