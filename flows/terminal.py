"""Flow runs in a terminal: reduced logging, one line for a failure, the result as text or JSON."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from flows.command_server import command_server
from flows.summary import summary_lines
from sightline.errors import FailedWithResult, SightlineError
from sightline.urls import without_credentials

if TYPE_CHECKING:
    from prefect import Flow, State
    from pydantic import BaseModel

    from flows.waiting import Waiting

__all__ = ["call_in_terminal", "run_in_terminal", "set_prefect_defaults"]

_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    # Its first write can collide with the migrations of a new database: "database is locked".
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    # An image in a payload can exceed Prefect's limit of half a megabyte.
    "PREFECT_SERVER_API_MAX_PARAMETER_SIZE": str(64 << 20),
    # Creating a database takes about 20 seconds on two busy cores, which is Prefect's default timeout.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}

_COMPLETED = 0
_FAILED = 1


def set_prefect_defaults() -> None:
    """Set defaults for unset variables. Call this before Prefect is imported, because it reads them on import."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def run_in_terminal(
    flow: Flow[..., Any],
    parameters: Mapping[str, Any],
    output: TextIO,
    waiting: Waiting,
    *,
    as_json: bool = False,
    verbose: bool = False,
) -> int:
    """Run the flow and write its result to ``output``, or one line to standard error if it fails.

    ``waiting`` shows what the start waits for.

    Returns the exit status: 0 if the state's type is Completed, which includes Skipped, else 1.
    """
    from pydantic import BaseModel

    if not verbose:
        _reduce_logging()
    _stop_at_first_record(waiting)
    try:
        with command_server(waiting):
            waiting.step(f"{flow.name} to start")
            state = cast("State[Any]", flow(**parameters, return_state=True))
    except Exception as error:
        waiting.stop()
        # The flow's own exceptions are in its state. This error prevented its start, or the report of its end.
        if verbose:
            traceback.print_exc()
        print(f"sightline: {flow.name} could not run: {_reason(error)}", file=sys.stderr)
        return _FAILED
    waiting.stop()
    if not state.is_completed():
        failure = _error(state)
        print(f"sightline: {flow.name} {str(state.name).lower()}: {_reason(failure)}", file=sys.stderr)
        if as_json and isinstance(failure, FailedWithResult) and isinstance(failure.result, BaseModel):
            print(failure.result.model_dump_json(), file=output)
        return _FAILED
    result = state.result()
    if not isinstance(result, BaseModel | None):
        raise TypeError(f"{flow.name} returned a {type(result).__name__}, not a result model")
    if as_json:
        print(result.model_dump_json() if result else _state_as_json(state), file=output)
    else:
        output.writelines(f"{line}\n" for line in _summary(flow.name, state, result))
    return _COMPLETED


def call_in_terminal(
    command: Callable[..., Any], parameters: Mapping[str, Any], output: TextIO, *, as_json: bool, verbose: bool
) -> int:
    """Call a command that runs no flow, and write its result as text or JSON. Return the exit status."""
    from pydantic import BaseModel

    try:
        result = command(**parameters)
    except Exception as error:
        if verbose:
            traceback.print_exc()
        message = str(error) if isinstance(error, SightlineError) else f"{type(error).__name__}: {error}"
        print(f"sightline: {command.__name__.replace('_', '-')}: {_one_line(message)}", file=sys.stderr)
        if isinstance(error, FailedWithResult) and isinstance(error.result, BaseModel):
            print(error.result.model_dump_json() if as_json else error.result, file=output)
        return _FAILED
    print(result.model_dump_json() if as_json else result, file=output)
    return _COMPLETED


def _error(state: State[Any]) -> BaseException:
    from prefect.exceptions import PrefectException

    try:
        return cast("BaseException", state.result(raise_on_failure=False))
    except PrefectException as unfinished:
        return unfinished


def _reason(error: BaseException) -> str:
    from prefect.exceptions import PrefectException

    is_self_explanatory = isinstance(error, SightlineError | PrefectException)
    return _one_line(str(error) if is_self_explanatory else _with_location(error))


def _one_line(text: str) -> str:
    return without_credentials(" ".join(text.split()))


def _with_location(error: BaseException) -> str:
    from prefect import Flow, Task

    location = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        step = frame.f_globals.get(code.co_name)
        if isinstance(step, Flow | Task) and step.fn.__code__ is code:
            location = f" (in {type(step).__name__.lower()} {step.name}, {Path(code.co_filename).name}:{line})"
    return f"{type(error).__name__}: {error}{location}"


def _state_as_json(state: State[Any]) -> str:
    return json.dumps({"state": state.name, "message": state.message})


def _summary(name: str, state: State[Any], result: BaseModel | None) -> Iterator[str]:
    """Yield a line for the state, and those of the result."""
    yield f"{name}: {state.name}" + (f", {state.message}" if state.message and state.name != "Completed" else "")
    yield from summary_lines(result.model_dump(mode="json") if result else {})


def _stop_at_first_record(waiting: Waiting) -> None:
    """Remove the line about the start as soon as the run logs, whether the record is shown or not."""
    from prefect.logging.handlers import PrefectConsoleHandler

    def stop(_: logging.LogRecord) -> bool:
        waiting.stop()
        return True

    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.filters.insert(0, stop)


def _reduce_logging() -> None:
    from prefect.logging.handlers import PrefectConsoleHandler

    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(_is_shown)


def _is_shown(record: logging.LogRecord) -> bool:
    """Return whether to show a record.

    Log lines of flows and tasks, warnings and retries are shown; state changes and tracebacks are not. The run's log in
    the Prefect UI has all records.
    """
    if record.name in {"EventsWorker", "APILogWorker"}:  # they log the length of their queues
        return record.levelno >= logging.ERROR
    if not record.name.startswith(("prefect.flow_runs", "prefect.task_runs")):
        return record.levelno >= logging.WARNING
    if record.module in {"flow_engine", "task_engine"}:
        return record.levelno == logging.WARNING or "will start" in record.getMessage()
    return True
