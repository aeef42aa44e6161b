"""How good a model is on pictures that no choice has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline.statistics import wilson_interval
from sightline.training.common.calibration import expected_calibration_error

__all__ = ["ClassReport", "Evaluation", "Selective", "evaluate", "score", "selective"]


class Selective(NamedTuple):
    """The share of the pictures that a threshold accepts, and the accuracy among those; None where there are none."""

    share_accepted: float
    accuracy_accepted: float | None


class ClassReport(BaseModel):
    """One class: of the pictures said to be it, of those that are it, and both; ``support``: how many are it."""

    model_config = ConfigDict(frozen=True)

    precision: float
    recall: float
    f1: float
    support: int


class Evaluation(BaseModel):
    """A model's figures on one set of pictures.

    ``confusion_matrix[i][j]``: pictures of class i said to be j. ``accuracy_interval``: Wilson's, of 95 %, for pictures
    that are independent; of several to a group it is too narrow. ``ece``: the expected calibration error.
    """

    model_config = ConfigDict(frozen=True)

    pictures: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    per_class: dict[str, ClassReport]
    confusion_matrix: tuple[tuple[int, ...], ...]
    ece: float
    threshold: float
    share_accepted: float
    accuracy_accepted: float | None


def evaluate(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: Sequence[str], threshold: float
) -> Evaluation:
    """The figures of calibrated probabilities, shape = (n, classes), against the classes' places."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    places = np.arange(len(classes))
    said = probabilities.argmax(axis=1)
    accuracy = score(said, labels, len(classes), "accuracy")
    by_class = precision_recall_fscore_support(labels, said, labels=places, zero_division=0.0)
    accepted = selective(probabilities, labels, threshold)
    return Evaluation(
        pictures=len(labels),
        accuracy=accuracy,
        accuracy_interval=wilson_interval(accuracy, len(labels)),
        macro_f1=score(said, labels, len(classes), "macro_f1"),
        per_class={
            name: ClassReport(precision=precision, recall=recall, f1=f1, support=support)
            for name, precision, recall, f1, support in zip(classes, *by_class, strict=True)
        },
        confusion_matrix=tuple(map(tuple, confusion_matrix(labels, said, labels=places).tolist())),
        ece=expected_calibration_error(probabilities, labels),
        threshold=threshold,
        share_accepted=accepted.share_accepted,
        accuracy_accepted=accepted.accuracy_accepted,
    )


def score(said: NDArray[np.int64], labels: NDArray[np.int64], classes: int, metric: str) -> float:
    """``accuracy``, or ``macro_f1``: the mean of the classes' F1, over classes that were there or were said to be."""
    from sklearn.metrics import accuracy_score, f1_score

    if metric == "accuracy":
        return float(accuracy_score(labels, said))
    present = [place for place in range(classes) if (labels == place).any() or (said == place).any()]
    return float(f1_score(labels, said, labels=present, average="macro", zero_division=0.0))


def selective(probabilities: NDArray[np.float64], labels: NDArray[np.int64], threshold: float) -> Selective:
    """What accepting only predictions of a confidence of at least ``threshold`` comes to."""
    accepted = probabilities.max(axis=1) >= threshold
    right = probabilities.argmax(axis=1) == labels
    return Selective(float(accepted.mean()), float(right[accepted].mean()) if accepted.any() else None)
