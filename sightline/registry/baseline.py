"""What a model said of its test set, kept with its version: later predictions are compared with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["BASELINE", "Baseline", "sample_rows", "to_float16"]

BASELINE = "baseline.safetensors"
"""The name of a baseline among the files of a model's version."""

_PREDICTIONS, _EMBEDDINGS = 10_000, 256  # rows that are kept; of more, a random choice


@dataclass(frozen=True)
class Baseline:
    """Predictions that are taken for normal.

    ``probabilities``: calibrated, shape = (n, classes), in the order of the model's classes. ``labels``: the places of
    the true classes, shape = (n,), None where they are not known. ``embeddings``: of some of the inputs,
    shape = (m, size), None where there are none.
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64] | None = None
    embeddings: NDArray[np.float16] | None = None

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The greatest probability of each prediction."""
        return np.asarray(self.probabilities.max(axis=1), np.float64)

    @property
    def said(self) -> NDArray[np.int64]:
        """The place of each prediction's class."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def accuracy(self) -> float | None:
        """The share that is right, where the labels are known."""
        return None if self.labels is None else float((self.said == self.labels).mean())

    @classmethod
    def of_test_set(
        cls,
        probabilities: NDArray[np.float64],
        labels: NDArray[np.int64],
        embed: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    ) -> Baseline:
        """The baseline of a test set. ``embed`` gives the embeddings of the test pictures at these places."""
        kept = sample_rows(len(labels), _PREDICTIONS)
        embeddings = to_float16(embed(sample_rows(len(labels), _EMBEDDINGS)))
        return cls(probabilities[kept].astype(np.float32), labels[kept], embeddings)

    def save(self, path: Path) -> None:
        """Write it to ``path`` as safetensors."""
        from safetensors.numpy import save_file

        parts = {"probabilities": self.probabilities, "labels": self.labels, "embeddings": self.embeddings}
        save_file({name: np.ascontiguousarray(part) for name, part in parts.items() if part is not None}, path)

    @classmethod
    def load(cls, data: bytes) -> Baseline:
        """The baseline in a file's ``data``. Raises ``ValueError``, which says why, where they are something else."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            parts = load(data)
        except SafetensorError as error:
            raise ValueError(f"is not a safetensors file ({error})") from error
        found, labels, embeddings = (parts.get(name) for name in ("probabilities", "labels", "embeddings"))
        if found is None or found.ndim != 2 or not found.size:
            raise ValueError(f"holds {', '.join(sorted(parts)) or 'nothing'}, where probabilities were expected")
        if not ((found >= 0) & (found <= 1)).all():
            raise ValueError("holds probabilities that are not between 0 and 1")
        if labels is not None and labels.shape != found.shape[:1]:
            raise ValueError(f"holds {len(labels)} labels for {len(found)} predictions")
        if embeddings is not None and embeddings.ndim != 2:
            raise ValueError(f"holds embeddings of shape {embeddings.shape}, where two dimensions were expected")
        return cls(found, labels, embeddings)


def to_float16(embeddings: NDArray[np.float32]) -> NDArray[np.float16] | None:
    """Embeddings as they are kept; None where one is beyond what half precision has, and cannot be compared."""
    with np.errstate(over="ignore"):
        kept = embeddings.astype(np.float16)
    return kept if np.isfinite(kept).all() else None


def sample_rows(count: int, most: int) -> NDArray[np.int64]:
    """The places of at most ``most`` of ``count`` rows, ascending; the same ones each time."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))
