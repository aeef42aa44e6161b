"""Result files are written in bounded memory."""

from __future__ import annotations

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
