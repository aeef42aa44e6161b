"""Decisions about runs, over every combination of state, containers and age."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.reconciler.decisions import (
    Cancel,
    Container,
    Crash,
    GiveUp,
    Limits,
    Retry,
    Run,
    Stop,
    TimeOut,
    decide,
    decide_crashed,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LIMITS = Limits()
UNFINISHED = ("PENDING", "RUNNING", "CANCELLING")
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
WAITING = ("SCHEDULED", "PAUSED")


def run(state: str, age: float) -> Run:
    return Run(state, state.title(), NOW - timedelta(seconds=age))


def container(
    age: float, *, is_live: bool = False, exit_code: int = 1, oom: bool = False, name: str = "c"
) -> Container:
    created = NOW - timedelta(seconds=age)
    return Container(name, "run", True, created) if is_live else Container(name, "run", False, created, exit_code, oom)


containers = st.lists(
    st.builds(
        lambda age, is_live, code, oom, name: container(age, is_live=is_live, exit_code=code, oom=oom, name=name),
        st.floats(0, 1e6),
        st.booleans(),
        st.sampled_from([0, 1, 137, 143]),
        st.booleans(),
        st.uuids().map(str),
    ),
    max_size=3,
)


@given(st.sampled_from(UNFINISHED), containers, st.booleans())
def test_no_unfinished_run_without_a_live_container_waits_for_ever(
    state: str, items: list[Container], has_image: bool
) -> None:
    ended = [item for item in items if not item.is_live]
    assert decide(run(state, 3600), ended, NOW, LIMITS, has_image=has_image) is not None


@given(st.sampled_from(UNFINISHED + FINAL + WAITING), st.floats(0, 29), containers)
def test_nothing_is_decided_before_the_shortest_limit(state: str, age: float, items: list[Container]) -> None:
    one_live = [item for item in items if not item.is_live] + [container(age, is_live=True)]
    assert decide(run(state, age), one_live, NOW, LIMITS) is None


@given(st.floats(0, 1e6), containers)
def test_run_with_one_live_container_is_left_alone_whatever_its_age(age: float, items: list[Container]) -> None:
    """A slow run is not a stuck run: a server that was away for hours crashes nothing."""
    ended = [item for item in items if not item.is_live]
    for state in ("PENDING", "RUNNING"):
        assert decide(run(state, age), [*ended, container(age, is_live=True)], NOW, LIMITS) is None


@given(st.sampled_from(WAITING), st.floats(0, 1e8), containers)
def test_suspended_and_scheduled_runs_are_never_touched(state: str, age: float, items: list[Container]) -> None:
    """A review waits for an answer for days, without a container."""
    assert decide(run(state, age), items, NOW, LIMITS) is None


@pytest.mark.parametrize(
    ("has_image", "age", "is_stuck"), [(True, 59, False), (True, 61, True), (False, 61, False), (False, 901, True)]
)
def test_pending_run_may_wait_for_its_image(has_image: bool, age: float, is_stuck: bool) -> None:
    action = decide(run("PENDING", age), [], NOW, LIMITS, has_image=has_image)
    assert isinstance(action, Crash) == is_stuck


def test_pending_retry_is_not_judged_by_the_container_of_its_last_attempt() -> None:
    """A day-old container of the crashed attempt still exists when the retry is Pending."""
    assert decide(run("PENDING", 40), [container(3600, exit_code=137)], NOW, LIMITS) is None
    assert decide(run("PENDING", 40), [container(35)], NOW, LIMITS) == Crash(
        "The container ended with exit status 1 before the run did"
    )


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([], "gone"),
        ([container(100, exit_code=137, oom=True)], "memory limit"),
        ([container(100, exit_code=137)], "killed"),
        ([Container("c", "run", False, NOW - timedelta(seconds=100))], "did not start it"),
        ([container(100, exit_code=0)], "exit status 0"),
        ([container(900, exit_code=0), container(100, exit_code=137)], "killed"),
    ],
)
def test_crash_names_how_the_container_ended(items: list[Container], reason: str) -> None:
    action = decide(run("RUNNING", 60), items, NOW, LIMITS)
    assert isinstance(action, Crash)
    assert reason in action.reason


def test_cancellation_that_nobody_received_stops_the_container() -> None:
    live = container(300, is_live=True)
    assert decide(run("CANCELLING", 29), [live], NOW, LIMITS) is None
    assert decide(run("CANCELLING", 31), [live], NOW, LIMITS) == Cancel(("c",))
    assert decide(run("CANCELLING", 31), [], NOW, LIMITS) == Cancel(())


@pytest.mark.parametrize("state", FINAL)
def test_container_of_a_finished_run_is_stopped(state: str) -> None:
    live = container(300, is_live=True)
    assert decide(run(state, 119), [live], NOW, LIMITS) is None
    action = decide(run(state, 121), [live], NOW, LIMITS)
    assert isinstance(action, Stop)
    assert action.containers == ("c",)


def test_second_live_container_is_stopped_and_the_first_continues() -> None:
    first, second = container(100, is_live=True, name="first"), container(5, is_live=True, name="second")
    action = decide(run("RUNNING", 90), [second, first], NOW, LIMITS)
    assert isinstance(action, Stop)
    assert action.containers == ("second",)


def test_run_beyond_its_timeout_is_stopped_from_outside() -> None:
    live, timeout = container(4000, is_live=True), timedelta(seconds=3600)
    assert decide(run("RUNNING", 3650), [live], NOW, LIMITS, timeout=timeout) is None
    assert decide(run("RUNNING", 3661), [live], NOW, LIMITS, timeout=timeout) == TimeOut(("c",))
    assert decide(run("PENDING", 3721), [live], NOW, LIMITS, timeout=timeout) is None


@given(st.lists(st.floats(0, 1e5), max_size=6), st.integers(1, 10))
def test_retries_are_bounded_and_their_delays_are_those_of_the_setting(delays: list[float], crashes: int) -> None:
    action = decide_crashed(NOW, crashes, delays)
    if crashes <= len(delays):
        assert action == Retry(crashes, NOW + timedelta(seconds=delays[crashes - 1]))
    else:
        assert action == GiveUp(crashes)


@given(st.sampled_from(UNFINISHED + FINAL + WAITING), st.floats(0, 1e8), containers)
def test_run_on_another_machine_is_left_to_that_machine(state: str, age: float, items: list[Container]) -> None:
    ended = [item for item in items if not item.is_live]
    action = decide(replace(run(state, age), is_here=False), ended, NOW, LIMITS)
    assert action is None or (state == "PENDING" and age >= 900)


def test_run_on_a_machine_that_is_gone_is_timed_out_by_another() -> None:
    away = replace(run("RUNNING", 3600 + 901), is_here=False)
    assert decide(away, [], NOW, LIMITS, timeout=timedelta(seconds=3600)) == TimeOut(())
