"""Mapping a chain of tasks over many chunks, a window of them at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

from prefect.futures import PrefectFutureList

from tasks.support.opaque import Opaque
from tasks.support.progress import Report

__all__ = ["Windows"]

Item = TypeVar("Item")


class Windows(Generic[Item]):
    """Splits items into windows to be mapped over, and keeps at most two windows in progress.

    This bounds the disk space and the memory of a run, however many items there are. While one window is computed, the
    next one is fetched. The items of a window are opaque: Prefect does not search them for futures.

    >>> windows = Windows(chunks, report)
    >>> for window in windows:
    ...     serialized = serialize.map(window)
    ...     windows.submitted(serialized, classify.map(serialized))
    """

    def __init__(self, items: Sequence[Item], report: Report, width: int | None = None) -> None:
        """Prepare the windows.

        Args:
            items: The items, in order.
            report: Called with the share of the items that are done, after each window.
            width: Items in a window. By default the number of cores.
        """
        self._items = items
        self._report = report
        self._width = width or os.cpu_count() or 1
        self._in_progress: tuple[PrefectFutureList[Any], ...] = ()
        self._done = 0

    def __iter__(self) -> Iterator[list[Opaque[Item]]]:
        for start in range(0, len(self._items), self._width):
            yield [Opaque(item) for item in self._items[start : start + self._width]]
        self._wait()

    def submitted(self, *stages: PrefectFutureList[Any]) -> None:
        """Register the futures of a window, one list per stage in order, and wait for the window before it.

        Raises the exception of the first task that failed in that window.
        """
        self._wait()
        self._in_progress = stages

    def _wait(self) -> None:
        if self._in_progress:
            # A task whose input failed never runs and does not report why: the stage before it does.
            *_, done = [stage.result() for stage in self._in_progress]
            self._done += len(done)
            self._report(self._done / len(self._items))
