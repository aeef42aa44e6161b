"""``sightline FLOW …``: every flow of the catalogue as a command, its options made from the flow's signature.

The few commands that are no flows come after them.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO, cast

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from flows.catalogue import CATALOGUE, COMMANDS, CommandEntry, FlowEntry
from flows.terminal import look_in_terminal, run_in_terminal, set_prefect_defaults

if TYPE_CHECKING:
    from prefect import Flow

__all__ = ["main", "run"]

_DONE = 0
_WRONG_USE = 2
_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM


def main(catalogue: Sequence[FlowEntry] = CATALOGUE) -> NoReturn:
    """The console script. Standard output gets what ``run`` writes and nothing else, whoever prints."""
    set_prefect_defaults()
    # An exit, unlike the signal's own end of the process, stops the server that was started for the run.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    sys.exit(run(sys.argv[1:], _reserve_stdout(), catalogue))


def run(arguments: Sequence[str], output: TextIO, catalogue: Sequence[FlowEntry] = CATALOGUE) -> int:
    """Run one command: its result, or the help that was asked for, goes to ``output``, the rest to standard error.

    Returns the exit status: 0 Completed or Skipped, 1 Failed, 2 wrong use, 130 interrupted.
    """
    try:
        return _app(arguments, output, catalogue).meta(arguments) or _DONE  # help returns nothing
    except CycloptsError as error:
        print(f"sightline: {_complaint(error)} (see --help)", file=sys.stderr)
        return _WRONG_USE
    except KeyboardInterrupt:
        print("sightline: interrupted", file=sys.stderr)
        return _INTERRUPTED
    finally:
        output.flush()


def _app(arguments: Sequence[str], output: TextIO, catalogue: Sequence[FlowEntry]) -> App:
    app = App(
        name="sightline",
        help="Flows that watch, listen to and classify media.",
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
        # A command that is called speaks with its docstring; the others are listed without being imported.
        app.command(
            entry.target,
            name=entry.name,
            help=None if entry.name in arguments else entry.summary,
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
            json: Print the result as one JSON object.
            verbose: Show every log line, and where an error came from.
        """
        command, bound, _ = app.parse_args(tokens)
        if inspect.ismethod(command):  # the app's own: --help, --version
            command(*bound.args, **bound.kwargs)
            return 0
        if inspect.isfunction(command):
            return look_in_terminal(command, bound.arguments, output, as_json=json, verbose=verbose)
        return run_in_terminal(cast("Flow[..., Any]", command), bound.arguments, output, as_json=json, verbose=verbose)

    return app


def _version() -> str:
    from importlib.metadata import version

    return version("sightline")


def _complaint(error: Exception) -> str:
    text, cause = str(error), error.__cause__
    if cause and hasattr(cause, "errors"):  # pydantic's, whose own text runs over many lines
        text = text.replace(str(cause), "; ".join(detail["msg"] for detail in cause.errors()))
    return " ".join(text.split()).rstrip(".")


def _reserve_stdout() -> TextIO:
    # What libraries print, from C as well, goes to standard error; a program that reads the result gets the result.
    sys.stdout.flush()
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return output


if __name__ == "__main__":
    main()
