"""The baseline of a version: its predictions on the test set, which later predictions are compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["BASELINE", "Baseline", "sample_rows", "to_float16"]

BASELINE = "baseline.safetensors"
"""The file name of a version's baseline."""

_PREDICTIONS, _EMBEDDINGS = 10_000, 256  # stored rows; a random sample of more


@dataclass(frozen=True)
class Baseline:
    """Predictions that drift is measured against.

    ``probabilities`` are calibrated, shape = (n, classes), in the order of the model's classes. ``labels`` are the
    indices of the true classes, shape = (n,), None if they are unknown. ``embeddings`` are those of some of the inputs,
    shape = (m, size), None if there are none.
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64] | None = None
    embeddings: NDArray[np.float16] | None = None

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The greatest probability of every prediction."""
        return np.asarray(self.probabilities.max(axis=1), np.float64)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The index of every predicted class."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def accuracy(self) -> float | None:
        """The share of correct predictions; None if the labels are unknown."""
        return None if self.labels is None else float((self.predicted == self.labels).mean())

    @classmethod
    def of_test_set(
        cls,
        probabilities: NDArray[np.float64],
        labels: NDArray[np.int64],
        embed: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    ) -> Baseline:
        """Return the baseline of a test set. ``embed`` returns the embeddings of the test images with these indices."""
        rows = sample_rows(len(labels), _PREDICTIONS)
        embeddings = to_float16(embed(sample_rows(len(labels), _EMBEDDINGS)))
        return cls(probabilities[rows].astype(np.float32), labels[rows], embeddings)

    def save(self, path: Path) -> None:
        """Write the baseline to ``path`` as safetensors."""
        from safetensors.numpy import save_file

        parts = {"probabilities": self.probabilities, "labels": self.labels, "embeddings": self.embeddings}
        save_file({name: np.ascontiguousarray(part) for name, part in parts.items() if part is not None}, path)

    @classmethod
    def load(cls, data: bytes) -> Baseline:
        """Return the baseline in a file's ``data``. Raises ``ValueError`` with the reason if it is invalid."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            parts = load(data)
        except SafetensorError as error:
            raise ValueError(f"is not a safetensors file ({error})") from error
        probabilities, labels, embeddings = (parts.get(name) for name in ("probabilities", "labels", "embeddings"))
        if probabilities is None:
            raise ValueError(f"contains {', '.join(sorted(parts)) or 'nothing'}, and no probabilities")
        if probabilities.ndim != 2 or not probabilities.size:
            raise ValueError(f"contains probabilities of shape {probabilities.shape}, expected (n, classes)")
        if not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise ValueError("contains probabilities that are not between 0 and 1")
        if labels is not None and labels.shape != probabilities.shape[:1]:
            raise ValueError(f"contains {len(labels)} labels for {len(probabilities)} predictions")
        if embeddings is not None and embeddings.ndim != 2:
            raise ValueError(f"contains embeddings of shape {embeddings.shape}, expected (m, size)")
        return cls(probabilities, labels, embeddings)


def to_float16(embeddings: NDArray[np.float32]) -> NDArray[np.float16] | None:
    """Return embeddings in half precision; None if one overflows, since they could not be compared."""
    with np.errstate(over="ignore"):
        half = embeddings.astype(np.float16)
    return half if np.isfinite(half).all() else None


def sample_rows(count: int, limit: int) -> NDArray[np.int64]:
    """Return the indices of at most ``limit`` of ``count`` rows, ascending and reproducible."""
    if count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, limit, replace=False))
