"""The gate tells which condition is missing, and no training starts without what it cannot do without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline.pose import write_openpose
from sightline.sessions import PoseIndices, SessionRecord
from sightline.settings import Settings
from sightline.training.emotions import GateLimits, GateReport, check_gate

NOW = datetime(2026, 1, 31, 10, 20, tzinfo=UTC)
LIMITS = GateLimits(
    file_threshold=10,
    size_threshold_mb=0.025,
    min_poses_per_session=5,
    min_samples_per_class=3,
    min_emotions=2,
    min_total_samples=10,
    cooldown_hours=1,
)
SETTINGS = [
    "FILE_THRESHOLD",
    "SIZE_THRESHOLD_MB",
    "MIN_POSES_PER_SESSION",
    "MIN_SAMPLES_PER_CLASS",
    "MIN_EMOTIONS",
    "MIN_TOTAL_SAMPLES",
    "COOLDOWN_HOURS",
]


def session(name: str, emotion: str, *, poses: int = 14, size: int = 700, tracked: int = 300) -> SessionRecord:
    """A session of so many pose files of ``size`` bytes."""
    return SessionRecord(
        video_file=f"/videos/ana/{name}.mp4",
        processing_time=NOW - timedelta(days=1),
        emotion=emotion,
        pose_indices=PoseIndices.starting_at(0 if poses else None, poses),
        session=name,
        patient="ana",
        folder=emotion,
        sha256=sha256(name.encode()).hexdigest(),
        track=f"{name}_track.parquet",
        duration_seconds=30,
        frames_tracked=tracked,
        frames_with_person=tracked,
        pose_bytes=poses * size,
        engine="whisper",
        model="base",
        versions={},
    )


def sessions(*, more: Sequence[SessionRecord] = (), **emotions: int) -> list[SessionRecord]:
    """So many sessions of each emotion."""
    return [session(f"{emotion} {n}", emotion) for emotion, count in emotions.items() for n in range(count)] + [*more]


def with_poses(records: Sequence[SessionRecord], poses: int, **options: int) -> list[SessionRecord]:
    return [session(each.session, each.emotion, poses=poses, **options) for each in records]


def failing(report: GateReport) -> list[str]:
    return [row.setting for row in report.rows if not row.passed]


def found(report: GateReport, setting: str) -> float | None:
    return next(row.found for row in report.rows if row.setting == setting)


ENOUGH = sessions(happy=5, sad=5)


def test_ten_sessions_of_two_emotions_pass_every_row() -> None:
    report = check_gate(ENOUGH, LIMITS, None, NOW)
    assert [row.setting for row in report.rows] == SETTINGS
    assert report.passed
    assert failing(report) == []
    assert report.reasons == ()
    assert report.sessions == tuple(ENOUGH)
    assert report.left_out == ()
    assert [(row.needed, row.found) for row in report.rows] == [
        (10, 140), (0.025, 0.098), (5, 14), (3, 5), (2, 2), (10, 10), (1, None)
    ]  # fmt: skip


def test_the_limits_are_the_settings_and_their_defaults_are_those_of_the_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert GateLimits.of(Settings(_env_file=None)) == LIMITS
    monkeypatch.setenv("MIN_TOTAL_SAMPLES", "40")
    monkeypatch.setenv("COOLDOWN_HOURS", "0.5")
    limits = GateLimits.of(Settings(_env_file=None))
    assert (limits.min_total_samples, limits.cooldown_hours) == (40, 0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MIN_SAMPLES_PER_CLASS", "2"),
        ("MIN_EMOTIONS", "1"),
        ("MIN_POSES_PER_SESSION", "2"),
        ("COOLDOWN_HOURS", "inf"),
        ("SIZE_THRESHOLD_MB", "-1"),
    ],
)
def test_a_setting_that_training_cannot_do_with_is_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings(_env_file=None)


MISSING: list[tuple[str, list[SessionRecord], dict[str, Any], timedelta | None]] = [
    ("FILE_THRESHOLD", ENOUGH, {"file_threshold": 141}, None),
    ("SIZE_THRESHOLD_MB", with_poses(ENOUGH, 5, size=499), {}, None),
    ("MIN_POSES_PER_SESSION", with_poses(ENOUGH, 4, size=700), {}, None),
    ("MIN_SAMPLES_PER_CLASS", sessions(happy=2, sad=2, angry=2, neutral=2, surprised=2), {}, None),
    ("MIN_EMOTIONS", sessions(happy=10), {}, None),
    ("MIN_EMOTIONS", sessions(happy=10, sad=2), {}, None),
    ("MIN_TOTAL_SAMPLES", sessions(happy=5, sad=4), {}, None),
    ("COOLDOWN_HOURS", ENOUGH, {}, timedelta(minutes=59)),
]


@pytest.mark.parametrize(("setting", "records", "changes", "since"), MISSING)
def test_of_a_single_missing_condition_exactly_its_row_fails(
    setting: str, records: list[SessionRecord], changes: dict[str, Any], since: timedelta | None
) -> None:
    limits = LIMITS.model_copy(update=changes)
    report = check_gate(records, limits, NOW - since if since else None, NOW)
    assert not report.passed
    assert failing(report) == [setting]
    [reason] = report.reasons
    assert f"needed ({setting})" in reason


def test_every_condition_has_such_a_table() -> None:
    assert {setting for setting, *_ in MISSING} == set(SETTINGS)


def test_the_reasons_say_what_was_found_and_what_is_needed() -> None:
    report = check_gate(sessions(happy=8, sad=1), LIMITS, NOW - timedelta(minutes=15), NOW)
    assert report.reasons == (
        "emotions: 1 found, 2 needed (MIN_EMOTIONS); happy",
        "sessions in all: 8 found, 10 needed (MIN_TOTAL_SAMPLES)",
        "hours since the last training: 0.25 found, 1 needed (COOLDOWN_HOURS); it ended at 2026-01-31 10:05 UTC",
    )


def test_nobody_s_sessions_are_told_as_nothing_found() -> None:
    report = check_gate([], LIMITS, None, NOW)
    assert [row.found for row in report.rows] == [0, 0, 0, 0, 0, 0, None]
    assert failing(report) == SETTINGS[:-1]


class TestLeavingOut:
    def test_short_sessions_are_left_out_and_counted(self) -> None:
        short = [session("blink", "happy", poses=4), session("nobody", "sad", poses=0)]
        report = check_gate([*short, *ENOUGH], LIMITS, None, NOW)
        assert report.passed
        assert report.sessions == tuple(ENOUGH)
        assert [(each.session, each.reason) for each in report.left_out] == [
            ("blink", "4 of the 5 poses needed"),
            ("nobody", "0 of the 5 poses needed"),
        ]
        assert report.rows[2].note == "2 of 12 sessions have fewer"

    def test_a_session_whose_track_is_short_is_left_out_too(self) -> None:
        report = check_gate([session("lost", "happy", tracked=2), *ENOUGH], LIMITS, None, NOW)
        assert [each.session for each in report.left_out] == ["lost"]

    def test_an_emotion_of_too_few_sessions_is_left_out_by_name_and_blocks_nothing(self) -> None:
        report = check_gate(sessions(happy=5, angry=1, sad=5), LIMITS, None, NOW)
        assert report.passed
        assert Counter(each.emotion for each in report.sessions) == {"happy": 5, "sad": 5}
        assert [(each.session, each.reason) for each in report.left_out] == [
            ("angry 0", "angry has 1 of the 3 sessions needed")
        ]
        assert "angry 1" in report.rows[3].note

    def test_short_sessions_do_not_count_for_their_emotion(self) -> None:
        records = [*sessions(happy=10, sad=2), session("blink", "sad", poses=4)]
        assert failing(check_gate(records, LIMITS, None, NOW)) == ["MIN_EMOTIONS"]

    def test_the_sessions_in_all_are_those_that_are_left(self) -> None:
        report = check_gate(sessions(happy=4, sad=4, angry=2), LIMITS, None, NOW)
        assert failing(report) == ["MIN_TOTAL_SAMPLES"]
        assert found(report, "MIN_TOTAL_SAMPLES") == 8

    def test_where_all_are_too_short_none_would_train(self) -> None:
        report = check_gate(with_poses(ENOUGH, 4), LIMITS, None, NOW)
        assert report.sessions == ()
        assert len(report.left_out) == 10


class TestCooldown:
    @pytest.mark.parametrize(("minutes", "passes"), [(0, False), (59.99, False), (60, True), (61, True), (-5, False)])
    def test_it_is_over_after_the_hour_and_not_before(self, minutes: float, passes: bool) -> None:
        report = check_gate(ENOUGH, LIMITS, NOW - timedelta(minutes=minutes), NOW)
        assert report.passed is passes
        assert failing(report) == ([] if passes else ["COOLDOWN_HOURS"])

    def test_none_is_waited_for_where_none_is_asked_for(self) -> None:
        assert check_gate(ENOUGH, LIMITS.model_copy(update={"cooldown_hours": 0}), NOW, NOW).passed


class TestForce:
    def test_it_lets_the_limits_by_and_the_rows_say_so(self) -> None:
        records = with_poses(sessions(happy=3, sad=3), 3, size=100)
        report = check_gate(records, LIMITS, NOW, NOW, force=True)
        assert report.passed
        assert report.sessions == tuple(records)
        assert [row.setting for row in report.rows if row.forced] == [
            "SIZE_THRESHOLD_MB",
            "MIN_POSES_PER_SESSION",
            "MIN_TOTAL_SAMPLES",
            "COOLDOWN_HOURS",
        ]
        assert not any(row.passed for row in report.rows if row.forced)
        assert [row.needed for row in report.rows] == [10, 0.025, 5, 3, 2, 10, 1]

    @pytest.mark.parametrize(
        ("records", "setting"),
        [
            (sessions(happy=10), "MIN_EMOTIONS"),
            (sessions(happy=10, sad=2), "MIN_EMOTIONS"),
            (sessions(happy=2, sad=2), "MIN_SAMPLES_PER_CLASS"),
            (with_poses(ENOUGH, 2), "MIN_POSES_PER_SESSION"),
        ],
    )
    def test_it_does_not_train_without_what_training_needs(self, records: list[SessionRecord], setting: str) -> None:
        report = check_gate(records, LIMITS, None, NOW, force=True)
        assert not report.passed
        assert [reason.split("(")[1].split(")")[0] for reason in report.reasons] == [setting]

    def test_where_the_gate_is_open_it_changes_nothing(self) -> None:
        assert check_gate(ENOUGH, LIMITS, None, NOW, force=True) == check_gate(ENOUGH, LIMITS, None, NOW)

    def test_stricter_limits_are_let_by_too(self) -> None:
        strict = LIMITS.model_copy(update={"min_samples_per_class": 6, "min_emotions": 3})
        assert not check_gate(ENOUGH, strict, None, NOW).passed
        assert check_gate(ENOUGH, strict, None, NOW, force=True).passed


@given(
    records=st.lists(
        st.builds(
            session,
            st.uuids().map(str),
            st.sampled_from(["happy", "sad", "angry", "neutral"]),
            poses=st.integers(0, 8),
            tracked=st.integers(0, 8),
        ),
        max_size=30,
    ),
    force=st.booleans(),
)
def test_what_passes_can_be_trained_on_and_every_session_is_accounted_for(
    records: list[SessionRecord], force: bool
) -> None:
    report = check_gate(records, LIMITS, None, NOW, force=force)
    assert report.passed == (not report.reasons)
    assert GateReport.model_validate_json(report.model_dump_json()) == report
    if report.passed:
        sizes = Counter(each.emotion for each in report.sessions)
        assert len(sizes) >= 2
        assert min(sizes.values()) >= 3
        assert min(min(each.pose_indices.count, each.frames_with_person) for each in report.sessions) >= 3
        assert len(report.sessions) >= (6 if force else 10)
        assert sorted([each.session for each in (*report.sessions, *report.left_out)]) == sorted(
            each.session for each in records
        )


def test_ten_sessions_of_the_fewest_poses_are_large_enough() -> None:
    keypoints = np.zeros((25, 3), dtype=np.float32)
    size = len(write_openpose(keypoints))
    assert check_gate(with_poses(ENOUGH, 5, size=size), LIMITS, None, NOW).passed
