"""What one thread finds in a video, in order of time, while another draws it a little behind."""

from __future__ import annotations

import bisect
import math
from threading import Condition
from typing import Generic, TypeVar

Value = TypeVar("Value")


class TimeSeries(Generic[Value]):
    """Values at ascending times, in seconds. Who asks for a time waits until ``ahead`` seconds past it are known."""

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead
        self._times: list[float] = []
        self._values: list[Value] = []
        self._known_until = -math.inf
        self._grown = Condition()

    def add(self, time: float, value: Value | None) -> None:
        """What was found at ``time``; None where nothing was."""
        with self._grown:
            if value is not None:
                self._times.append(time)
                self._values.append(value)
            self._known_until = time
            self._grown.notify_all()

    def end(self, *_: object) -> None:
        """Nothing more will be added, whatever the reason; nobody has to wait any longer."""
        with self._grown:
            self._known_until = math.inf
            self._grown.notify_all()

    def between(self, start: float, end: float) -> list[tuple[float, Value]]:
        """The samples from ``start`` to ``end``, and the ones next to these on either side."""
        with self._grown:
            self._grown.wait_for(lambda: self._known_until >= end + self._ahead)
            first = max(0, bisect.bisect_right(self._times, start) - 1)
            last = bisect.bisect_right(self._times, end) + 1
            return list(zip(self._times[first:last], self._values[first:last], strict=True))
