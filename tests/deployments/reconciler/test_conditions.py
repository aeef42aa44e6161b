"""Conditions that are alerted about once: outages, lost workers, runs that start late, messages that wait."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from deployments.reconciler.conditions import Backlog, OutageWatch, PoolWatch, QueueWatch

START = datetime(2026, 11, 29, 12, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def backlog(due: int = 0, oldest: float = 0, in_progress: int = 1, workers: int = 1) -> Backlog:
    return Backlog(due, minutes(oldest), in_progress, workers)


def reports(watch: PoolWatch, backlogs: Iterable[Backlog]) -> list[tuple[int, str]]:
    """Return what is reported, with its minute, for one backlog a minute."""
    return [
        (minute, condition)
        for minute, item in enumerate(backlogs)
        if (condition := watch.check(item, START + minutes(minute)))
    ]


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_every_outage_of_twenty_seconds_is_reported_once(responses: list[bool]) -> None:
    watch, now, reported = OutageWatch(timedelta(seconds=20)), START, timedelta()
    away, total = timedelta(), timedelta()
    for responds in responses:
        now += timedelta(seconds=10)
        if responds:
            outage = watch.responded(now)
            assert (outage is not None) == (away >= timedelta(seconds=20))
            if outage:
                reported += outage.until - outage.since
                total += away
            away = timedelta()
        else:
            watch.failed("refused", now)
            away += timedelta(seconds=10)
    assert reported == total


def test_lost_worker_is_reported_once_after_its_absence_settled() -> None:
    two, one = backlog(workers=2), backlog(workers=1)
    [(minute, condition)] = reports(PoolWatch(minutes(30)), [two] * 10 + [one] * 30)
    assert 12 <= minute <= 13
    assert condition == "1 of 2 workers report to the server"


def test_restarted_worker_is_not_reported() -> None:
    """Its new name is online at once, its old one until the server misses its heartbeats: 1, 2, 1."""
    counts = [backlog(workers=1)] * 10 + [backlog(workers=2)] * 2 + [backlog(workers=1)] * 10 + [backlog(workers=0)]
    assert reports(PoolWatch(minutes(30)), counts + [backlog(workers=1)] * 10) == []


def test_pool_without_any_worker_is_reported_once_although_its_runs_become_late() -> None:
    alone = [backlog(workers=0, due=minute, oldest=minute, in_progress=0) for minute in range(90)]
    [(minute, condition)] = reports(PoolWatch(minutes(30)), [backlog()] * 5 + alone)
    assert "0 of 1 workers" in condition
    assert minute <= 10


def test_pool_that_never_had_a_worker_and_has_no_runs_is_not_reported() -> None:
    assert reports(PoolWatch(minutes(30)), [backlog(workers=0, in_progress=0)] * 100) == []


def test_runs_that_wait_are_reported_earlier_if_none_is_executed() -> None:
    for in_progress, expected in ((0, 5), (2, 30)):
        waiting = [backlog(due=3, oldest=minute, in_progress=in_progress) for minute in range(60)]
        [(minute, condition)] = reports(PoolWatch(minutes(30)), waiting)
        assert minute == expected
        assert "3 runs are due" in condition


def test_growing_queue_is_reported_and_a_draining_one_is_not() -> None:
    growing = [backlog(due=10 + minute, oldest=1) for minute in range(60)]
    [(minute, condition)] = reports(PoolWatch(minutes(30)), growing)
    assert minute == 30
    assert "grown from 10 to 40 runs" in condition
    assert reports(PoolWatch(minutes(30)), [backlog(due=200 - minute, oldest=1) for minute in range(100)]) == []


def test_condition_that_returns_is_reported_again() -> None:
    late, fine = [backlog(due=1, oldest=31)] * 3, [backlog()] * 3
    assert len(reports(PoolWatch(minutes(30)), late + fine + late)) == 2


def test_messages_that_nobody_receives_are_reported_once() -> None:
    watch = QueueWatch()
    checks = [watch.check(count, START + minutes(minute)) for minute, count in enumerate([0, 5, 0] + [7] * 30)]
    [condition] = [check for check in checks if check]
    assert condition == "7 messages wait, and the queue has not been empty for 10 min"
    assert checks.index(condition) == 13
