"""A time series that one thread writes while another reads it."""

from __future__ import annotations

import bisect
import math
from threading import Condition
from typing import Generic, TypeVar

Value = TypeVar("Value")


class TimeSeries(Generic[Value]):
    """Values at ascending times, in seconds. A reader of a time waits until ``ahead`` seconds past it are known."""

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead
        self._times: list[float] = []
        self._values: list[Value] = []
        self._known_until = -math.inf
        self._changed = Condition()

    def add(self, time: float, value: Value | None) -> None:
        """Add the value at ``time``; None if there is none."""
        with self._changed:
            if value is not None:
                self._times.append(time)
                self._values.append(value)
            self._known_until = time
            self._changed.notify_all()

    def end(self, *_: object) -> None:
        """End the series, after success or failure: readers no longer wait."""
        with self._changed:
            self._known_until = math.inf
            self._changed.notify_all()

    def between(self, start: float, end: float) -> list[tuple[float, Value]]:
        """Return the samples from ``start`` to ``end``, and the adjacent one on either side."""
        with self._changed:
            self._changed.wait_for(lambda: self._known_until >= end + self._ahead)
            first = max(0, bisect.bisect_right(self._times, start) - 1)
            last = bisect.bisect_right(self._times, end) + 1
            return list(zip(self._times[first:last], self._values[first:last], strict=True))
