"""CSV files of pressure mats: one frame, or a time column and one row per frame."""

from __future__ import annotations

import csv
from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CsvFrames", "read_csv"]

_TIME_NAMES = {"time", "timestamp", "datetime", "date_time", "date time", "zeit", "t"}


class CsvFrames(NamedTuple):
    """``frames``: shape = (n, rows, columns). ``times``: the text of each frame's time, None if there is one frame."""

    frames: NDArray[np.float64]
    times: list[str] | None


def read_csv(data: bytes, rows: int, columns: int, *, growing: bool = False) -> CsvFrames:
    """Return the frames of a CSV file with commas, semicolons or tabs between the fields.

    A first line that holds no values is a heading, and lines that start with # are ignored. With semicolons or tabs,
    the decimal mark may be a comma. With ``growing``, a last line without a line end is ignored. The values of a
    damaged line are NaN. Raises ``ValueError`` for anything but ``rows`` lines of ``columns`` values, or lines of a
    time and ``rows * columns`` values.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is no text in UTF-8 ({error})") from error
    if growing and not text.endswith(("\n", "\r")):
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise ValueError("is empty")
    # The last line: the first may be a heading in prose.
    delimiter = next((mark for mark in (";", "\t") if mark in lines[-1]), ",")
    table = [_without_end(line) for line in csv.reader(lines, delimiter=delimiter)]
    heading = None if _is_values(table[0][1:] or table[0]) else table.pop(0)
    # Of most lines: a single one may be damaged.
    width = Counter(map(len, table)).most_common(1)[0][0] if table else 0
    if width == columns and len(table) == rows:
        return CsvFrames(np.stack([_numbers(line, width, delimiter) for line in table])[None], None)
    if table and width == rows * columns + 1:
        place = _time_column(heading)
        times = [line.pop(place) if len(line) > place else "" for line in table]
        frames = [_numbers(line, width - 1, delimiter).reshape(rows, columns) for line in table]
        return CsvFrames(np.stack(frames), times)
    no_time = " (a row per frame needs a time column before its values)" if width == rows * columns else ""
    raise ValueError(
        f"has {len(table)} lines of {width} fields{no_time}, and the mat {rows} x {columns} sensors. Write {rows} "
        f"lines of {columns} values, or lines of a time and {rows * columns} values; or correct rows and columns in "
        "bed.toml"
    )


def _without_end(fields: list[str]) -> list[str]:
    """Return the fields without an empty last one, which follows a delimiter at the end of the line."""
    return fields[:-1] if len(fields) > 1 and not fields[-1].strip() else fields


def _is_values(fields: list[str]) -> bool:
    try:
        [float(field.replace(",", ".")) for field in fields if field.strip()]
    except ValueError:
        return False
    return True


def _time_column(heading: list[str] | None) -> int:
    names = [name.strip().lower() for name in heading or ()]
    return next((place for place, name in enumerate(names) if name in _TIME_NAMES), 0)


def _numbers(fields: list[str], width: int, delimiter: str) -> NDArray[np.float64]:
    """Return the values of a line; all are NaN if one of them is no number, or some are missing."""
    if len(fields) == width:
        texts = [field.replace(",", ".") for field in fields] if delimiter != "," else fields
        try:
            return np.array(texts, dtype=np.float64)
        except ValueError:
            pass  # The frame is then reported as one that the mat cannot have measured.
    return np.full(width, np.nan)
