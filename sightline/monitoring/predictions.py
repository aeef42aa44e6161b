"""Some predictions, as far as they are compared with others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.training import Baseline

__all__ = ["Predictions"]


@dataclass(frozen=True)
class Predictions:
    """Predictions, or a random choice of them.

    ``confidence``: the greatest probability of each, shape = (n,); ``said``: the place of its class; ``right``: whether
    it is, None where the labels are not known. ``embeddings``: of some of the inputs, shape = (m, size), None where
    there are none. ``source``: what they are, in words.
    """

    source: str
    confidence: NDArray[np.float64]
    said: NDArray[np.int64]
    right: NDArray[np.bool_] | None = None
    embeddings: NDArray[np.float16] | None = None

    @classmethod
    def of(cls, baseline: Baseline, source: str) -> Predictions:
        """Those of a version's test set."""
        right = None if baseline.labels is None else baseline.said == baseline.labels
        return cls(source, baseline.confidence, baseline.said, right, baseline.embeddings)

    def __len__(self) -> int:
        return len(self.confidence)

    @property
    def accuracy(self) -> float | None:
        """The share that is right, where the labels are known."""
        return None if self.right is None else float(self.right.mean())
