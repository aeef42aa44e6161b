"""Progress of a long task or flow, in the Prefect UI and on standard error.

>>> @sightline_task(**PLAIN)
... def extract_poses(frames: Sequence[Frame]) -> None:
...     with progress("poses") as report:
...         for done, frame in enumerate(frames, start=1):
...             ...
...             report(done / len(frames))
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Protocol, TypeAlias
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import PrefectException
from prefect.logging import get_logger, get_run_logger
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.utilities.slugify import slugify
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

__all__ = ["Report", "progress"]

Report: TypeAlias = Callable[[float], None]
"""A function that reports the completed share, from 0 to 1. It may be called from any thread."""

_SECONDS_BETWEEN_UPDATES = 1.0  # each update is a request, and a write in the server's database
_LINES = 10


@contextmanager
def progress(description: str) -> Iterator[Report]:
    """Show the progress of the work inside, in a progress artifact of the task or flow run and on standard error.

    A terminal shows a bar; other outputs get a log line for every tenth of the work. Progress never decreases. Work
    that ends without an exception ends at 100 %; after an exception the progress stays where it was. Outside a run
    there is no artifact.

    Args:
        description: The name of the work, in one to three words.
    """
    task, flow = TaskRunContext.get(), FlowRunContext.get()
    name = task.task.name if task else flow.flow.name if flow and flow.flow else None
    logger = get_run_logger() if name else get_logger("sightline")
    console = _console()
    sinks: list[_Sink] = [_Artifact(f"progress-{slugify(name)}", description, logger)] if name else []
    sinks.append(_Bar(description, console) if console.file.isatty() else _Lines(description, logger))

    lock = Lock()
    reached = 0.0

    def report(share: float) -> None:
        nonlocal reached
        with lock:
            reached = max(reached, min(share, 1.0))
            for sink in sinks:
                sink.show(reached)

    try:
        yield report
        report(1.0)
    finally:
        for sink in sinks:
            sink.close(reached)


class _Sink(Protocol):
    """An output that shows progress."""

    def show(self, share: float) -> None: ...

    def close(self, share: float) -> None: ...


class _Artifact:
    def __init__(self, key: str, description: str, logger: _Logger) -> None:
        self._logger = logger
        self._sent = 0.0
        self._sent_at = time.monotonic()
        self._id: UUID | None = None
        with self._failures_logged():
            created = create_progress_artifact(progress=0.0, key=key, description=description)
            if not isinstance(created, UUID):
                created.close()
                raise TypeError("progress() is for tasks and flows that are plain functions, not async ones")
            self._id = created

    def show(self, share: float) -> None:
        if time.monotonic() - self._sent_at >= _SECONDS_BETWEEN_UPDATES:
            self._send(share)

    def close(self, share: float) -> None:
        self._send(share)

    def _send(self, share: float) -> None:
        if self._id is None or share == self._sent:
            return
        self._sent, self._sent_at = share, time.monotonic()
        with self._failures_logged():
            update_progress_artifact(self._id, progress=100 * share)

    @contextmanager
    def _failures_logged(self) -> Iterator[None]:
        # A server that cannot be reached must not end hours of work.
        try:
            yield
        except (httpx.HTTPError, PrefectException) as error:
            self._id = None
            self._logger.warning("The Prefect UI no longer shows the progress of this task: %r", error)


class _Lines:
    def __init__(self, description: str, logger: _Logger) -> None:
        self._description = description
        self._logger = logger
        self._line = -1
        self.show(0.0)

    def show(self, share: float) -> None:
        # The small term compensates for sums of floats that end just below a step.
        line = int(share * _LINES + 1e-9)
        if line > self._line:
            self._line = line
            self._logger.info("%s: %d %%", self._description, line * 100 // _LINES)

    def close(self, share: float) -> None:
        """Do nothing: all lines are written by then."""


class _Bar:
    def __init__(self, description: str, console: Console) -> None:
        self._display, self._task = _display.enter(description, console)

    def show(self, share: float) -> None:
        self._display.update(self._task, completed=share)

    def close(self, share: float) -> None:
        _display.leave()


class _Display:
    """The bars of all concurrent tasks, in one place on the terminal."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._bars = 0
        self._progress: Progress | None = None

    def enter(self, description: str, console: Console) -> tuple[Progress, TaskID]:
        with self._lock:
            if self._progress is None:
                # The console of Prefect's log has a theme without rich's own styles, so the colours are set here.
                self._progress = Progress(
                    TextColumn("{task.description}", markup=False),
                    BarColumn(style="grey23", complete_style="cyan", finished_style="green", pulse_style="grey50"),
                    TaskProgressColumn(),
                    TimeRemainingColumn(elapsed_when_finished=True),
                    console=console,
                    refresh_per_second=5,
                )
                self._progress.start()
            self._bars += 1
            return self._progress, self._progress.add_task(description, total=1.0)

    def leave(self) -> None:
        with self._lock:
            self._bars -= 1
            if self._bars == 0 and self._progress:
                self._progress.stop()
                self._progress = None


_Logger: TypeAlias = logging.Logger | logging.LoggerAdapter[logging.Logger]
_display = _Display()


def _console() -> Console:
    # Log lines appear above a bar only if both use the same console.
    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            return handler.console
    return Console(stderr=True)
