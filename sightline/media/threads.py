"""Concurrency within one video: one thread decodes frames while another processes them."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def read_ahead(items: Iterator[T], depth: int = 4) -> Iterator[T]:
    """Yield ``items`` from a thread that runs up to ``depth`` items ahead.

    Decoding releases the GIL, so it uses a second core while the first one processes frames.
    """
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    closed = threading.Event()

    def put(item: T | None, error: BaseException | None = None) -> None:
        while not closed.is_set():
            try:
                ready.put((item, error), timeout=0.1)
            except queue.Full:
                continue
            return

    def produce() -> None:
        try:
            for item in items:
                put(item)
                if closed.is_set():
                    return
            put(None, StopIteration())
        except BaseException as error:  # raised again in the reader's thread
            put(None, error)

    thread = threading.Thread(target=produce, name="read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        closed.set()
        thread.join()


@contextmanager
def short_switch_interval() -> Iterator[None]:
    """Shorten Python's thread switch interval, so that decoding, tracking and encoding threads wait less for the GIL.

    These threads release the GIL most of the time and need it briefly. By default a thread may hold it for 5 ms, which
    is as long as one frame takes. The interval applies to the process: use it in one stage at a time.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
