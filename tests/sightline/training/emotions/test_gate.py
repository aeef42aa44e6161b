"""The training gate: which condition fails, and the hard minimums that no option overrides."""

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
    min_valid_seconds=1,
    min_samples_per_class=3,
    min_emotions=2,
    min_total_samples=10,
    cooldown_hours=1,
)
SETTINGS = [
    "FILE_THRESHOLD",
    "SIZE_THRESHOLD_MB",
    "MIN_POSES_PER_SESSION",
    "MIN_VALID_SECONDS",
    "MIN_SAMPLES_PER_CLASS",
    "MIN_EMOTIONS",
    "MIN_TOTAL_SAMPLES",
    "COOLDOWN_HOURS",
]


def session(
    name: str, emotion: str, *, poses: int = 14, size: int = 700, tracked: int = 300, seconds: float | None = 28.5
) -> SessionRecord:
    """Return a session with ``poses`` pose files of ``size`` bytes, and valid ``seconds``."""
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
        valid_seconds=seconds,
        pose_bytes=poses * size,
        engine="whisper",
        model="base",
        versions={},
    )


def sessions(*, more: Sequence[SessionRecord] = (), **emotions: int) -> list[SessionRecord]:
    """Return this number of sessions of every emotion."""
    return [session(f"{emotion} {n}", emotion) for emotion, count in emotions.items() for n in range(count)] + [*more]


def with_seconds(records: Sequence[SessionRecord], seconds: float | None) -> list[SessionRecord]:
    return [record.model_copy(update={"valid_seconds": seconds}) for record in records]


def with_poses(records: Sequence[SessionRecord], poses: int, **options: int) -> list[SessionRecord]:
    return [session(record.session, record.emotion, poses=poses, **options) for record in records]


def failing(report: GateReport) -> list[str]:
    return [row.setting for row in report.rows if not row.passed]


def measured(report: GateReport, setting: str) -> float | None:
    return next(row.found for row in report.rows if row.setting == setting)


ENOUGH = sessions(happy=5, sad=5)


def test_ten_sessions_of_two_emotions_pass_every_condition() -> None:
    report = check_gate(ENOUGH, LIMITS, None, NOW)
    assert [row.setting for row in report.rows] == SETTINGS
    assert report.passed
    assert failing(report) == []
    assert report.reasons == ()
    assert report.sessions == tuple(ENOUGH)
    assert report.left_out == ()
    assert [(row.needed, row.found) for row in report.rows] == [
        (10, 140), (0.025, 0.098), (5, 14), (1, 28.5), (3, 5), (2, 2), (10, 10), (1, None)
    ]  # fmt: skip


def test_limits_come_from_settings_with_the_documented_defaults(
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
        ("MIN_VALID_SECONDS", "0.1"),
        ("COOLDOWN_HOURS", "inf"),
        ("SIZE_THRESHOLD_MB", "-1"),
    ],
)
def test_setting_below_the_hard_minimum_is_rejected_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings(_env_file=None)


MISSING: list[tuple[str, list[SessionRecord], dict[str, Any], timedelta | None]] = [
    ("FILE_THRESHOLD", ENOUGH, {"file_threshold": 141}, None),
    ("SIZE_THRESHOLD_MB", with_poses(ENOUGH, 5, size=499), {}, None),
    ("MIN_POSES_PER_SESSION", with_poses(ENOUGH, 4, size=700), {}, None),
    ("MIN_VALID_SECONDS", with_seconds(ENOUGH, 0.9), {}, None),
    ("MIN_SAMPLES_PER_CLASS", sessions(happy=2, sad=2, angry=2, neutral=2, surprised=2), {}, None),
    ("MIN_EMOTIONS", sessions(happy=10), {}, None),
    ("MIN_EMOTIONS", sessions(happy=10, sad=2), {}, None),
    ("MIN_TOTAL_SAMPLES", sessions(happy=5, sad=4), {}, None),
    ("COOLDOWN_HOURS", ENOUGH, {}, timedelta(minutes=59)),
]


@pytest.mark.parametrize(("setting", "records", "changes", "since"), MISSING)
def test_single_unmet_condition_fails_exactly_its_row(
    setting: str, records: list[SessionRecord], changes: dict[str, Any], since: timedelta | None
) -> None:
    limits = LIMITS.model_copy(update=changes)
    report = check_gate(records, limits, NOW - since if since else None, NOW)
    assert not report.passed
    assert failing(report) == [setting]
    [reason] = report.reasons
    assert f"needed ({setting})" in reason


def test_every_condition_is_covered_by_these_cases() -> None:
    assert {setting for setting, *_ in MISSING} == set(SETTINGS)


def test_reasons_name_the_measure_and_the_limit() -> None:
    report = check_gate(sessions(happy=8, sad=1), LIMITS, NOW - timedelta(minutes=15), NOW)
    assert report.reasons == (
        "emotions: 1 found, 2 needed (MIN_EMOTIONS); happy",
        "sessions in total: 8 found, 10 needed (MIN_TOTAL_SAMPLES)",
        "hours since the last training: 0.25 found, 1 needed (COOLDOWN_HOURS); it ended at 2026-01-31 10:05 UTC",
    )


def test_no_sessions_are_reported_as_zero() -> None:
    report = check_gate([], LIMITS, None, NOW)
    assert [row.found for row in report.rows] == [0, 0, 0, 0, 0, 0, 0, None]
    assert failing(report) == SETTINGS[:-1]


class TestLeavingOut:
    def test_sessions_with_too_few_poses_are_excluded_and_counted(self) -> None:
        short = [session("blink", "happy", poses=4), session("nobody", "sad", poses=0)]
        report = check_gate([*short, *ENOUGH], LIMITS, None, NOW)
        assert report.passed
        assert report.sessions == tuple(ENOUGH)
        assert [(record.session, record.reason) for record in report.left_out] == [
            ("blink", "4 of the 5 poses needed"),
            ("nobody", "0 of the 5 poses needed"),
        ]
        assert report.rows[2].note == "2 of 12 sessions have fewer"

    def test_session_with_a_short_track_is_excluded(self) -> None:
        report = check_gate([session("lost", "happy", tracked=2), *ENOUGH], LIMITS, None, NOW)
        assert [record.session for record in report.left_out] == ["lost"]

    def test_emotion_with_too_few_sessions_is_excluded_by_name(self) -> None:
        report = check_gate(sessions(happy=5, angry=1, sad=5), LIMITS, None, NOW)
        assert report.passed
        assert Counter(record.emotion for record in report.sessions) == {"happy": 5, "sad": 5}
        assert [(record.session, record.reason) for record in report.left_out] == [
            ("angry 0", "angry has 1 of the 3 sessions needed")
        ]
        assert "angry 1" in report.rows[4].note

    def test_excluded_sessions_do_not_count_for_their_emotion(self) -> None:
        records = [*sessions(happy=10, sad=2), session("blink", "sad", poses=4)]
        assert failing(check_gate(records, LIMITS, None, NOW)) == ["MIN_EMOTIONS"]

    def test_total_counts_the_remaining_sessions(self) -> None:
        report = check_gate(sessions(happy=4, sad=4, angry=2), LIMITS, None, NOW)
        assert failing(report) == ["MIN_TOTAL_SAMPLES"]
        assert measured(report, "MIN_TOTAL_SAMPLES") == 8

    def test_only_short_sessions_leave_nothing_to_train_on(self) -> None:
        report = check_gate(with_poses(ENOUGH, 4), LIMITS, None, NOW)
        assert report.sessions == ()
        assert len(report.left_out) == 10


class TestSecondsWithoutBreak:
    def test_session_with_too_few_is_excluded_with_the_reason(self) -> None:
        short = with_seconds([session("hidden", "happy"), session("jumping", "sad")], 0.4)
        report = check_gate([*short, *ENOUGH], LIMITS, None, NOW)
        assert report.passed
        assert report.sessions == tuple(ENOUGH)
        assert [(record.session, record.reason) for record in report.left_out] == [
            (name, "0.4 of the 1 seconds needed in which the patient is followed without a break")
            for name in ("hidden", "jumping")
        ]
        assert report.rows[3].note == "2 of 12 sessions have fewer"

    def test_session_of_an_earlier_version_is_not_excluded(self) -> None:
        early = with_seconds(ENOUGH, None)
        report = check_gate(early, LIMITS, None, NOW)
        assert report.passed
        assert report.sessions == tuple(early)
        assert measured(report, "MIN_VALID_SECONDS") is None, "there is nothing to measure"

    def test_smallest_known_number_is_reported(self) -> None:
        records = [*with_seconds(ENOUGH[:4], None), *with_seconds(ENOUGH[4:5], 2.5), *ENOUGH[5:]]
        assert measured(check_gate(records, LIMITS, None, NOW), "MIN_VALID_SECONDS") == 2.5

    def test_excluded_sessions_do_not_count_for_their_emotion(self) -> None:
        records = [*sessions(happy=10, sad=2), *with_seconds([session("hidden", "sad")], 0)]
        assert failing(check_gate(records, LIMITS, None, NOW)) == ["MIN_EMOTIONS"]

    @pytest.mark.parametrize(("seconds", "passes"), [(0.5, True), (0.2, True), (0.1, False), (0, False)])
    def test_force_requires_two_steps(self, seconds: float, passes: bool) -> None:
        report = check_gate(with_seconds(ENOUGH, seconds), LIMITS, None, NOW, force=True)
        assert report.passed is passes
        assert len(report.left_out) == (0 if passes else 10)
        assert [row.setting for row in report.rows if row.forced] == (["MIN_VALID_SECONDS"] if passes else [])


class TestCooldown:
    @pytest.mark.parametrize(("minutes", "passes"), [(0, False), (59.99, False), (60, True), (61, True), (-5, False)])
    def test_cooldown_ends_after_one_hour(self, minutes: float, passes: bool) -> None:
        report = check_gate(ENOUGH, LIMITS, NOW - timedelta(minutes=minutes), NOW)
        assert report.passed is passes
        assert failing(report) == ([] if passes else ["COOLDOWN_HOURS"])

    def test_cooldown_of_zero_never_blocks(self) -> None:
        assert check_gate(ENOUGH, LIMITS.model_copy(update={"cooldown_hours": 0}), NOW, NOW).passed


class TestForce:
    def test_force_ignores_limits_and_marks_the_rows(self) -> None:
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
        assert [row.needed for row in report.rows] == [10, 0.025, 5, 1, 3, 2, 10, 1]

    @pytest.mark.parametrize(
        ("records", "setting"),
        [
            (sessions(happy=10), "MIN_EMOTIONS"),
            (sessions(happy=10, sad=2), "MIN_EMOTIONS"),
            (sessions(happy=2, sad=2), "MIN_SAMPLES_PER_CLASS"),
            (with_poses(ENOUGH, 2), "MIN_POSES_PER_SESSION"),
        ],
    )
    def test_force_does_not_ignore_hard_minimums(self, records: list[SessionRecord], setting: str) -> None:
        report = check_gate(records, LIMITS, None, NOW, force=True)
        assert not report.passed
        assert [reason.split("(")[1].split(")")[0] for reason in report.reasons] == [setting]

    def test_force_changes_nothing_if_the_gate_passes(self) -> None:
        assert check_gate(ENOUGH, LIMITS, None, NOW, force=True) == check_gate(ENOUGH, LIMITS, None, NOW)

    def test_force_ignores_stricter_limits(self) -> None:
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
            seconds=st.none() | st.floats(0, 3),
        ),
        max_size=30,
    ),
    force=st.booleans(),
)
def test_gate_accounts_for_every_session(records: list[SessionRecord], force: bool) -> None:
    report = check_gate(records, LIMITS, None, NOW, force=force)
    assert report.passed == (not report.reasons)
    assert GateReport.model_validate_json(report.model_dump_json()) == report
    if report.passed:
        sizes = Counter(record.emotion for record in report.sessions)
        assert len(sizes) >= 2
        assert min(sizes.values()) >= 3
        assert min(min(record.pose_indices.count, record.frames_with_person) for record in report.sessions) >= 3
        assert len(report.sessions) >= (6 if force else 10)
        assert sorted([record.session for record in (*report.sessions, *report.left_out)]) == sorted(
            record.session for record in records
        )


def test_ten_minimal_sessions_pass_the_size_limit() -> None:
    keypoints = np.zeros((25, 3), dtype=np.float32)
    size = len(write_openpose({1: keypoints}))
    assert check_gate(with_poses(ENOUGH, 5, size=size), LIMITS, None, NOW).passed
