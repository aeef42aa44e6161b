"""The result of a run as text for a terminal: a line per field, and a short table for a list of records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["summary_lines"]

_MAX_ROWS = 12
_MAX_ITEMS = 12
_MAX_CELL = 60  # characters
_MAX_TEXT = 400  # characters of a text such as a transcript
_MORE = "--json lists them"


def summary_lines(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for every field, with aligned values, and a table below the name of a list of records.

    ``fields`` are those of a result model as JSON values. Long lists and texts are cut, and say how much is missing;
    ``--json`` has everything.
    """
    width = max(map(len, fields), default=0)
    for field, value in fields.items():
        name = f"  {_words(field):{width}}  "
        if _is_records(value):
            yield f"{name}{_count(len(value))}"
            yield from (f"    {line}" for line in _table(value))
        else:
            yield f"{name}{_text(value)}"


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _table(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    shown = records[:_MAX_ROWS]
    columns = [
        column
        for column in dict.fromkeys(name for record in shown for name in record)
        if any(record.get(column) not in (None, [], {}, "") for record in shown)
    ]
    rows = [[_words(column) for column in columns]]
    rows += [[_cell(record.get(column)) for column in columns] for record in shown]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    for row in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    if len(records) > len(shown):
        yield f"and {len(records) - len(shown):,} more ({_MORE})"


def _cell(value: Any) -> str:
    if isinstance(value, dict) or _is_records(value):
        return _count(len(value)) if value else ""
    text = "" if value is None else _text(value)
    return text if len(text) <= _MAX_CELL else f"{text[: _MAX_CELL - 1]}…"


def _text(value: Any) -> str:
    """Return a value on one line."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case dict():
            return _joined([f"{_words(key)} {_nested(item)}" for key, item in value.items()])
        case list():
            return _joined([_nested(item) for item in value])
        case _:
            return _cut(str(value))


def _cut(text: str) -> str:
    # A path has no end that could be left out.
    if len(text) <= _MAX_TEXT or " " not in text:
        return text
    return f"{text[:_MAX_TEXT].rstrip()}… ({len(text):,} characters, all of them with --json)"


def _nested(value: Any) -> str:
    if isinstance(value, dict | list) and value and (isinstance(value, dict) or _is_records(value)):
        return _count(len(value))
    return _text(value)


def _joined(parts: list[str]) -> str:
    shown = parts if len(parts) <= _MAX_ITEMS else parts[:_MAX_ITEMS]
    more = [f"and {len(parts) - len(shown):,} more ({_MORE})"] if len(parts) > len(shown) else []
    return ", ".join(shown + more) or "none"


def _count(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"


def _words(name: str) -> str:
    # Keys in capitals are identifiers that users search for, so they stay unchanged.
    return name.replace("_", " ") if name.islower() else name
