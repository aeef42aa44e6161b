"""Predictions that are compared with others: those of a baseline, or of a window of captures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InvalidInput
from sightline.registry import BASELINE, Baseline

__all__ = ["Predictions", "Unfamiliar", "read_baseline"]


class Unfamiliar(NamedTuple):
    """The number of images whose strangeness was measured, and of those that are of an unknown kind."""

    checked: int
    unfamiliar: int

    @property
    def share(self) -> float:
        """The share of the images that are of an unknown kind."""
        return self.unfamiliar / self.checked


@dataclass(frozen=True)
class Predictions:
    """Predictions, or a random sample of them.

    ``source``: a description for people. ``confidence``: the largest probability of each prediction, shape = (n,).
    ``predicted``: the indices of the predicted classes, shape = (n,). ``correct``: whether the predictions are correct,
    shape = (n,), None if the labels are not known. ``embeddings``: of a sample of the inputs, shape = (m, size), None
    if there are none. ``unfamiliar``: the images of an unknown kind, None if nothing measured it.
    """

    source: str
    confidence: NDArray[np.float64]
    predicted: NDArray[np.int64]
    correct: NDArray[np.bool_] | None = None
    embeddings: NDArray[np.float16] | None = None
    unfamiliar: Unfamiliar | None = None

    @classmethod
    def from_baseline(cls, baseline: Baseline, source: str, unfamiliar: Unfamiliar | None = None) -> Predictions:
        """Create them from the predictions of a version on its test set."""
        correct = None if baseline.labels is None else baseline.predicted == baseline.labels
        return cls(source, baseline.confidence, baseline.predicted, correct, baseline.embeddings, unfamiliar)

    def __len__(self) -> int:
        return len(self.confidence)

    @property
    def accuracy(self) -> float | None:
        """The share of correct predictions, None if the labels are not known."""
        return None if self.correct is None else float(self.correct.mean())


def read_baseline(
    data: bytes, source: str, classes: tuple[str, ...], unfamiliar: Unfamiliar | None = None
) -> Predictions:
    """Read a baseline from a file's content. ``unfamiliar``: the images of the test set that are of an unknown kind.

    Raises ``InvalidInput`` if it is not a baseline, or if its number of classes differs from ``classes``.
    """
    try:
        baseline = Baseline.load(data)
    except ValueError as error:
        raise InvalidInput(
            source, str(error), f"Give a version's {BASELINE}, or an earlier window as SINCE/UNTIL"
        ) from error
    if baseline.probabilities.shape[1] != len(classes):
        raise InvalidInput(
            source,
            f"has {baseline.probabilities.shape[1]} classes, and the model has {len(classes)}",
            "Give the baseline of a version with the same classes",
        )
    return Predictions.from_baseline(baseline, source, unfamiliar)
