"""New frames of every bed → postures over time → alerts that are due → a page for each bed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from sightline.errors import FailedWithResult, SightlineError
from sightline.leases import LeaseTaken
from tasks.alerts import send_alert
from tasks.beds import broken_alert, find_beds, find_due_alerts, read_frames, record_alerts, write_bed_page
from tasks.support.flow import sightline_flow, skipped


class WatchedBed(BaseModel):
    """What a pass read and sent for one bed; ``why`` says what went wrong, or who watches it."""

    model_config = ConfigDict(frozen=True)

    bed: str
    outcome: Literal["watched", "busy", "failed"]
    files: int = 0
    frames: int = 0
    unusable: int = 0
    alerts: int = 0
    page: str | None = None
    why: str | None = None


class PostureWatch(BaseModel):
    """The beds of a pass, and their counts."""

    model_config = ConfigDict(frozen=True)

    frames: int
    alerts: int
    failed: int
    beds: tuple[WatchedBed, ...]

    @classmethod
    def of(cls, beds: list[WatchedBed]) -> PostureWatch:
        """Return the result of a pass."""
        failed = sum(bed.outcome == "failed" for bed in beds)
        return cls(
            frames=sum(bed.frames for bed in beds),
            alerts=sum(bed.alerts for bed in beds),
            failed=failed,
            beds=tuple(beds),
        )


@sightline_flow(name="watch-posture", flow_run_name="watch posture")
def watch_posture(beds: list[str] | None = None) -> PostureWatch:
    """Read the new frames of beds, and alert if a patient was not turned or data stop arriving.

    Args:
        beds: The beds: folders in BEDS_BUCKET with a file bed.toml. By default all; then a bed that cannot be watched
            causes an alert, one a day, and the others are watched.
    """
    names = find_beds(beds)
    result = PostureWatch.of([_watch(name) for name in names])
    if not names:
        return skipped("no folder in BEDS_BUCKET has a file bed.toml", result)
    failed = [f"{bed.bed}: {bed.why}" for bed in result.beds if bed.outcome == "failed"]
    if failed and beds:
        raise FailedWithResult("; ".join(failed), result)
    return result


def _watch(name: str) -> WatchedBed:
    try:
        reading = read_frames(name)
        due = find_due_alerts(name)
        for alert in due.alerts:
            send_alert(alert)
        record_alerts(name, due.due)
        page = write_bed_page(name)
    except LeaseTaken as error:
        return WatchedBed(bed=name, outcome="busy", why=str(error))
    except SightlineError as error:
        send_alert(broken_alert(name, str(error)))
        return WatchedBed(bed=name, outcome="failed", why=str(error))
    return WatchedBed(
        bed=name,
        outcome="watched",
        files=reading.files,
        frames=reading.frames,
        unusable=len(reading.problems),
        alerts=len(due.alerts),
        page=page,
    )
