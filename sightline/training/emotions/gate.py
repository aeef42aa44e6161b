"""The training gate: a table of conditions that a patient's sessions must meet.

The gate reads session records only, never pose files. Three conditions exclude sessions: those with too few poses, with
too few seconds in which the patient is followed without a break, and those of an emotion with too few sessions. If such
a condition would exclude every session, it fails, and the rows below count the excluded sessions as if they were
included: the table then names the cause, not its consequences.

Records of earlier versions do not contain the seconds; ``measure_sessions`` computes them from the tracks. A session
whose seconds are unknown is not excluded for them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt

from sightline.sessions import LeftOutSession, SessionRecord
from sightline.settings import Settings

__all__ = ["FEWEST_SECONDS", "GateLimits", "GateReport", "GateRow", "check_gate", "too_short"]

_FEWEST_POSES, _FEWEST_SESSIONS, _FEWEST_EMOTIONS = 3, 3, 2
"""Hard minimums of training: poses per session (for the features), sessions per emotion, emotions."""

FEWEST_SECONDS = 0.2
"""Hard minimum of the seconds without a break in a session: an acceleration needs two steps of a tenth of a second."""

_MEGABYTE = 1_000_000


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class GateLimits(_Frozen):
    """The limits of the gate, one for each setting of the same name."""

    file_threshold: NonNegativeInt
    size_threshold_mb: NonNegativeFloat
    min_poses_per_session: int = Field(ge=_FEWEST_POSES)
    min_valid_seconds: float = Field(ge=FEWEST_SECONDS)
    min_samples_per_class: int = Field(ge=_FEWEST_SESSIONS)
    min_emotions: int = Field(ge=_FEWEST_EMOTIONS)
    min_total_samples: NonNegativeInt
    cooldown_hours: NonNegativeFloat

    @classmethod
    def of(cls, settings: Settings) -> GateLimits:
        """Return the limits from the settings."""
        return cls.model_validate(settings, from_attributes=True)

    def forced(self) -> GateLimits:
        """Return the limits that apply even to a forced training."""
        return GateLimits(
            file_threshold=0,
            size_threshold_mb=0,
            min_poses_per_session=_FEWEST_POSES,
            min_valid_seconds=FEWEST_SECONDS,
            min_samples_per_class=_FEWEST_SESSIONS,
            min_emotions=_FEWEST_EMOTIONS,
            min_total_samples=0,
            cooldown_hours=0,
        )


class GateRow(_Frozen):
    """One condition. ``found`` is None if there is nothing to measure; the condition then passes."""

    name: str
    setting: str
    """The environment variable that sets the limit."""
    needed: int | float
    found: int | float | None
    passed: bool
    forced: bool = False
    """The condition fails, but the training is forced."""
    note: str = ""

    @property
    def blocks(self) -> bool:
        """Whether this condition prevents the training."""
        return not self.passed and not self.forced

    def __str__(self) -> str:
        found = "none" if self.found is None else f"{self.found:g}"
        note = f"; {self.note}" if self.note else ""
        return f"{self.name}: {found} found, {self.needed:g} needed ({self.setting}){note}"


class GateReport(_Frozen):
    """The result of the gate, and the sessions that a training would use, in the order of the input."""

    passed: bool
    rows: tuple[GateRow, ...]
    reasons: tuple[str, ...]
    """The conditions that prevent the training; empty if the gate passed."""
    sessions: tuple[SessionRecord, ...]
    left_out: tuple[LeftOutSession, ...]


def check_gate(
    records: Sequence[SessionRecord],
    limits: GateLimits,
    last_training: datetime | None,
    now: datetime,
    *,
    force: bool = False,
) -> GateReport:
    """Compare one patient's sessions with the limits.

    Args:
        records: The patient's sessions.
        limits: The limits.
        last_training: When the patient's last training ended, successful or not; None if there was none. Read it while
            holding ``training_lease``: otherwise two trainings that start together read the same value.
        now: The time that the cooldown is measured against.
        force: Ignore every limit except the hard minimums of training; the rows mark the limits that were ignored.
    """
    used = limits.forced() if force else limits
    by_poses = _partition(records, used.min_poses_per_session, _poses)
    by_seconds = _partition(by_poses.considered, used.min_valid_seconds, _valid_seconds)
    sizes = Counter(record.emotion for record in by_seconds.considered)
    by_size = _partition(by_seconds.considered, used.min_samples_per_class, lambda record: sizes[record.emotion])
    emotions = sorted({record.emotion for record in by_size.considered})
    too_small = sorted({record.emotion for record in by_size.excluded})
    hours = None if last_training is None else max((now - last_training).total_seconds(), 0) / 3600

    def row(name: str, limit: str, found: float | None, note: str = "") -> GateRow:
        needed = getattr(limits, limit)
        passed = found is None or found >= needed
        forced = found is not None and not passed and found >= getattr(used, limit)
        return GateRow(
            name=name, setting=limit.upper(), needed=needed, found=found, passed=passed, forced=forced, note=note
        )

    rows = (
        row("pose files", "file_threshold", sum(record.pose_indices.count for record in records)),
        row("megabytes of pose files", "size_threshold_mb", sum(record.pose_bytes for record in records) / _MEGABYTE),
        row(
            "poses per session",
            "min_poses_per_session",
            by_poses.extreme,
            f"{len(by_poses.excluded)} of {len(records)} sessions have fewer" if by_poses.excluded else "",
        ),
        row(
            "seconds without a break per session",
            "min_valid_seconds",
            None if by_seconds.extreme == math.inf else by_seconds.extreme,
            f"{len(by_seconds.excluded)} of {len(by_poses.considered)} sessions have fewer"
            if by_seconds.excluded
            else "",
        ),
        row(
            "sessions per emotion",
            "min_samples_per_class",
            by_size.extreme,
            f"fewer: {', '.join(f'{emotion} {sizes[emotion]}' for emotion in too_small)}" if too_small else "",
        ),
        row("emotions", "min_emotions", len(emotions), ", ".join(emotions)),
        row("sessions in total", "min_total_samples", len(by_size.considered)),
        row(
            "hours since the last training",
            "cooldown_hours",
            hours,
            f"it ended at {last_training:%Y-%m-%d %H:%M %Z}" if last_training else "there was none",
        ),
    )
    left_out = [
        _left_out(record, f"{_poses(record)} of the {used.min_poses_per_session} poses needed")
        for record in by_poses.excluded
    ]
    if by_poses.included:
        left_out += [
            _left_out(record, too_short(_valid_seconds(record), used.min_valid_seconds))
            for record in by_seconds.excluded
        ]
    are_usable = bool(by_poses.included and by_seconds.included)
    if are_usable:
        left_out += [
            _left_out(
                record,
                f"{record.emotion} has {sizes[record.emotion]} of the {used.min_samples_per_class} sessions needed",
            )
            for record in by_size.excluded
        ]
    return GateReport(
        passed=not any(condition.blocks for condition in rows),
        rows=rows,
        reasons=tuple(str(condition) for condition in rows if condition.blocks),
        sessions=tuple(by_size.included if are_usable else ()),
        left_out=tuple(left_out),
    )


def too_short(seconds: float, minimum: float) -> str:
    """Return why a session is left out in which the patient is not followed for ``minimum`` seconds."""
    return f"{seconds:.1f} of the {minimum:g} seconds needed in which the patient is followed without a break"


@dataclass(frozen=True)
class _Partition:
    """Sessions that reach a minimum, and those that do not.

    ``extreme`` is the smallest measure among the included sessions; if none is included, the largest of all.
    """

    included: list[SessionRecord]
    excluded: list[SessionRecord]
    extreme: float

    @property
    def considered(self) -> list[SessionRecord]:
        """The sessions that the rows below count."""
        return self.included or self.excluded


def _partition(
    records: Sequence[SessionRecord], minimum: float, measure: Callable[[SessionRecord], float]
) -> _Partition:
    included = [record for record in records if measure(record) >= minimum]
    excluded = [record for record in records if measure(record) < minimum]
    extreme = min(map(measure, included)) if included else max(map(measure, excluded), default=0)
    return _Partition(included, excluded, extreme)


def _poses(record: SessionRecord) -> int:
    # Features come from the track, which can miss a person who is visible in the selected frames.
    return min(record.pose_indices.count, record.frames_with_person)


def _valid_seconds(record: SessionRecord) -> float:
    return math.inf if record.valid_seconds is None else record.valid_seconds


def _left_out(record: SessionRecord, reason: str) -> LeftOutSession:
    return LeftOutSession(session=record.session, emotion=record.emotion, reason=reason)
