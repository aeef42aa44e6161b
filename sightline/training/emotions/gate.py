"""Whether a patient has enough sessions to train on, told as a table of what is needed and what was found.

The gate reads session records alone, never a pose file. Two of its rows leave sessions out: those with too few poses,
and those of an emotion with too few sessions. Such a row fails where nothing would be left; the rows below it then
count what it would have left out, so that a table names the cause and not its consequences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt

from sightline.sessions import SessionRecord
from sightline.settings import Settings

__all__ = ["GateLimits", "GateReport", "GateRow", "LeftOut", "check_gate"]

_FEWEST_POSES, _FEWEST_SESSIONS, _FEWEST_EMOTIONS = 3, 3, 2
"""What training cannot do without: poses a session, for its features; sessions an emotion; emotions to tell apart."""

_MEGABYTE = 1_000_000


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class GateLimits(_Frozen):
    """What is asked of a patient's sessions; the settings of the same names say what each is."""

    file_threshold: NonNegativeInt
    size_threshold_mb: NonNegativeFloat
    min_poses_per_session: int = Field(ge=_FEWEST_POSES)
    min_samples_per_class: int = Field(ge=_FEWEST_SESSIONS)
    min_emotions: int = Field(ge=_FEWEST_EMOTIONS)
    min_total_samples: NonNegativeInt
    cooldown_hours: NonNegativeFloat

    @classmethod
    def of(cls, settings: Settings) -> GateLimits:
        """The limits that a user has set."""
        return cls.model_validate(settings, from_attributes=True)

    def forced(self) -> GateLimits:
        """What is left of them where a training is forced."""
        return GateLimits(
            file_threshold=0,
            size_threshold_mb=0,
            min_poses_per_session=_FEWEST_POSES,
            min_samples_per_class=_FEWEST_SESSIONS,
            min_emotions=_FEWEST_EMOTIONS,
            min_total_samples=0,
            cooldown_hours=0,
        )


class GateRow(_Frozen):
    """One condition. ``found`` is None where there is nothing to measure, which passes."""

    name: str
    setting: str
    """The environment variable that says how much is needed."""
    needed: int | float
    found: int | float | None
    passed: bool
    forced: bool = False
    """Not passed, and let by because the training is forced."""
    note: str = ""

    @property
    def stops(self) -> bool:
        """Whether there is no training because of it."""
        return not self.passed and not self.forced

    def __str__(self) -> str:
        found = "none" if self.found is None else f"{self.found:g}"
        note = f"; {self.note}" if self.note else ""
        return f"{self.name}: {found} found, {self.needed:g} needed ({self.setting}){note}"


class LeftOut(_Frozen):
    """A session that the training would not use."""

    session: str
    emotion: str
    reason: str


class GateReport(_Frozen):
    """What the gate found, and the sessions that a training would use, in the order in which they were given."""

    passed: bool
    rows: tuple[GateRow, ...]
    reasons: tuple[str, ...]
    """Why there is no training; empty where the gate has passed."""
    sessions: tuple[SessionRecord, ...]
    left_out: tuple[LeftOut, ...]


def check_gate(
    records: Sequence[SessionRecord],
    limits: GateLimits,
    last_training: datetime | None,
    now: datetime,
    *,
    force: bool = False,
) -> GateReport:
    """Hold one patient's sessions against the limits.

    ``last_training``: when the last training of this patient ended, well or not; None where there was none. It is to
    be read within this training's own turn (``training_turn``), else two trainings find the same. ``force`` lets every
    limit by except what training cannot do without, and the rows say which it was.
    """
    used = limits.forced() if force else limits
    by_poses = _sieve(records, used.min_poses_per_session, _poses)
    sizes = Counter(record.emotion for record in by_poses.counted)
    by_size = _sieve(by_poses.counted, used.min_samples_per_class, lambda record: sizes[record.emotion])
    emotions = sorted({record.emotion for record in by_size.counted})
    too_small = sorted({record.emotion for record in by_size.out})
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
        row("megabytes of them", "size_threshold_mb", sum(record.pose_bytes for record in records) / _MEGABYTE),
        row(
            "poses a session",
            "min_poses_per_session",
            by_poses.found,
            f"{len(by_poses.out)} of {len(records)} sessions have fewer" if by_poses.out else "",
        ),
        row(
            "sessions an emotion",
            "min_samples_per_class",
            by_size.found,
            f"fewer: {', '.join(f'{emotion} {sizes[emotion]}' for emotion in too_small)}" if too_small else "",
        ),
        row("emotions", "min_emotions", len(emotions), ", ".join(emotions)),
        row("sessions in all", "min_total_samples", len(by_size.counted)),
        row(
            "hours since the last training",
            "cooldown_hours",
            hours,
            f"it ended at {last_training:%Y-%m-%d %H:%M %Z}" if last_training else "there was none",
        ),
    )
    left_out = [
        _left_out(each, f"{_poses(each)} of the {used.min_poses_per_session} poses needed") for each in by_poses.out
    ]
    if by_poses.kept:
        left_out += [
            _left_out(
                each, f"{each.emotion} has {sizes[each.emotion]} of the {used.min_samples_per_class} sessions needed"
            )
            for each in by_size.out
        ]
    return GateReport(
        passed=not any(each.stops for each in rows),
        rows=rows,
        reasons=tuple(str(each) for each in rows if each.stops),
        sessions=tuple(by_size.kept if by_poses.kept else ()),
        left_out=tuple(left_out),
    )


@dataclass(frozen=True)
class _Sieve:
    """Sessions that have enough of something and those that have not.

    ``found``: the least that any of those kept has; where none is kept, the most that any has.
    """

    kept: list[SessionRecord]
    out: list[SessionRecord]
    found: int

    @property
    def counted(self) -> list[SessionRecord]:
        """What the rows below count."""
        return self.kept or self.out


def _sieve(records: Sequence[SessionRecord], least: int, measure: Callable[[SessionRecord], int]) -> _Sieve:
    kept = [record for record in records if measure(record) >= least]
    out = [record for record in records if measure(record) < least]
    return _Sieve(kept, out, min(map(measure, kept)) if kept else max(map(measure, out), default=0))


def _poses(record: SessionRecord) -> int:
    # The features are those of the track, which may have missed a person whom the selected frames show.
    return min(record.pose_indices.count, record.frames_with_person)


def _left_out(record: SessionRecord, reason: str) -> LeftOut:
    return LeftOut(session=record.session, emotion=record.emotion, reason=reason)
