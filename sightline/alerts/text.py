"""Alerts as plain text, for email and SNS, and the parts that all forms share."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC

from sightline.alerts.alert import Alert

__all__ = ["as_text", "cell", "fact", "fitted", "headline", "more", "run_line", "subject", "truncated"]

_SUBJECT = 99  # SNS requires fewer than 100 characters
_CELL = 300
_FACT = 1500


def headline(alert: Alert) -> str:
    """Return the title on one line, at most 150 characters."""
    return truncated(f"sightline: {_one_line(alert.title)}", 150)


def subject(alert: Alert) -> str:
    """Return the title as SNS requires it: printable ASCII on one line, fewer than 100 characters."""
    plain = unicodedata.normalize("NFKD", headline(alert)).replace("…", "...")
    ascii_only = "".join(char for char in plain if not unicodedata.combining(char)).encode("ascii", "replace").decode()
    return ascii_only if len(ascii_only) <= _SUBJECT else f"{ascii_only[: _SUBJECT - 3]}..."


def as_text(alert: Alert, limit: int = 250_000) -> str:
    """Return the alert as plain text of at most ``limit`` bytes in UTF-8. Rows that do not fit are counted."""
    return fitted(alert, lambda rows: _text(alert, rows), lambda text: len(text.encode()), limit)


def fitted(alert: Alert, render: Callable[[int], str], size: Callable[[str], int], limit: int) -> str:
    """Return the text with as many rows as fit into ``limit``.

    Args:
        alert: The alert.
        render: Returns the text with the given number of rows.
        size: Returns the size of a text, in the unit of ``limit``.
        limit: The largest size.
    """
    for rows in range(len(alert.table), -1, -1):
        text = render(rows)
        if size(text) <= limit:
            return text
    while size(text) > limit:
        text = f"{text[: len(text) * 9 // 10]}…"
    return text


def cell(text: str) -> str:
    """Return a table cell: one line, and of a long value its beginning and end."""
    line = _one_line(text)
    return line if len(line) <= _CELL else f"{line[: _CELL * 2 // 3]} … {line[-_CELL // 3 :]}"


def fact(text: str) -> str:
    """Return a fact's value with its line breaks, truncated if it is very long."""
    return truncated("\n".join(line.rstrip() for line in text.strip().splitlines()), _FACT)


def truncated(text: str, length: int) -> str:
    """Return the text, truncated to ``length`` characters with an ellipsis at the end."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def more(alert: Alert, rows: int) -> str | None:
    """Return the line that counts the rows that are not listed if ``rows`` are; None if all are."""
    rest = alert.total - rows
    return None if rest <= 0 else f"and {rest:,} more" if rows else f"{rest:,} in all, not listed here"


def run_line(alert: Alert) -> str | None:
    """Return the run's name and id."""
    name, run_id = alert.run_name, alert.run_id
    return f"{name} ({run_id})" if name and run_id else name or run_id


def _text(alert: Alert, rows: int) -> str:
    lines = [_one_line(alert.title), ""]
    lines += [f"{name}: {fact(value)}".replace("\n", "\n    ") for name, value in alert.facts.items()]
    if run := run_line(alert):
        lines.append(f"run: {_one_line(run)}")
    if alert.run_url:
        lines.append(f"link: {alert.run_url}")
    lines.append(f"at: {alert.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    if alert.total:
        lines.append("")
    for number, row in enumerate(alert.table[:rows], start=1):
        (_, first), *others = row.items()
        lines += [
            f"{number}. {cell(first)}",
            "   " + ", ".join(f"{column} {cell(value)}" for column, value in others if value),
        ]
    if rest := more(alert, rows):
        lines.append(rest)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _one_line(text: str) -> str:
    printable = (" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text)
    return " ".join("".join(printable).split())
