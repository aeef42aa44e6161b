"""An alert as plain text, which is what email and SNS carry, and the pieces that all its forms are made of."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC

from sightline.alerts.alert import Alert

__all__ = ["as_text", "cell", "fact", "fitted", "headline", "more", "run_line", "shortened", "subject"]

_SUBJECT = 99  # SNS wants less than 100 characters
_CELL = 300
_FACT = 1500


def headline(alert: Alert) -> str:
    """The title on one line, at most 150 characters."""
    return shortened(f"sightline: {_one_line(alert.title)}", 150)


def subject(alert: Alert) -> str:
    """The title as SNS takes it: printable ASCII on one line, less than 100 characters."""
    plain = unicodedata.normalize("NFKD", headline(alert)).replace("…", "...")
    ascii_only = "".join(char for char in plain if not unicodedata.combining(char)).encode("ascii", "replace").decode()
    return ascii_only if len(ascii_only) <= _SUBJECT else f"{ascii_only[: _SUBJECT - 3]}..."


def as_text(alert: Alert, limit: int = 250_000) -> str:
    """The whole alert, at most ``limit`` bytes of UTF-8; rows that do not fit are counted."""
    return fitted(alert, lambda rows: _text(alert, rows), lambda text: len(text.encode()), limit)


def fitted(alert: Alert, render: Callable[[int], str], size: Callable[[str], int], limit: int) -> str:
    """The text with as many rows as fit into ``limit``. ``render`` takes the number of rows to name."""
    for rows in range(len(alert.table), -1, -1):
        text = render(rows)
        if size(text) <= limit:
            return text
    while size(text) > limit:
        text = f"{text[: len(text) * 9 // 10]}…"
    return text


def cell(text: str) -> str:
    """A value on one line, of a length that fits a table; the beginning and the end of a long one."""
    line = _one_line(text)
    return line if len(line) <= _CELL else f"{line[: _CELL * 2 // 3]} … {line[-_CELL // 3 :]}"


def fact(text: str) -> str:
    """A fact's value, its lines kept, cut off where it is very long."""
    return shortened("\n".join(line.rstrip() for line in text.strip().splitlines()), _FACT)


def shortened(text: str, length: int) -> str:
    """The text, at most ``length`` characters of it; one that is cut off ends in an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def more(alert: Alert, rows: int) -> str | None:
    """What is said of the rows that are not named, where only ``rows`` are."""
    rest = alert.total - rows
    return None if rest <= 0 else f"and {rest:,} more" if rows else f"{rest:,} in all, not listed here"


def run_line(alert: Alert) -> str | None:
    """The run by its name and identity."""
    name, identity = alert.run_name, alert.run_id
    return f"{name} ({identity})" if name and identity else name or identity


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
