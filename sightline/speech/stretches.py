"""Stretches of consecutive steps of which something is true."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stretches(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first index and the one after the last of every stretch of true values of ``mask``, shape = (n,)."""
    padded = np.concatenate([[False], mask, [False]]).astype(np.int8)
    return [(first, last) for first, last in np.flatnonzero(np.diff(padded)).reshape(-1, 2).tolist()]
