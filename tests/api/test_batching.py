"""Requests that arrive together share a pass; none waits for nothing, and none pays for another's mistake."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from api.batching import Batcher, QueueFull


class Noted:
    """A batcher's watcher, and the computation that it watches: doubles numbers, and fails on odd ones."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.batches: list[list[int]] = []
        self.waited: list[int] = []
        self.gone = 0
        self.go = threading.Event()
        self.go.set()
        self._seconds = seconds

    def __call__(self, items: list[int]) -> list[int]:
        self.go.wait(10)
        time.sleep(self._seconds)
        self.batches.append(items)
        if bad := [item for item in items if item % 2]:
            raise ValueError(f"odd: {bad}")
        return [2 * item for item in items]

    def computed(self, items: int, seconds: float) -> None:
        assert items >= 1
        assert seconds >= 0

    def waiting(self, items: int) -> None:
        self.waited.append(items)

    def dropped(self, items: int) -> None:
        self.gone += items


Test = Callable[[Batcher[int, int], Noted], Coroutine[Any, Any, None]]


def run(test: Test, seconds: float = 0.0, **options: Any) -> Noted:
    """The test with a batcher, which is closed afterwards; what was noted."""

    async def inner() -> Noted:
        noted = Noted(seconds)
        batcher = Batcher(noted, noted, **{"max_batch": 8, "max_wait": 5.0, "max_queue": 16, **options})
        try:
            await asyncio.wait_for(test(batcher, noted), 20)
        finally:
            noted.go.set()
            await batcher.close()
        return noted

    return asyncio.run(inner())


def test_an_idle_batcher_starts_at_once() -> None:
    async def test(batcher: Batcher[int, int], noted: Noted) -> None:
        start = time.monotonic()
        assert await batcher.ask([2]) == [4]
        assert await batcher.ask([]) == []
        assert time.monotonic() - start < 2  # where it may wait for 5 seconds

    assert run(test).batches == [[2]]


def test_what_arrives_while_a_batch_is_computed_goes_together() -> None:
    async def test(batcher: Batcher[int, int], noted: Noted) -> None:
        noted.go.clear()
        first = asyncio.create_task(batcher.ask([2]))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(batcher.ask([item, item + 2])) for item in (4, 8, 12)]
        await asyncio.sleep(0.05)
        noted.go.set()
        assert await first == [4]
        assert [await other for other in others] == [[8, 12], [16, 20], [24, 28]]

    assert run(test).batches == [[2], [4, 6, 8, 10, 12, 14]]


def test_what_is_announced_is_waited_for_and_no_longer_than_that() -> None:
    async def test(batcher: Batcher[int, int], noted: Noted) -> None:
        async def slow(item: int) -> list[int]:
            with batcher.announced():
                await asyncio.sleep(0.1)
            return await batcher.ask([item])

        async def gives_up() -> None:
            with batcher.announced():
                await asyncio.sleep(0.2)

        start = time.monotonic()
        await asyncio.gather(batcher.ask([2]), slow(4), gives_up())
        assert time.monotonic() - start < 3

    assert run(test).batches == [[2, 4]]


def test_the_wait_ends_when_the_batch_is_full_or_the_time_is_up() -> None:
    async def test(batcher: Batcher[int, int], noted: Noted) -> None:
        with batcher.announced():
            assert await batcher.ask([2, 4]) == [4, 8]
            assert await batcher.ask([6]) == [12]

    assert run(test, max_batch=2, max_wait=0.1).batches == [[2, 4], [6]]


def test_a_request_larger_than_a_batch_is_answered_in_order() -> None:
    async def test(batcher: Batcher[int, int], noted: Noted) -> None:
        assert await batcher.ask(list(range(0, 40, 2))) == list(range(0, 80, 4))

    assert [len(batch) for batch in run(test).batches] == [8, 8, 4]


def test_a_batch_that_fails_fails_only_what_caused_it() -> None:
    async def test(batcher: Batcher[int, int], noted: Noted) -> None:
        noted.go.clear()
        first = asyncio.create_task(batcher.ask([0]))
        await asyncio.sleep(0.05)
        asked = [asyncio.create_task(batcher.ask([item])) for item in (2, 4, 5, 6, 8)]
        await asyncio.sleep(0.05)
        noted.go.set()
        await first
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert [each for each in outcomes if not isinstance(each, ValueError)] == [[4], [8], [12], [16]]
        assert str(outcomes[2]) == "odd: [5]"
        assert await batcher.ask([10]) == [20]

    run(test)


def test_too_few_answers_are_an_error_and_no_one_waits_for_ever() -> None:
    async def test(batcher: Batcher[int, int], noted: Noted) -> None:
        batcher._compute = lambda items: []
        with pytest.raises(ValueError, match="0 answers came for 1 items"):
            await batcher.ask([2])

    run(test)


def test_a_full_queue_sends_requests_away_and_an_empty_one_takes_any() -> None:
    async def test(batcher: Batcher[int, int], noted: Noted) -> None:
        noted.go.clear()
        first = asyncio.create_task(batcher.ask([2]))
        await asyncio.sleep(0.05)
        large = asyncio.create_task(batcher.ask([2] * 20))
        await asyncio.sleep(0.05)
        with pytest.raises(QueueFull):
            await batcher.ask([4])
        noted.go.set()
        await asyncio.gather(first, large)
        assert await batcher.ask([4]) == [8]

    run(test)


def test_an_item_whose_caller_went_away_is_not_computed() -> None:
    async def test(batcher: Batcher[int, int], noted: Noted) -> None:
        noted.go.clear()
        first = asyncio.create_task(batcher.ask([2]))
        await asyncio.sleep(0.05)
        gone, stays = (asyncio.create_task(batcher.ask([item])) for item in (4, 6))
        await asyncio.sleep(0.05)
        gone.cancel()
        first.cancel()
        await asyncio.wait([gone, first])
        noted.go.set()
        assert await stays == [12]

    noted = run(test)
    assert (noted.batches, noted.gone, noted.waited[-1]) == ([[2], [6]], 1, 0)


def test_closing_answers_what_is_waiting_and_takes_no_more() -> None:
    async def test(batcher: Batcher[int, int], noted: Noted) -> None:
        asked = [asyncio.create_task(batcher.ask([item])) for item in (2, 4)]
        await asyncio.sleep(0)
        await batcher.close()
        assert [await each for each in asked] == [[4], [8]]
        with pytest.raises(RuntimeError, match="closed"):
            await batcher.ask([6])

    run(test, seconds=0.05)
