"""Parts of a file that its demuxer skips without a word: bytes that belong to no packet, where time is missing too.

After damaged bytes, the demuxers of Matroska, AVI and FLV continue at the next place that they recognise. Neither sign
is enough alone: indices and tags are bytes between packets, and a variable frame rate has pauses.
"""

from __future__ import annotations

from collections.abc import Iterator

_TOLERANCE = 0.25
"""The share of the bytes to be expected in the missing time, from which on they count as lost."""

_SHORTEST = 0.1
"""Seconds. The shortest missing time that counts."""


class HoleDetector:
    """Compares the positions of packets with their times.

    Call :meth:`place` with all packets in the file's order, and :meth:`add` with those of the picture, in that order.
    """

    def __init__(self) -> None:
        self._first: int | None = None
        self._position = 0
        self._end = 0.0
        self._hole = 0
        self._unexplained = 0
        self._largest = (0, 0.0)
        self._holes: list[tuple[float, float]] = []

    def place(self, position: int | None, size: int, *, is_picture: bool) -> int:
        """Add the position of a packet; for one of the picture, return the bytes of no packet since the one before."""
        if position is not None:
            if self._first is None:
                self._first = self._position = position
            self._hole += max(0, position - self._position)
            self._position = max(self._position, position + size)
        if not is_picture:
            return 0
        hole, self._hole = self._hole, 0
        return hole

    def add(self, hole: int, time: float, duration: float) -> None:
        """Add the times of a packet of the picture, in seconds, with the ``hole`` before it, in bytes."""
        if self._is_lost(hole, time - self._end):
            self._holes.append((self._end, time))
        else:
            self._unexplained += hole
            self._largest = max(self._largest, (hole, self._end))
        self._end = max(self._end, time + duration)

    def holes(self, file_size: int, missing: float) -> Iterator[tuple[float, float]]:
        """Yield start and end of the missing parts, in seconds.

        ``missing``: the time from the end of the last packet of any stream to the declared end.
        """
        yield from self._holes
        rest = file_size - self._position
        if self._is_lost(self._unexplained + rest, missing):
            # AVI counts frames: after a hole, they are too early, and the missing time is at the end.
            start = self._end if rest >= self._largest[0] else self._largest[1]
            yield start, start + missing

    def _is_lost(self, size: int, seconds: float) -> bool:
        if seconds < _SHORTEST or self._first is None or not self._end:
            return False
        rate = (self._position - self._first) / self._end
        return size > _TOLERANCE * rate * seconds
