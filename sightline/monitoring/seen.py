"""Which events have been read: eight bytes for each, however long their ids are."""

from __future__ import annotations

import numpy as np

__all__ = ["SeenIds"]

_PENDING = 1 << 16


class SeenIds:
    """A growing set of ids, kept as Python's own hashes: 8 MB for a million ids, beside at most 7 MB for the latest.

    Those have 64 bits and are other ones in every process, so that nobody can make up two ids with the same one. Two of
    a million ids have it with a probability of 3 in 100 million; the later one is then taken for the earlier.
    """

    def __init__(self) -> None:
        self._sorted = np.empty(0, np.int64)
        self._pending: set[int] = set()

    def add(self, event_id: str) -> bool:
        """Remember the id; whether it was not known."""
        key = hash(event_id)
        if key in self._pending or self._is_sorted_in(key):
            return False
        self._pending.add(key)
        if len(self._pending) == _PENDING:
            latest = np.fromiter(self._pending, np.int64, _PENDING)
            self._sorted = np.concatenate([self._sorted, latest])
            self._sorted.sort(kind="stable")  # of integers: a radix sort or one that merges what is in order
            self._pending.clear()
        return True

    def _is_sorted_in(self, key: int) -> bool:
        if not len(self._sorted):
            return False
        place = self._sorted.searchsorted(np.int64(key))
        return bool(place < len(self._sorted) and self._sorted[place] == key)
