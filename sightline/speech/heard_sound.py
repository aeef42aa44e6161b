"""A sound that was decoded, and listened to for speech, once: whatever needs either reads it from here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SHARE_SAMPLES = 512
"""Samples from one probability of speech to the next, 32 ms."""

# Probabilities whose samples are read at once, 32 s: bounds the memory.
_BATCH = 1000


@dataclass(frozen=True, eq=False)
class HeardSound:
    """Consecutive blocks of mono samples in -1..1, ``SAMPLE_RATE`` a second, that can be read again and again.

    ``path``: the samples as float32, 230 MB an hour, so that every reader gets those of the decoder. ``shares``: the
    probability of speech in every ``SHARE_SAMPLES`` of them, shape = (ceil(samples / SHARE_SAMPLES),), 0.5 MB an hour.
    """

    path: Path
    shares: NDArray[np.float32]

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for samples, _ in self.with_shares():
            yield samples

    def with_shares(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Yield up to 32 s of samples, shape = (m,), with their probabilities of speech."""
        # A mapped file would be counted as memory of the process.
        with self.path.open("rb") as file:
            for first in range(0, len(self.shares), _BATCH):
                yield np.fromfile(file, np.float32, _BATCH * SHARE_SAMPLES), self.shares[first : first + _BATCH]
