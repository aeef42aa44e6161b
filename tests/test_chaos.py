"""The instruments of the fault injection in tests/docker/chaos: they find what they must find."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docker.chaos.measure import batches
from tests.docker.chaos.verdict import Table, Verdict
from tests.docker.chaos.watch import Stalls
from tests.docker.chaos.workload.traces import Traces


def test_traces_of_a_retried_work() -> None:
    traces = Traces.of(["start-10-a", "step-11-a", "step-12-a", "start-20-b", "step-21-b", "effect", "fixed"])
    assert traces.executions == ("a", "b")
    assert (traces.is_done, traces.repeats, traces.overlap) == (True, 0, False)


@pytest.mark.parametrize(
    ("names", "overlap", "repeats"),
    [
        pytest.param(["step-1-a", "step-3-a", "step-2-b", "step-4-b"], True, 0, id="interleaved"),
        pytest.param(["step-1-a", "step-4-a", "step-2-b", "step-3-b"], True, 0, id="enclosed"),
        pytest.param(["step-1-a", "step-5-a", "step-2-b", "step-3-c"], True, 0, id="three"),
        pytest.param(["step-1-a", "effect", "again-b"], False, 1, id="done again"),
    ],
)
def test_second_execution_is_found(names: list[str], overlap: bool, repeats: int) -> None:
    traces = Traces.of(names)
    assert (traces.overlap, traces.repeats) == (overlap, repeats)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_run_stalls_from_its_last_progress_after_the_fault(clock: Clock) -> None:
    stalls = Stalls(clock)
    stalls.sample({"run": ("RUNNING", 1)})
    clock.time = 500
    stalls.sample({"run": ("RUNNING", 1)})
    assert stalls.longest == {}, "the fault is not over"
    stalls.fault_over()
    clock.time = 560
    stalls.sample({"run": ("RUNNING", 1)})
    assert stalls.longest == {"run": 60}
    stalls.sample({"run": ("RUNNING", 2)})
    clock.time = 590
    stalls.sample({"run": ("RUNNING", 2)})
    assert stalls.longest == {"run": 60}


def test_waiting_run_stalls_only_if_no_other_run_makes_progress(clock: Clock) -> None:
    stalls = Stalls(clock)
    stalls.fault_over()
    for clock.time in range(0, 300, 10):
        stalls.sample({"waiting": ("SCHEDULED", 1), "other": ("RUNNING", clock.time)})
    assert stalls.longest.get("waiting", 0) == 0
    for clock.time in range(300, 500, 10):
        stalls.sample({"waiting": ("SCHEDULED", 1)})
    assert stalls.longest["waiting"] == 190


def test_stall_counts_although_the_server_was_not_reached(clock: Clock) -> None:
    stalls = Stalls(clock)
    stalls.sample({"run": ("PENDING", 1)})
    stalls.fault_over()
    clock.time = 200
    stalls.sample({"run": ("PENDING", 1)})
    assert stalls.longest == {"run": 200}


def good() -> Verdict:
    return Verdict("Something dies", attempts=5, faults=1, expected=1, alerts={"webhook": 1, "mail": 1}, order=2)


@pytest.mark.parametrize(
    "change",
    [
        {"lost": ["a"]},
        {"duplicated": ["a"]},
        {"stuck": ["a"]},
        {"alerts": {"webhook": 1, "mail": 0}},
        {"alerts": {"webhook": 2, "mail": 1}},
        {"attempts": 0},
        {"error": "the test failed"},
    ],
    ids="".join,
)
def test_violation_is_found(change: dict[str, object]) -> None:
    assert good().violations() == []
    assert Verdict(**{**vars(good()), **change}).violations()


def test_table_is_ordered_and_has_the_latest_verdict_of_each_fault(tmp_path: Path) -> None:
    table = Table(tmp_path / "chaos.json")
    table.add(good())
    table.add(Verdict("Another dies", attempts=20, faults=20, alerts={"webhook": 0, "mail": 0}, order=1))
    table.add(Verdict("Something dies", attempts=5, faults=1, expected=1, lost=["a"], order=2))
    lines = table.render().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| Another dies", "| Something dies"]
    assert "| 20 | 0 | 0 | 0 | 0 of 0 |" in lines[2]
    assert "5 in 1 fault | 1 |" in lines[3]
    assert (tmp_path / "chaos.md").read_text() == table.render()


def test_batches_cover_all_attempts() -> None:
    assert list(batches(12, 5)) == [5, 5, 2]
