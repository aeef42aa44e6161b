"""Result files are written in bounded memory."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.runs import TableWriter, Top


@given(scores=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0])), limit=st.integers(1, 5))
def test_top_is_the_start_of_a_stable_sort(scores: list[float], limit: int) -> None:
    top = Top[int](limit)
    for place, score in enumerate(scores):
        top.add(score, place)
    assert top.items() == sorted(range(len(scores)), key=lambda place: -scores[place])[:limit]


@pytest.mark.parametrize("rows", [0, 1, 1024, 2500])
def test_table_has_all_rows_in_groups_of_bounded_size(rows: int, tmp_path: Path) -> None:
    with TableWriter(tmp_path / "table.parquet", [("place", pa.int64()), ("name", pa.string())]) as table:
        for place in range(rows):
            table.add({"place": place})
    read = pq.ParquetFile(tmp_path / "table.parquet")
    assert read.read().to_pydict() == {"place": list(range(rows)), "name": [None] * rows}
    assert all(read.metadata.row_group(group).num_rows <= 1024 for group in range(read.num_row_groups))


NASTY = [
    "=HYPERLINK(1)",
    "+1",
    "-1",
    "@x",
    "\tx",
    "\rx",
    "\nx",
    "\uff1d1",
    "plain",
    'a "quoted", cell',
    "Ωмега 图.png",
    "x=1",
    "",
]


def test_csv_has_the_table_without_formulas(tmp_path: Path) -> None:
    columns = [("name", pa.string()), ("=share", pa.float64()), ("seen", pa.bool_()), ("count", pa.int64())]
    with TableWriter(tmp_path / "results.parquet", columns) as table:
        for name in NASTY:
            table.add({"name": name, "=share": -0.1, "seen": True})
    data = (tmp_path / "results.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert header == ["name", "'=share", "seen", "count"]
    assert [row[1:] for row in rows] == [["-0.1", "true", ""]] * len(NASTY)
    assert [row[0] for row in rows] == [f"'{name}" if place < 8 else name for place, name in enumerate(NASTY)]


def test_csv_of_no_rows_has_the_columns(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "results.parquet", [("uri", pa.string())]):
        pass
    assert (tmp_path / "results.csv").read_text("utf-8-sig") == "uri\n"
