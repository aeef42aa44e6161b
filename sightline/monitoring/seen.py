"""Which events have been read: eight bytes for each, however long their ids are."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

__all__ = ["SeenIds"]

_PENDING = 1 << 16


class SeenIds:
    """A growing set of ids, kept as hashes of 64 bits: 8 MB for a million ids, beside at most 7 MB for the latest.

    Two of a million ids have the same hash with a probability of 3 in 100 million; the later one is then taken for the
    earlier.
    """

    def __init__(self) -> None:
        self._sorted = np.empty(0, np.uint64)
        self._pending: set[int] = set()

    def add(self, event_id: str) -> bool:
        """Remember the id; whether it was not known."""
        key = int.from_bytes(blake2b(event_id.encode(), digest_size=8).digest(), "little")
        if key in self._pending or self._is_sorted_in(key):
            return False
        self._pending.add(key)
        if len(self._pending) == _PENDING:
            latest = np.fromiter(self._pending, np.uint64, _PENDING)
            self._sorted = np.concatenate([self._sorted, latest])
            self._sorted.sort(kind="stable")  # of integers: a radix sort or one that merges what is in order
            self._pending.clear()
        return True

    def _is_sorted_in(self, key: int) -> bool:
        if not len(self._sorted):
            return False
        place = self._sorted.searchsorted(np.uint64(key))
        return bool(place < len(self._sorted) and self._sorted[place] == key)
