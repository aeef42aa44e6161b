"""Sessions become rows, with the right labels and groups."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sightline.errors import InvalidInput
from sightline.features import FEATURE_NAMES, track_features, valid_seconds
from sightline.pose import PeopleTrack, Track
from sightline.sessions import SessionRecord, read_sessions, track_of
from sightline.settings import Settings
from sightline.storage import Location
from sightline.training.common.errors import UnsuitableData
from sightline.training.emotions import (
    GateLimits,
    SessionTable,
    check_gate,
    measure_sessions,
    read_session_table,
    write_synthetic_sessions,
)
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
    expected = track_features(PeopleTrack.from_parquet(track_of(patients, records[4])).of(1)).features
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


def write_track(patients: Path, record: SessionRecord, track: Track) -> None:
    target = track_of(patients, record)
    assert isinstance(target, Path)
    target.parent.mkdir(parents=True, exist_ok=True)
    PeopleTrack.of_one(track).to_parquet(target)


class TestUnusableSessions:
    """The first session is good, the others are what the tests are about."""

    @pytest.fixture
    def full(self, patients: Path, records: list[SessionRecord], tmp_path: Path) -> Track:
        track = PeopleTrack.from_parquet(track_of(patients, records[0])).of(1)
        write_track(tmp_path, records[0], track)
        return track

    def test_with_too_few_poses_is_left_out_with_the_reason(
        self, records: list[SessionRecord], full: Track, tmp_path: Path
    ) -> None:
        for count, record in enumerate(records[1:4]):
            short = Track(full.frames[:count], full.times[:count], full.keypoints[:count], full.size, full.fps)
            write_track(tmp_path, record, short)
        shares: list[float] = []
        table = read_session_table(tmp_path, records[:4], shares.append)
        assert table.sessions == (records[0],)
        assert table.features.shape == (1, 88)
        assert shares == [0.25, 0.5, 0.75, 1]
        assert [(session.session, session.emotion, session.reason) for session in table.left_out] == [
            (record.session, record.emotion, f"{count} of the 3 poses that features need")
            for count, record in enumerate(records[1:4])
        ]

    def test_with_jumps_is_left_out_with_the_breaks(
        self, records: list[SessionRecord], full: Track, tmp_path: Path
    ) -> None:
        """The tracker follows the patient and somebody else in turn, which one is which is unknown."""
        keypoints = full.keypoints.copy()
        keypoints[1::2, :, 0] += 5_000
        write_track(tmp_path, records[1], replace(full, keypoints=keypoints))
        table = read_session_table(tmp_path, records[:2])
        assert table.sessions == (records[0],)
        [left_out] = table.left_out
        assert left_out.session == records[1].session
        assert "0.0 of the 0.2 seconds needed in which the patient is followed without a break" in left_out.reason
        assert re.search(
            rf" {len(keypoints) - 1} jumps, {len(keypoints) // 2} poses of somebody else$", left_out.reason
        )

    def test_below_the_given_limit_is_left_out(self, records: list[SessionRecord], full: Track, tmp_path: Path) -> None:
        write_track(
            tmp_path, records[1], Track(full.frames[:6], full.times[:6], full.keypoints[:6], full.size, full.fps)
        )
        assert len(read_session_table(tmp_path, records[:2]).sessions) == 2
        [left_out] = read_session_table(tmp_path, records[:2], min_valid_seconds=1).left_out
        assert left_out.reason.startswith("0.3 of the 1 seconds needed")

    def test_table_of_unusable_sessions_is_refused(
        self, records: list[SessionRecord], full: Track, tmp_path: Path
    ) -> None:
        write_track(
            tmp_path, records[1], Track(full.frames[:2], full.times[:2], full.keypoints[:2], full.size, full.fps)
        )
        with pytest.raises(UnsuitableData, match=r"none of the 1 sessions can be used; synthetic-0002: 2 of the 3"):
            read_session_table(tmp_path, records[1:2])

    def test_measured_sessions_of_earlier_versions_are_left_out_by_the_gate(
        self, records: list[SessionRecord], full: Track, tmp_path: Path
    ) -> None:
        early = [record.model_copy(update={"valid_seconds": None}) for record in records[:3]]
        write_track(tmp_path, early[1], Track(full.frames[:1], full.times[:1], full.keypoints[:1], full.size, full.fps))
        known = early[2].model_copy(update={"valid_seconds": 3.5})
        first, second, third = measure_sessions(tmp_path, [*early[:2], known])
        assert first.valid_seconds == valid_seconds(full) > 5
        assert second.valid_seconds == 0
        assert third is known, "its track is not read"
        limits = GateLimits.of(Settings(_env_file=None))
        excluded = check_gate([first, second, third], limits, None, first.processing_time).left_out
        assert "0.0 of the 1 seconds" in excluded[0].reason


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
