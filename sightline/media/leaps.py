"""Single timestamps far from those around them, as damaged bytes cause: they would move the end by hours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Generic, TypeVar

Item = TypeVar("Item")

_LEAP = Fraction(1)
"""Seconds. Smaller leaps are pauses, or the order of B-frames."""


class LeapFilter(Generic[Item]):
    """Finds times that are far ahead of, or far behind, both the time before and the time after.

    Items come out one later than they go in. ``frame``: the seconds of a frame; leaps are at least ten frames.
    """

    def __init__(self, frame: Fraction = Fraction(0)) -> None:
        self._leap = max(_LEAP, 10 * frame)
        self._before: Fraction | None = None
        self._held: tuple[Item, Fraction | None] | None = None

    def push(self, item: Item, time: Fraction | None) -> Iterator[tuple[Item, bool]]:
        """Add an item with its time in seconds, and yield the one before it, with whether its time leaps."""
        held, self._held = self._held, (item, time)
        if held is None:
            return
        leaps = self._leaps(held[1], time)
        if not leaps and held[1] is not None:
            self._before = held[1]
        yield held[0], leaps

    def end(self) -> Iterator[tuple[Item, bool]]:
        """Yield the last item."""
        if self._held is not None:
            yield self._held[0], False

    def _leaps(self, time: Fraction | None, after: Fraction | None) -> bool:
        if time is None or after is None:
            return False
        if self._before is None:
            return time - after > self._leap
        ahead = min(time - self._before, time - after)
        behind = min(self._before - time, after - time)
        return max(ahead, behind) > self._leap


def without_leaps(
    items: Iterable[Item], time_of: Callable[[Item], Fraction | None], frame: Fraction = Fraction(0)
) -> Iterator[tuple[Item, bool]]:
    """Yield the items in order, and whether their time leaps, by :class:`LeapFilter`."""
    leaps: LeapFilter[Item] = LeapFilter(frame)
    for item in items:
        yield from leaps.push(item, time_of(item))
    yield from leaps.end()
