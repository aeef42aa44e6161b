"""Requests that arrive at the same time share a pass. A request never waits without need or fails for another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from api.batching import Batcher, QueueFull


class Recorder:
    """A batcher's computation and its observer: doubles numbers, and fails for odd ones."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.batches: list[list[int]] = []
        self.waiting_items: list[int] = []
        self.dropped_items = 0
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
        self.waiting_items.append(items)

    def dropped(self, items: int) -> None:
        self.dropped_items += items


Test = Callable[[Batcher[int, int], Recorder], Coroutine[Any, Any, None]]


def run(test: Test, seconds: float = 0.0, **options: Any) -> Recorder:
    """Run the test with a batcher, close it, and return the recorder."""

    async def inner() -> Recorder:
        recorder = Recorder(seconds)
        batcher = Batcher(recorder, recorder, **{"max_batch": 8, "max_wait": 5.0, "max_queue": 16, **options})
        try:
            await asyncio.wait_for(test(batcher, recorder), 20)
        finally:
            recorder.go.set()
            await batcher.close()
        return recorder

    return asyncio.run(inner())


def test_idle_batcher_starts_immediately() -> None:
    async def test(batcher: Batcher[int, int], recorder: Recorder) -> None:
        start = time.monotonic()
        assert await batcher.submit([2]) == [4]
        assert await batcher.submit([]) == []
        assert time.monotonic() - start < 2  # max_wait is 5 seconds

    assert run(test).batches == [[2]]


def test_items_that_arrive_during_a_batch_form_the_next_batch() -> None:
    async def test(batcher: Batcher[int, int], recorder: Recorder) -> None:
        recorder.go.clear()
        first = asyncio.create_task(batcher.submit([2]))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(batcher.submit([item, item + 2])) for item in (4, 8, 12)]
        await asyncio.sleep(0.05)
        recorder.go.set()
        assert await first == [4]
        assert [await other for other in others] == [[8, 12], [16, 20], [24, 28]]

    assert run(test).batches == [[2], [4, 6, 8, 10, 12, 14]]


def test_batcher_waits_only_for_expected_items() -> None:
    async def test(batcher: Batcher[int, int], recorder: Recorder) -> None:
        async def slow(item: int) -> list[int]:
            with batcher.expecting():
                await asyncio.sleep(0.1)
            return await batcher.submit([item])

        async def gives_up() -> None:
            with batcher.expecting():
                await asyncio.sleep(0.2)

        start = time.monotonic()
        await asyncio.gather(batcher.submit([2]), slow(4), gives_up())
        assert time.monotonic() - start < 3

    assert run(test).batches == [[2, 4]]


def test_wait_ends_when_the_batch_is_full_or_the_time_is_over() -> None:
    async def test(batcher: Batcher[int, int], recorder: Recorder) -> None:
        with batcher.expecting():
            assert await batcher.submit([2, 4]) == [4, 8]
            assert await batcher.submit([6]) == [12]

    assert run(test, max_batch=2, max_wait=0.1).batches == [[2, 4], [6]]


def test_request_larger_than_a_batch_is_computed_in_order() -> None:
    async def test(batcher: Batcher[int, int], recorder: Recorder) -> None:
        assert await batcher.submit(list(range(0, 40, 2))) == list(range(0, 80, 4))

    assert [len(batch) for batch in run(test).batches] == [8, 8, 4]


def test_failing_batch_fails_only_the_item_that_caused_it() -> None:
    async def test(batcher: Batcher[int, int], recorder: Recorder) -> None:
        recorder.go.clear()
        first = asyncio.create_task(batcher.submit([0]))
        await asyncio.sleep(0.05)
        submitted = [asyncio.create_task(batcher.submit([item])) for item in (2, 4, 5, 6, 8)]
        await asyncio.sleep(0.05)
        recorder.go.set()
        await first
        outcomes = await asyncio.gather(*submitted, return_exceptions=True)
        assert [outcome for outcome in outcomes if not isinstance(outcome, ValueError)] == [[4], [8], [12], [16]]
        assert str(outcomes[2]) == "odd: [5]"
        assert await batcher.submit([10]) == [20]

    run(test)


def test_too_few_results_are_an_error() -> None:
    async def test(batcher: Batcher[int, int], recorder: Recorder) -> None:
        batcher._compute = lambda items: []
        with pytest.raises(ValueError, match="0 results for 1 items"):
            await batcher.submit([2])

    run(test)


def test_full_queue_rejects_and_empty_queue_takes_any_number() -> None:
    async def test(batcher: Batcher[int, int], recorder: Recorder) -> None:
        recorder.go.clear()
        first = asyncio.create_task(batcher.submit([2]))
        await asyncio.sleep(0.05)
        large = asyncio.create_task(batcher.submit([2] * 20))
        await asyncio.sleep(0.05)
        with pytest.raises(QueueFull):
            await batcher.submit([4])
        recorder.go.set()
        await asyncio.gather(first, large)
        assert await batcher.submit([4]) == [8]

    run(test)


def test_item_whose_caller_is_cancelled_is_not_computed() -> None:
    async def test(batcher: Batcher[int, int], recorder: Recorder) -> None:
        recorder.go.clear()
        first = asyncio.create_task(batcher.submit([2]))
        await asyncio.sleep(0.05)
        cancelled, remaining = (asyncio.create_task(batcher.submit([item])) for item in (4, 6))
        await asyncio.sleep(0.05)
        cancelled.cancel()
        first.cancel()
        await asyncio.wait([cancelled, first])
        recorder.go.set()
        assert await remaining == [12]

    recorder = run(test)
    assert (recorder.batches, recorder.dropped_items, recorder.waiting_items[-1]) == ([[2], [6]], 1, 0)


def test_closing_computes_waiting_items_and_rejects_new_ones() -> None:
    async def test(batcher: Batcher[int, int], recorder: Recorder) -> None:
        submitted = [asyncio.create_task(batcher.submit([item])) for item in (2, 4)]
        await asyncio.sleep(0)
        await batcher.close()
        assert [await task for task in submitted] == [[4], [8]]
        with pytest.raises(RuntimeError, match="closed"):
            await batcher.submit([6])

    run(test, seconds=0.05)
