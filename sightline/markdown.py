"""Markdown as the Prefect UI shows it: tables, lists and pages. Text from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["escape", "file_list", "page", "table"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~$])")
_BARE_PIPE = re.compile(r"(?<!\\)\|")


def escape(text: str) -> str:
    """Return the text on one line, with every character that Markdown would interpret escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()).replace("&", "&amp;"))


def table(heading: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in GitHub's Markdown; an empty text if there are no rows.

    Cells may contain markup. Line breaks become spaces and pipes are escaped, so a cell cannot break its row.
    """
    lines = [_row(row) for row in rows]
    return "\n".join([_row(heading), _row(["---"] * len(heading)), *lines]) if lines else ""


def file_list(uris: Iterable[str]) -> str:
    """Return a bulleted list of URIs, each as code."""
    return "\n".join(f"- `{uri}`" for uri in uris)


def page(*blocks: str | None) -> str:
    """Join the blocks that are not empty into one document."""
    return "\n\n".join(filter(None, blocks))


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(value: object) -> str:
    return _BARE_PIPE.sub(r"\\|", " ".join(str(value).split()))
