"""Windows pass opaque chunks, which Prefect does not search for futures, and report progress and failures."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from prefect import flow, task, unmapped
from prefect.utilities.collections import visit_collection

from sightline.runs import Chunk
from sightline.vision import ImageRef
from tasks.support.opaque import Opaque
from tasks.support.windows import Windows

CHUNKS = [
    Chunk(0, (ImageRef(uri="a.png", version="1"), ImageRef(uri="b.png", data=b"b"))),
    Chunk(1, (ImageRef(uri="c.png"),)),
]


def visited(value: Any) -> list[Any]:
    """Return every value that Prefect's search for futures looks at."""
    values: list[Any] = []
    visit_collection(value, values.append, return_data=False)
    return values


def test_search_for_futures_does_not_enter_chunks() -> None:
    [window] = Windows(CHUNKS, print, width=2)
    values = visited(window)
    assert [type(value) for value in values] == [list, Opaque, Opaque]
    assert "a.png" in visited(CHUNKS), "without the wrapper every field of each image is visited"


@pytest.mark.parametrize("pickler", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_chunk_is_unchanged_after_pickling(pickler: Any) -> None:
    [window] = Windows(CHUNKS, print, width=2)
    copies = pickler.loads(pickler.dumps(window))
    assert [copy.value for copy in copies] == CHUNKS
    assert [type(value) for value in visited(copies)] == [list, Opaque, Opaque]


@task
def number_images(chunk: Opaque[Chunk[ImageRef]], folder: Path) -> Opaque[list[str]]:
    return Opaque([f"{folder}/{chunk.value.number}/{image.uri}" for image in chunk.value.items])


@task
def count(names: Opaque[list[str]]) -> int:
    if any("broken" in name for name in names.value):
        raise ValueError("a broken image")
    return len(names.value)


@flow
def count_images(chunks: Any, width: int) -> tuple[list[float], list[int]]:
    shares: list[float] = []
    counts = []
    windows = Windows(chunks.value, shares.append, width)
    for window in windows:
        numbered = number_images.map(window, unmapped(Path("in")))
        counted = count.map(numbered)
        windows.submitted(numbered, counted)
        counts.append(counted)
    return shares, [number for futures in counts for number in futures.result()]


@pytest.mark.integration
@pytest.mark.parametrize(("width", "shares"), [(1, [0.5, 1.0]), (2, [1.0])])
def test_windows_pass_chunks_and_report_progress(width: int, shares: list[float]) -> None:
    assert count_images(Opaque(CHUNKS), width) == (shares, [2, 1])


@pytest.mark.integration
def test_failure_in_a_window_is_raised_by_the_next() -> None:
    chunks = [Chunk(number, (ImageRef(uri="broken.png" if number == 0 else "a.png"),)) for number in range(4)]
    with pytest.raises(ValueError, match="a broken image"):
        count_images(Opaque(chunks), 1)
