"""Flows that exceed their timeout, each in another place. ``python -m tests.flows.slow_toys NAME …`` runs them.

Several run at a time, each in the main thread of a process. Prints a JSON object per flow: the names and messages of
its run and of its subflows' runs, and how long it took.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, cast
from uuid import UUID

from prefect import Flow, State
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

from tasks.support.flow import sightline_flow
from tasks.support.policy import ON_SERVER, ON_STORAGE, PLAIN, sightline_task
from tasks.support.timeouts import FlowTimeout

attempts: list[str] = []


def compute() -> None:
    """Run Python code for a minute, with short sleeps: it can be interrupted, and leaves the processor to others."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        time.sleep(0.01)


def flow(name: str, timeout: FlowTimeout = "flow_timeout_seconds") -> Callable[[Callable[[], None]], Flow[[], None]]:
    """Return the decorator of a toy."""
    return sightline_flow(name=name, flow_run_name=name, timeout=timeout)


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def long_sleep() -> None:
    time.sleep(60)


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def long_computation(_: int) -> None:
    compute()


@sightline_task(**ON_SERVER)
def short_computation(number: int = 0) -> None:
    attempts.append(f"short_computation {number}")
    compute()


@sightline_task(**ON_STORAGE)
def quick(number: int) -> int:
    return number


@flow("sleep-in-flow")
def sleep_in_flow() -> None:
    time.sleep(60)


@flow("compute-in-training", timeout="training_timeout_seconds")
def compute_in_training() -> None:
    compute()


@flow("sleep-in-task")
def sleep_in_task() -> None:
    long_sleep()


@flow("compute-in-threads")
def compute_in_threads() -> None:
    long_computation.map(range(2)).result()


@flow("short-task", timeout="training_timeout_seconds")
def short_task() -> None:
    short_computation()


@flow("short-tasks-in-threads", timeout="training_timeout_seconds")
def short_tasks_in_threads() -> None:
    short_computation.map(range(2)).result()


@flow("sleep-in-subflow")
def sleep_in_subflow() -> None:
    compute_in_training()


@flow("many-subflows")
def many_subflows() -> None:
    for _ in range(100):
        sleep_in_task(return_state=True)


@flow("quick-tasks")
def quick_tasks() -> None:
    quick.map(range(3)).result()


TOYS = {
    toy.name: toy
    for toy in (
        sleep_in_flow, compute_in_training, sleep_in_task, compute_in_threads, short_task, short_tasks_in_threads,
        sleep_in_subflow, many_subflows, quick_tasks,
    )
}  # fmt: skip


def ended(name: str) -> dict[str, Any]:
    """Run a toy, and return how it ended."""
    attempts.clear()
    started = time.monotonic()
    state = TOYS[name](return_state=True)
    seconds = time.monotonic() - started
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(cast("UUID", state.state_details.flow_run_id))
        children = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run.id]))
        )
    state = cast("State", run.state)
    return {
        "name": state.name,
        "message": state.message,
        "seconds": seconds,
        "children": [[child.state.name, child.state.message] for child in children if child.state],
        "attempts": attempts,
        "threads": [thread.name for thread in threading.enumerate() if "ThreadPoolExecutor" in thread.name],
    }


def prepare() -> None:
    """Run a flow that is not measured: the first run of a process takes longer."""
    quick_tasks(return_state=True)


if __name__ == "__main__":
    # The forked processes need not import Prefect again.
    with ProcessPoolExecutor(3, multiprocessing.get_context("fork"), prepare) as pool:
        for name, result in zip(sys.argv[1:], pool.map(ended, sys.argv[1:]), strict=True):
            print(json.dumps({name: result}), flush=True)
