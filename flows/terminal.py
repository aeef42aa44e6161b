"""One flow run in a terminal: quiet settings, one line for a failure, the result as text or JSON."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from sightline.errors import SightlineError

if TYPE_CHECKING:
    from prefect import Flow, State
    from pydantic import BaseModel

__all__ = ["look_in_terminal", "run_in_terminal", "set_prefect_defaults"]

_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    # Its first write can also meet the migrations of a new database: "database is locked".
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    # An image in a payload of the original kind is longer than Prefect's half a megabyte.
    "PREFECT_SERVER_API_MAX_PARAMETER_SIZE": str(64 << 20),
    # A new database takes about 20 seconds on two busy cores, which is where Prefect gives up.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}

_LISTED = 12  # objects that the result shows as text
_COMPLETED = 0
_FAILED = 1


def set_prefect_defaults() -> None:
    """Set what the user has not set. To be called before Prefect is imported, which reads its settings then."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def run_in_terminal(
    flow: Flow[..., Any], parameters: Mapping[str, Any], output: TextIO, *, as_json: bool = False, verbose: bool = False
) -> int:
    """Run the flow and write its result to ``output``; a failure is one line on standard error.

    Returns the exit status: 0 where the run's state is of the type Completed, which Skipped is too, else 1.
    """
    from pydantic import BaseModel

    if not verbose:
        _quieten_logs()
    _announce_first_start()
    try:
        _start_server()
        state = cast("State[Any]", flow(**parameters, return_state=True))
    except Exception as error:
        # The flow's own exceptions are in its state; this one kept it from starting, or its end from being told.
        if verbose:
            traceback.print_exc()
        print(f"sightline: {flow.name} could not run: {_one_line(_named_and_placed(error))}", file=sys.stderr)
        return _FAILED
    if not state.is_completed():
        print(f"sightline: {flow.name} {str(state.name).lower()}: {_reason(state)}", file=sys.stderr)
        return _FAILED
    result = state.result()
    if not isinstance(result, BaseModel | None):
        raise TypeError(f"{flow.name} returned a {type(result).__name__}, not a result model")
    if as_json:
        print(result.model_dump_json() if result else _state_as_json(state), file=output)
    else:
        output.writelines(f"{line}\n" for line in _summary(flow.name, state, result))
    return _COMPLETED


def look_in_terminal(
    command: Callable[..., Any], parameters: Mapping[str, Any], output: TextIO, *, as_json: bool, verbose: bool
) -> int:
    """Call a command that is no flow, and write its result model, as its ``str`` or as JSON; the exit status."""
    try:
        result = command(**parameters)
    except Exception as error:
        if verbose:
            traceback.print_exc()
        told = str(error) if isinstance(error, SightlineError) else f"{type(error).__name__}: {error}"
        print(f"sightline: {command.__name__}: {_one_line(told)}", file=sys.stderr)
        return _FAILED
    print(result.model_dump_json() if as_json else result, file=output)
    return _COMPLETED


def _reason(state: State[Any]) -> str:
    from prefect.exceptions import PrefectException

    try:
        error = state.result(raise_on_failure=False)
    except PrefectException as unfinished:
        error = unfinished
    speaks_for_itself = isinstance(error, SightlineError | PrefectException)
    return _one_line(str(error) if speaks_for_itself else _named_and_placed(error))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _named_and_placed(error: BaseException) -> str:
    from prefect import Flow, Task

    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        step = frame.f_globals.get(code.co_name)
        if isinstance(step, Flow | Task) and step.fn.__code__ is code:
            place = f" (in {type(step).__name__.lower()} {step.name}, {Path(code.co_filename).name}:{line})"
    return f"{type(error).__name__}: {error}{place}"


def _state_as_json(state: State[Any]) -> str:
    return json.dumps({"state": state.name, "message": state.message})


def _summary(name: str, state: State[Any], result: BaseModel | None) -> Iterator[str]:
    """The state, then a line a field, the values aligned."""
    yield f"{name}: {state.name}" + (f", {state.message}" if state.message and state.name != "Completed" else "")
    fields = result.model_dump(mode="json") if result else {}
    width = max(map(len, fields), default=0)
    for field, value in fields.items():
        yield f"  {field.replace('_', ' '):{width}}  {_text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        # A reason in capitals is a name that people search for.
        value = [f"{key.replace('_', ' ') if key.islower() else key} {_text(item)}" for key, item in value.items()]
    if isinstance(value, list) and len(value) > _LISTED and isinstance(value[0], dict):
        return f"{len(value)} of them, which --json lists"
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    return "none" if value is None else str(value)


def _announce_first_start() -> None:
    # A new database takes Prefect's temporary server a while, in which nothing else is said.
    from prefect.settings import get_current_settings
    from sqlalchemy.engine import make_url

    current = get_current_settings()
    connection = current.server.database.connection_url
    if current.api.url or not current.server.ephemeral.enabled or connection is None:
        return
    url = make_url(connection.get_secret_value())
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        print(f"sightline: preparing Prefect's database in {url.database}, once", file=sys.stderr)


def _start_server() -> None:
    """Have Prefect start its temporary server where there is no other, out of the reach of Ctrl-C.

    The terminal interrupts every process of the group, and the run could not tell a dead server that it has ended. A
    process takes over the signals that the thread which starts it holds back.
    """
    from prefect.client.orchestration import get_client

    failures: list[Exception] = []

    def start() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            get_client(sync_client=True)
        except Exception as error:
            failures.append(error)

    # The settings in force are a matter of the context, which a thread does not have by itself.
    thread = threading.Thread(target=copy_context().run, args=(start,), daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _quieten_logs() -> None:
    from prefect.logging.handlers import PrefectConsoleHandler

    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(_worth_a_line)


def _worth_a_line(record: logging.LogRecord) -> bool:
    """What flows and tasks say, warnings, and retries; not the engine's account of each state, nor tracebacks.

    The run's own log, in the Prefect UI, keeps all of it.
    """
    if record.name in {"EventsWorker", "APILogWorker"}:  # they tell how long their queue still is
        return record.levelno >= logging.ERROR
    if not record.name.startswith(("prefect.flow_runs", "prefect.task_runs")):
        return record.levelno >= logging.WARNING
    if record.module in {"flow_engine", "task_engine"}:
        return record.levelno == logging.WARNING or "will start" in record.getMessage()
    return True
