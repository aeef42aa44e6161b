"""Progress appears in the UI and on standard error, and never interrupts the work."""

from __future__ import annotations

import logging
import os
import pty
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prefect import flow, task
from prefect.artifacts import update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort

from tasks.support import progress as module
from tasks.support.progress import progress

ROOT = Path(__file__).resolve().parents[3]


class Interruption(Exception):
    """An exception that ends the work early."""


def percentages(log: pytest.LogCaptureFixture) -> list[int]:
    return [record.args[1] for record in log.records if record.msg == "%s: %d %%"]  # type: ignore[index,misc]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shares=st.lists(st.floats(-0.5, 1.5)))
def test_log_lines_rise_in_tenths_to_100(shares: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    with progress("work") as report:
        for share in shares:
            report(share)
    shown = percentages(caplog)
    assert (shown[0], shown[-1]) == (0, 100)
    assert all(before < after and after % 10 == 0 for before, after in pairwise(shown))


def test_every_tenth_is_logged_despite_float_errors(caplog: pytest.LogCaptureFixture) -> None:
    with progress("work") as report:
        for _ in range(3):
            share = 0.0
            for _ in range(10):
                share += 0.1
                report(share)
    assert percentages(caplog) == list(range(0, 101, 10))


def test_failed_work_keeps_its_progress(caplog: pytest.LogCaptureFixture) -> None:
    def interrupt() -> None:
        with progress("work") as report:
            report(0.45)
            raise Interruption

    with pytest.raises(Interruption):
        interrupt()
    assert percentages(caplog) == [0, 40]


def artifact(key: str) -> tuple[float, str | None]:
    """Return the percentage and description of the newest artifact with the key."""
    with get_client(sync_client=True) as client:
        artifacts = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])), sort=ArtifactSort.CREATED_DESC
        )
    assert len({item.task_run_id for item in artifacts}) == len(artifacts)
    return float(str(artifacts[0].data)), artifacts[0].description


@pytest.mark.integration
def test_task_run_has_one_artifact_that_ends_at_100() -> None:
    @task
    def extract_all_poses() -> None:
        with progress("poses") as report:
            report(0.5)

    @flow
    def once() -> None:
        extract_all_poses()

    once()
    assert artifact("progress-extract-all-poses") == (100.0, "poses")


@pytest.mark.integration
def test_artifact_of_failed_work_keeps_its_progress() -> None:
    @task
    def interrupt() -> None:
        with progress("work") as report:
            report(0.2)
            report(0.4)
            raise Interruption

    @flow
    def once() -> None:
        interrupt(return_state=True)

    once(return_state=True)
    assert artifact("progress-interrupt") == (40.0, "work")


@pytest.mark.integration
def test_1000_reports_cause_about_one_request_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[float] = []

    def count(artifact_id: UUID, progress: float) -> None:
        sent.append(progress)
        update_progress_artifact(artifact_id, progress=progress)

    monkeypatch.setattr(module, "update_progress_artifact", count)

    @task
    def report_often() -> None:
        with progress("work") as report:
            for done in range(1000):
                report(done / 1000)
                time.sleep(0.0015)

    @flow
    def once() -> float:
        start = time.monotonic()
        report_often()
        return time.monotonic() - start

    assert len(sent) <= once() + 1
    assert len(sent) >= 2
    assert sent[-1] == 100


@pytest.mark.integration
def test_work_continues_if_the_server_is_unreachable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(artifact_id: UUID, progress: float) -> None:
        raise httpx.ConnectError("nobody there")

    monkeypatch.setattr(module, "update_progress_artifact", refuse)

    @task
    def work() -> str:
        with progress("work"):
            return "done"

    @flow
    def once() -> str:
        return work()

    assert once() == "done"
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "The Prefect UI no longer shows the progress of this task: ConnectError('nobody there')" in warnings


@pytest.mark.integration
def test_bars_and_log_lines_share_a_terminal() -> None:
    program = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from prefect import get_run_logger, task  # as every task does; it configures the log
from prefect.logging import get_logger
from tasks.support.progress import progress
together = Barrier(2)
def work(name):
    with progress(name) as report:
        together.wait()
        report(0.25)
        get_logger().info("a line from " + name)
with ThreadPoolExecutor(2) as pool:
    list(pool.map(work, ["frames", "sound"]))
"""
    reader, writer = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=writer, stdout=subprocess.PIPE) as done:
        os.close(writer)
        screen = b""
        while chunk := _read(reader):
            screen += chunk
        assert done.stdout
        assert done.stdout.read() == b""
    os.close(reader)
    text = screen.decode()
    for name in ("frames", "sound"):
        assert f"a line from {name}\r\n" in text
        assert any(name in line and "━" in line and "100%" in line for line in text.splitlines())


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 4096)
    except OSError:  # Linux raises it once the other end of a terminal is closed
        return b""
