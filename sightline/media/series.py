"""A time series that one thread writes while another reads it."""

from __future__ import annotations

import bisect
import math
from threading import Condition
from typing import Generic, TypeVar

Value = TypeVar("Value")


class AwaitedTimes:
    """Ascending times, in seconds, up to which something is known. A reader waits until enough of it is known."""

    def __init__(self) -> None:
        self._known_until = -math.inf
        self._changed = Condition()

    def end(self, *_: object) -> None:
        """End the series, after success or failure: readers no longer wait."""
        self._set_known(math.inf)

    def _set_known(self, until: float) -> None:
        with self._changed:
            self._known_until = until
            self._changed.notify_all()

    def _wait(self, until: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._known_until >= until)


class TimeSeries(AwaitedTimes, Generic[Value]):
    """Values at ascending times, in seconds. A reader of a time waits until ``ahead`` seconds past it are known."""

    def __init__(self, ahead: float) -> None:
        super().__init__()
        self._ahead = ahead
        self._times: list[float] = []
        self._values: list[Value] = []

    def add(self, time: float, value: Value | None) -> None:
        """Add the value at ``time``; None if there is none."""
        with self._changed:
            if value is not None:
                self._times.append(time)
                self._values.append(value)
            self._set_known(time)

    def between(self, start: float, end: float) -> list[tuple[float, Value]]:
        """Return the samples from ``start`` to ``end``, and the adjacent one on either side."""
        with self._changed:
            self._wait(end + self._ahead)
            first = max(0, bisect.bisect_right(self._times, start) - 1)
            last = bisect.bisect_right(self._times, end) + 1
            return list(zip(self._times[first:last], self._values[first:last], strict=True))
