"""Requests that arrive together share a forward pass."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

__all__ = ["Batcher", "QueueFull", "Watcher"]

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class QueueFull(Exception):
    """More items wait already than the batcher takes."""


class Watcher(Protocol):
    """Is told what the batcher does; called on the event loop."""

    def computed(self, items: int, seconds: float) -> None:
        """A pass over so many items took so long."""

    def waiting(self, items: int) -> None:
        """So many items are waiting."""

    def dropped(self, items: int) -> None:
        """The callers of so many items went away before their turn."""


@dataclass(eq=False)
class _Waiting(Generic[Item, Answer]):
    item: Item
    answer: asyncio.Future[Answer]


class Batcher(Generic[Item, Answer]):
    """Gives ``compute`` up to ``max_batch`` items at once, on one thread of its own.

    While a batch is computed the next one gathers. An idle batcher starts at once; only where items are announced to be
    on their way does it wait for them, ``max_wait`` seconds at most. A batch that fails is computed again in halves, so
    that what fails in the end is what caused it. An item whose caller is cancelled before its turn is not computed.

    Belongs to the event loop that it is made on.
    """

    def __init__(
        self,
        compute: Callable[[list[Item]], Sequence[Answer]],
        watcher: Watcher,
        *,
        max_batch: int,
        max_wait: float,
        max_queue: int,
    ) -> None:
        self._compute = compute
        self._watcher = watcher
        self._max_batch, self._max_wait, self._max_queue = max_batch, max_wait, max_queue
        self._queue: deque[_Waiting[Item, Answer]] = deque()
        self._coming = 0
        self._closing = False
        self._changed = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._work = asyncio.create_task(self._run())

    @contextmanager
    def announced(self) -> Iterator[None]:
        """While inside, items are on their way."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            self._changed.set()

    async def ask(self, items: Sequence[Item]) -> list[Answer]:
        """The answers, in the order of the items.

        Raises :class:`QueueFull`, unless nothing is waiting, and whatever ``compute`` raised for one of the items.
        """
        if self._closing:
            raise RuntimeError("the batcher is closed")
        if self._queue and len(self._queue) + len(items) > self._max_queue:
            raise QueueFull
        loop = asyncio.get_running_loop()
        waiting = [_Waiting[Item, Answer](item, loop.create_future()) for item in items]
        self._queue.extend(waiting)
        self._noted()
        try:
            # Of several that fail the first is raised, and the others are looked at all the same.
            outcomes = await asyncio.gather(*(each.answer for each in waiting), return_exceptions=True)
        except asyncio.CancelledError:
            self._drop(waiting)
            raise
        answers: list[Answer] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            answers.append(outcome)
        return answers

    async def close(self) -> None:
        """Answer what is waiting, then stop."""
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
            await self._gather()
            batch = [self._queue.popleft() for _ in range(min(self._max_batch, len(self._queue)))]
            if not batch:  # Their callers went away meanwhile.
                continue
            self._watcher.waiting(len(self._queue))
            start = loop.time()
            outcomes = await loop.run_in_executor(self._thread, self._outcomes, [each.item for each in batch])
            self._watcher.computed(len(batch), loop.time() - start)
            for each, outcome in zip(batch, outcomes, strict=True):
                if each.answer.done():
                    continue
                if isinstance(outcome, Exception):
                    each.answer.set_exception(outcome)
                else:
                    each.answer.set_result(outcome)

    async def _gather(self) -> None:
        """Wait for items that are on their way, as long as there are any and the time is not up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._max_wait
        while self._coming and 0 < len(self._queue) < self._max_batch and not self._closing:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _outcomes(self, items: list[Item]) -> list[Answer | Exception]:
        try:
            answers: list[Answer | Exception] = list(self._compute(items))
            _check(answers, items)
        except Exception as error:
            if len(items) == 1:
                return [error]
            _log.warning("a batch of %d failed and is computed again in halves: %s", len(items), error)
            half = len(items) // 2
            return self._outcomes(items[:half]) + self._outcomes(items[half:])
        return answers

    def _drop(self, gone: list[_Waiting[Item, Answer]]) -> None:
        there = len(self._queue)
        self._queue = deque(each for each in self._queue if each not in gone)
        self._watcher.dropped(there - len(self._queue))
        self._noted()

    def _noted(self) -> None:
        self._watcher.waiting(len(self._queue))
        self._changed.set()


def _check(answers: Sized, items: Sized) -> None:
    if len(answers) != len(items):
        raise ValueError(f"{len(answers)} answers came for {len(items)} items")
