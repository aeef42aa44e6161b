"""Mapping a chain of tasks over many chunks, some of them at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from prefect.futures import PrefectFutureList
from prefect.utilities.annotations import opaque

from sightline.settings import settings
from tasks.support.progress import Report

__all__ = ["Pace", "whole"]

Item = TypeVar("Item")


class Pace:
    """Gives out items in windows, each to be mapped over, and lets two windows be under way at once.

    What a window needs, on disk and in memory, is bounded so, however many items there are; and the next window is
    fetched while this one is computed.

    >>> pace = Pace(chunks, report)
    >>> for window in pace:
    ...     serialized = serialize.map(window)
    ...     pace.follow(serialized, classify.map(whole(serialized)))
    """

    def __init__(self, items: Sequence[Item], report: Report, width: int | None = None) -> None:
        """``width``: items of a window, by default as many as there are cores; ``report`` is told the share done."""
        self._items = items
        self._report = report
        self._width = width or os.cpu_count() or 1
        self._last: tuple[PrefectFutureList[Any], ...] = ()
        self._done = 0

    def __iter__(self) -> Iterator[list[Any]]:
        for start in range(0, len(self._items), self._width):
            yield whole(self._items[start : start + self._width])
        self._wait()

    def follow(self, *stages: PrefectFutureList[Any]) -> None:
        """Wait for the window before this one, whose futures are given stage by stage, the first stage first.

        Raises what the first task of it that failed has raised.
        """
        self._wait()
        self._last = stages

    def _wait(self) -> None:
        if self._last:
            # A task whose input failed is never ready, and does not know why: the stage before it does.
            *_, done = [stage.result() for stage in self._last]
            self._done += len(done)
            self._report(self._done / len(self._items))


def whole(chunks: Iterable[Any]) -> list[Any]:
    """The chunks, or their futures, to be mapped over as they are.

    Prefect looks for futures in whatever a task is given, twice: here it would be in every field of every image. On
    Dask and Ray it has to look, since its mark is lost on the way to another process.
    """
    return [opaque(chunk) for chunk in chunks] if settings().task_runner == "threads" else list(chunks)
