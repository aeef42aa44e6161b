"""The steps of watching beds: new frames → states → alerts that are due → pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from sightline import beds, storage
from sightline.alerts import Alert
from sightline.beds import Bed, BedStore, Due, Reading, WatchState, WeekReport
from sightline.beds.judging import judge_with
from sightline.clock import now_in_utc
from sightline.errors import InvalidInput, InvalidSetting
from sightline.settings import settings
from sightline.vision import EndpointClassifier
from tasks.models import classifier_of, resolve_model
from tasks.runs import image_limits
from tasks.support.policy import ON_STORAGE, sightline_task

__all__ = [
    "DueAlerts",
    "broken_alert",
    "find_beds",
    "find_due_alerts",
    "read_frames",
    "record_alerts",
    "write_bed_page",
    "write_week",
]

_WEEK = timedelta(days=7)
_BEFORE = timedelta(days=2)  # before the first day of a page, for times without a turn that began then


class DueAlerts(NamedTuple):
    """The alerts of a bed that are due, and what to record once they are sent."""

    alerts: list[Alert]
    due: Due


@sightline_task(**ON_STORAGE)
def find_beds(names: list[str] | None) -> list[str]:
    """Return the names, or those of all beds in BEDS_BUCKET."""
    return names or beds.bed_names(_root())


@sightline_task(**ON_STORAGE, task_run_name="read-{name}", timeout="flow_timeout_seconds")
def read_frames(name: str) -> Reading:
    """Read the frames of a bed that are new, and store the state in each."""
    bed = _bed(name)
    spec = resolve_model.fn(bed.model, None)
    classifier = classifier_of(spec)
    if isinstance(classifier, EndpointClassifier):
        raise InvalidSetting(f"{name}: {bed.model} is an endpoint. Name a model of the registry in bed.toml")
    judge = judge_with(classifier, spec.threshold, image_limits())
    reading = beds.read_new_frames(bed, judge, now_in_utc, f"run {flow_run.name or 'without a name'}")
    for file, problem in reading.problems.items():
        get_run_logger().warning("%s: %s: %s", name, file, problem)
    return reading


@sightline_task(**ON_STORAGE, task_run_name="decide-{name}")
def find_due_alerts(name: str) -> DueAlerts:
    """Return the alerts of a bed that are due and were not sent before."""
    bed, now = _bed(name), now_in_utc()
    store = BedStore(bed)
    state = store.watch_state() or WatchState(watched_since=now, seen_until=now)
    start = min(now, state.seen_until) - bed.limits.lookback
    timeline = beds.timeline_of(store.samples(start, now), now, bed.limits.silence)
    due = beds.decide(state, timeline, now, bed.limits)
    problems = _problems(store, now)
    page = storage.uri_of(_page(bed))
    seen = due.state.last_frame is not None
    return DueAlerts([beds.alert_of(raised, bed, timeline, problems, page, seen=seen) for raised in due.alerts], due)


@sightline_task(**ON_STORAGE, task_run_name="record-{name}")
def record_alerts(name: str, due: Due) -> None:
    """Note that the alerts were sent."""
    BedStore(_bed(name)).save_watch_state(due.state)


@sightline_task(**ON_STORAGE, task_run_name="show-{name}")
def write_bed_page(name: str) -> str:
    """Write the page of a bed, and return its URI."""
    bed, now = _bed(name), now_in_utc()
    store = BedStore(bed)
    timeline = beds.timeline_of(store.samples(now - _WEEK - _BEFORE, now), now, bed.limits.silence)
    state = store.watch_state() or WatchState(watched_since=now, seen_until=now)
    page = _page(bed)
    storage.write_bytes(page, beds.bed_page(bed, timeline, state, _problems(store, now), now).encode())
    return storage.uri_of(page)


@sightline_task(**ON_STORAGE, task_run_name="report-{name}")
def write_week(name: str, week: str | None) -> tuple[WeekReport, str]:
    """Write the report of a week, and return it with the URI of its page."""
    bed, now = _bed(name), now_in_utc()
    store = BedStore(bed)
    asked = beds.parse_week(week, bed, now)
    start = beds.midnight(asked.monday, bed.zone)
    end = min(now, start + _WEEK + _BEFORE)
    timeline = beds.timeline_of(store.samples(start - _BEFORE, end), end, bed.limits.silence)
    state = store.watch_state()
    report = beds.weekly_report(bed, asked, timeline, state.history if state else (), now)
    if not report.total.observed:
        raise InvalidInput(f"{name}, {asked.label}", "there are no frames of this week", "Run sightline watch-posture")
    folder = store.root / "reports"
    page = folder / f"{asked.label}.html"
    storage.write_bytes(page, beds.week_page(report, bed, timeline).encode())
    storage.write_bytes(folder / f"{asked.label}.json", report.model_dump_json(indent=2).encode())
    return report, storage.uri_of(page)


def broken_alert(name: str, problem: str) -> Alert:
    """Return the alert about a bed that cannot be watched; of one problem, one a day is sent."""
    digest = sha256(problem.encode()).hexdigest()[:16]
    return Alert(
        key=f"bed {name} broken {digest} {now_in_utc():%Y-%m-%d}",
        kind="failure",
        title=f"{name} is not watched",
        facts={"bed": name, "problem": problem},
    )


def _problems(store: BedStore, now: datetime) -> list[tuple[str, str]]:
    days = {f"{(now - timedelta(days=number)).date()}" for number in (-1, 0, 1)}
    return store.problems([*sorted(days), "undated"])


def _root() -> storage.Location:
    return settings().beds


def _bed(name: str) -> Bed:
    return beds.read_bed(_root(), name)


def _page(bed: Bed) -> storage.Location:
    return bed.folder / "index.html"
