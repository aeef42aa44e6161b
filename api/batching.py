"""Batching: requests that arrive at the same time share a forward pass."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

__all__ = ["BatchObserver", "Batcher", "QueueFull"]

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


class QueueFull(Exception):
    """Too many items are waiting already."""


class BatchObserver(Protocol):
    """Receives the numbers of a batcher. Its methods are called on the event loop."""

    def computed(self, items: int, seconds: float) -> None:
        """Record a pass over ``items`` items and its duration."""

    def waiting(self, items: int) -> None:
        """Record the number of items that are waiting."""

    def dropped(self, items: int) -> None:
        """Record the number of items whose callers disconnected before they were computed."""


@dataclass(eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    result: asyncio.Future[Result]


class Batcher(Generic[Item, Result]):
    """Calls ``compute`` with up to ``max_batch`` items, on its own thread.

    While a batch is computed, the next one collects. An idle batcher starts immediately, unless items are expected:
    then it waits for them, at most ``max_wait`` seconds. A batch that fails is computed again in halves, so that only
    the items that cause the failure fail. An item whose caller is cancelled before its turn is not computed.

    A batcher belongs to the event loop on which it was created.
    """

    def __init__(
        self,
        compute: Callable[[list[Item]], Sequence[Result]],
        observer: BatchObserver,
        *,
        max_batch: int,
        max_wait: float,
        max_queue: int,
    ) -> None:
        self._compute = compute
        self._observer = observer
        self._max_batch, self._max_wait, self._max_queue = max_batch, max_wait, max_queue
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._expected = 0
        self._closing = False
        self._changed = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._work = asyncio.create_task(self._run())

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Announce further items: a batch waits for them until the context ends."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1
            self._changed.set()

    async def submit(self, items: Sequence[Item]) -> list[Result]:
        """Compute the items, and return their results in the same order.

        Raises :class:`QueueFull` if too many items are waiting, and any exception of ``compute`` for one of the items.
        An empty queue takes any number of items.
        """
        if self._closing:
            raise RuntimeError("the batcher is closed")
        if self._queue and len(self._queue) + len(items) > self._max_queue:
            raise QueueFull
        loop = asyncio.get_running_loop()
        waiting = [_Waiting[Item, Result](item, loop.create_future()) for item in items]
        self._queue.extend(waiting)
        self._notify()
        try:
            # The first exception is raised below. The others are retrieved too, so that none is reported as unhandled.
            outcomes = await asyncio.gather(*(entry.result for entry in waiting), return_exceptions=True)
        except asyncio.CancelledError:
            self._drop(waiting)
            raise
        results: list[Result] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            results.append(outcome)
        return results

    async def close(self) -> None:
        """Compute the waiting items, then stop."""
        self._closing = True
        self._changed.set()
        await self._work
        self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._queue:
                if self._closing:
                    return
                self._changed.clear()
                await self._changed.wait()
            await self._collect()
            batch = [self._queue.popleft() for _ in range(min(self._max_batch, len(self._queue)))]
            if not batch:  # The callers have disconnected.
                continue
            self._observer.waiting(len(self._queue))
            start = loop.time()
            outcomes = await loop.run_in_executor(self._thread, self._outcomes, [entry.item for entry in batch])
            self._observer.computed(len(batch), loop.time() - start)
            for entry, outcome in zip(batch, outcomes, strict=True):
                if entry.result.done():
                    continue
                if isinstance(outcome, Exception):
                    entry.result.set_exception(outcome)
                else:
                    entry.result.set_result(outcome)

    async def _collect(self) -> None:
        """Wait for expected items until the batch is full or the time is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._max_wait
        while self._expected and 0 < len(self._queue) < self._max_batch and not self._closing:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _outcomes(self, items: list[Item]) -> list[Result | Exception]:
        try:
            results: list[Result | Exception] = list(self._compute(items))
            _check_length(results, items)
        except Exception as error:
            if len(items) == 1:
                return [error]
            _log.warning("a batch of %d failed; computing it again in halves: %s", len(items), error)
            half = len(items) // 2
            return self._outcomes(items[:half]) + self._outcomes(items[half:])
        return results

    def _drop(self, cancelled: list[_Waiting[Item, Result]]) -> None:
        before = len(self._queue)
        self._queue = deque(waiting for waiting in self._queue if waiting not in cancelled)
        self._observer.dropped(before - len(self._queue))
        self._notify()

    def _notify(self) -> None:
        self._observer.waiting(len(self._queue))
        self._changed.set()


def _check_length(results: Sized, items: Sized) -> None:
    if len(results) != len(items):
        raise ValueError(f"{len(results)} results for {len(items)} items")
