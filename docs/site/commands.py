"""The reference of all commands, from the signatures and docstrings of the flows."""

from __future__ import annotations

from cyclopts import App

from flows.catalogue import CATALOGUE, COMMANDS, CommandEntry, FlowEntry
from flows.signatures import signature_of

__all__ = ["commands_page"]

_INTRODUCTION = """\
# Commands

Each flow is a command, a deployment and a form in the Prefect UI, with the same parameters. `--json` prints the result
as one JSON object on standard output, `--verbose` shows all log lines. The exit status is 0 for Completed or Skipped, 1
for Failed, and 2 for wrong use.
"""


def commands_page() -> str:
    """Return the page in Markdown."""
    app = App(name="sightline", help_format="markdown")
    app["--help"].show = False
    app["--version"].show = False
    entries: tuple[FlowEntry | CommandEntry, ...] = (*CATALOGUE, *COMMANDS)
    for entry in entries:
        app.command(signature_of(entry.target), name=entry.name, help_format="markdown")
    # What precedes the first command repeats the contents that the site shows beside the page.
    _, _, commands = app.generate_docs().partition("\n## sightline ")
    return f"{_INTRODUCTION}\n## sightline {commands}"
