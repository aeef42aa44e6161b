"""Result files that every kind of run writes, and helpers that keep the memory of writing them bounded."""

from __future__ import annotations

import csv
import heapq
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

__all__ = ["CSV", "RESULTS", "TABLE", "TableWriter", "Top"]

RESULTS, TABLE, CSV = "results.jsonl", "results.parquet", "results.csv"

_ROW_GROUP = 1024
# OWASP, CSV Injection: a spreadsheet executes a cell that begins with one of these, half or full width.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

Item = TypeVar("Item")


class TableWriter:
    """A parquet file, and the same table as CSV beside it, written one row group at a time. A context manager.

    ``columns``: names and pyarrow types, in order. A row without a value for a column has null there. The CSV file is
    UTF-8 with a byte order mark, which spreadsheets need to read Unicode, and has every column in the same order. A
    text that a spreadsheet would execute as a formula begins with an apostrophe there.
    """

    def __init__(self, path: Path, columns: Sequence[tuple[str, Any]]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema = pa.schema(columns)
        self._writer = pq.ParquetWriter(path, self._schema)  # type: ignore[no-untyped-call]
        self._csv_file = path.with_suffix(".csv").open("w", encoding="utf-8-sig", newline="")
        self._csv = csv.writer(self._csv_file)
        self._csv.writerow(map(_cell, self._schema.names))
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exception: type[BaseException] | None, *_: object) -> None:
        with self._writer, self._csv_file:
            if exception is None:
                self._flush()

    def add(self, row: dict[str, Any]) -> None:
        """Add a row."""
        self._rows.append(row)
        if len(self._rows) == _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        self._writer.write(pa.Table.from_pylist(self._rows, schema=self._schema))  # type: ignore[no-untyped-call]
        self._csv.writerows([_cell(row.get(name)) for name in self._schema.names] for row in self._rows)
        self._rows.clear()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


class Top(Generic[Item]):
    """The ``limit`` items with the highest scores, out of any number of items.

    Of items with equal scores, those added first are preferred.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._heap: list[tuple[float, int, Item]] = []

    def add(self, score: float, item: Item) -> None:
        """Add an item, and drop the lowest one if there are more than ``limit``."""
        # The count makes entries distinct, so items are never compared.
        entry = (score, -self._count, item)
        self._count += 1
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def items(self) -> list[Item]:
        """Return the items, highest score first."""
        return [item for _, _, item in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]
