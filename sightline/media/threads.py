"""Several threads on one video: one decodes while another looks at what was decoded."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def read_ahead(items: Iterator[T], depth: int = 4) -> Iterator[T]:
    """The same items, made by a thread that stays up to ``depth`` of them ahead.

    Decoding runs outside Python's lock, so it fills the second core while the first one looks at frames.
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

    def work() -> None:
        try:
            for item in items:
                put(item)
                if closed.is_set():
                    return
            put(None, StopIteration())
        except BaseException as error:  # it is raised again in the reader's thread
            put(None, error)

    thread = threading.Thread(target=work, name="read-ahead", daemon=True)
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
    """Let threads that decode, look and encode at once take turns in Python without waiting for each other.

    Each is outside Python's lock most of the time and needs it for a moment; by default whoever has it may keep it for
    5 ms, which is as long as a frame takes. For the whole process, so for one stage at a time.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
