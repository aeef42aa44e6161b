"""Threads that find people in photos. Each has its own MediaPipe models, loaded once, when they are needed."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from api.problems import Problem
from sightline.ranking import Preparer

__all__ = ["PreparerPool"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_MAX_THREADS = 4  # each needs a few hundred megabytes for a large photo
_MAX_WAITING = 16  # photos per thread
_RETRY_SECONDS = 30.0


@dataclass(frozen=True)
class _Worker:
    """A thread and its preparer."""

    thread: ThreadPoolExecutor
    preparer: Preparer


class PreparerPool:
    """Runs work that needs a :class:`~sightline.ranking.Preparer`, on one thread per core, at most four.

    The threads start at the first call of ``start`` or ``run``: with their models they need more memory than everything
    else, and a service without a ranking model may never use them.
    """

    def __init__(self) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
        self._threads = min(_MAX_THREADS, cores)
        self._free: asyncio.Queue[_Worker] = asyncio.Queue()
        self._workers: list[_Worker] = []
        self._waiting = 0
        self._starting: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._closing = asyncio.Event()
        self.problem: str | None = None
        """Why a thread could not load its models at the last attempt."""

    @property
    def are_ready(self) -> bool:
        """Whether a thread has loaded its models."""
        return bool(self._workers)

    @property
    def is_loading(self) -> bool:
        """Whether the threads were started, and neither has every one loaded its models nor one failed to."""
        return self._starting is not None and self.problem is None and len(self._workers) < self._threads

    def start(self) -> None:
        """Begin to load the models, unless that was begun before."""
        self._starting = self._starting or asyncio.create_task(self._start())

    async def close(self) -> None:
        """Wait for the work in progress, and free the models."""
        self._closing.set()
        if self._starting:
            await self._starting
        for worker in self._workers:
            await asyncio.get_running_loop().run_in_executor(worker.thread, worker.preparer.close)
            worker.thread.shutdown()
        self._workers.clear()

    async def run(self, work: Callable[[Preparer], T]) -> T:
        """Call ``work`` on a free thread, and return its result.

        Raises :class:`Problem` if too many photos wait, or if no thread could load its models.
        """
        self.start()
        await self._tried.wait()
        if self.problem and not self._workers:
            raise Problem(503, "model_damaged", self.problem)
        if self._waiting >= self._threads * _MAX_WAITING:
            raise Problem(503, "overloaded", "too many photos are waiting", headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            worker = await self._free.get()
        finally:
            self._waiting -= 1
        running = asyncio.get_running_loop().run_in_executor(worker.thread, work, worker.preparer)
        # The thread is free when its work is done, not when the caller disconnects.
        running.add_done_callback(lambda _: self._free.put_nowait(worker))
        return await asyncio.shield(running)

    async def _start(self) -> None:
        """Start the threads. One that cannot load its models is retried until the pool is closed."""
        loop = asyncio.get_running_loop()
        while len(self._workers) < self._threads and not self._closing.is_set():
            thread = ThreadPoolExecutor(1, thread_name_prefix=f"preparer-{len(self._workers)}")
            try:
                worker = _Worker(thread, await loop.run_in_executor(thread, Preparer))
            # Damaged files of the detector must end neither the service nor the attempts.
            except Exception as error:
                thread.shutdown()
                await self._pause(f"the models that find people cannot be loaded: {error}")
                continue
            self.problem = None
            self._workers.append(worker)
            self._free.put_nowait(worker)
            self._tried.set()

    async def _pause(self, problem: str) -> None:
        if problem != self.problem:
            _log.exception(problem)
        self.problem = problem
        self._tried.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_RETRY_SECONDS):
                await self._closing.wait()
