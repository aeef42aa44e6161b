"""``sightline COMMAND …``: one command per flow, with options from the flow's signature.

Commands that run no flow follow the flows.
"""

from __future__ import annotations

import gc
import inspect
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO, cast

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from flows.catalogue import CATALOGUE, COMMANDS, CommandEntry, FlowEntry
from flows.signatures import signature_of
from flows.terminal import call_in_terminal, run_in_terminal, set_prefect_defaults
from flows.waiting import Waiting

if TYPE_CHECKING:
    from prefect import Flow

__all__ = ["main", "run"]

_ALLOCATIONS = 50_000  # between two collections of garbage; with Python's 700, they are a sixth of the time of imports

_DONE = 0
_USAGE_ERROR = 2
_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM


def main(catalogue: Sequence[FlowEntry] = CATALOGUE) -> NoReturn:
    """Run the console script. Standard output receives only the output of ``run``; all other prints go to stderr."""
    gc.set_threshold(_ALLOCATIONS)
    set_prefect_defaults()
    # Raising SystemExit, unlike the signal's default action, stops the server that was started for the run.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    sys.exit(run(sys.argv[1:], _reserve_stdout(), catalogue))


def run(arguments: Sequence[str], output: TextIO, catalogue: Sequence[FlowEntry] = CATALOGUE) -> int:
    """Run one command; write its result or its help to ``output``, and everything else to standard error.

    Returns the exit status: 0 Completed or Skipped, 1 Failed, 2 invalid usage, 130 interrupted.
    """
    waiting = Waiting()
    if "--help" not in arguments:
        waiting.step("the command to load")
    try:
        return _app(arguments, output, catalogue, waiting).meta(arguments) or _DONE  # help returns None
    except CycloptsError as error:
        waiting.stop()
        print(f"sightline: {_usage_error(error)} (see --help)", file=sys.stderr)
        return _USAGE_ERROR
    except KeyboardInterrupt:
        waiting.stop()
        sys.stdout.flush()  # what the flow printed comes before the message
        print("sightline: interrupted", file=sys.stderr)
        return _INTERRUPTED
    finally:
        waiting.stop()
        output.flush()


def _app(arguments: Sequence[str], output: TextIO, catalogue: Sequence[FlowEntry], waiting: Waiting) -> App:
    app = App(
        name="sightline",
        help="Flows that process videos, images and audio, and train the models that they use.",
        version=_version,
        console=Console(file=output),
        help_format="plaintext",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    entries: tuple[FlowEntry | CommandEntry, ...] = (*catalogue, *COMMANDS)
    for entry in entries:
        # The called command shows its docstring as help; the others are listed without being imported.
        called = entry.name in arguments
        app.command(
            signature_of(entry.called) if called and "--help" in arguments else entry.called,
            name=entry.name,
            help=None if called else entry.summary,
            help_format="markdown",
        )

    app.meta.suppress_keyboard_interrupt = False

    @app.meta.default
    def launch(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        json: Annotated[bool, Parameter(negative=())] = False,
        verbose: Annotated[bool, Parameter(negative=())] = False,
    ) -> int:
        """Run the command.

        Args:
            tokens: The command and its arguments.
            json: Print the result as one JSON object.
            verbose: Show all log lines, and the traceback of an error.
        """
        command, bound, _ = app.parse_args(tokens)
        if inspect.ismethod(command) or inspect.isfunction(command):
            waiting.stop()
        if inspect.ismethod(command):  # built into the app: --help, --version
            command(*bound.args, **bound.kwargs)
            return 0
        if inspect.isfunction(command):
            return call_in_terminal(command, bound.arguments, output, as_json=json, verbose=verbose)
        flow = cast("Flow[..., Any]", command)
        return run_in_terminal(flow, bound.arguments, output, waiting, as_json=json, verbose=verbose)

    return app


def _version() -> str:
    from importlib.metadata import version

    return version("sightline")


def _usage_error(error: Exception) -> str:
    text, cause = str(error), error.__cause__
    if cause and hasattr(cause, "errors"):  # a pydantic error, whose text has many lines
        text = text.replace(str(cause), "; ".join(detail["msg"] for detail in cause.errors()))
    return " ".join(text.split()).rstrip(".")


def _reserve_stdout() -> TextIO:
    # Prints of libraries, including C code, go to standard error, so that programs can parse standard output.
    sys.stdout.flush()
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return output


if __name__ == "__main__":
    main()
