"""Metrics of a model on samples that were used for neither training nor selection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sightline.statistics import wilson_interval
from sightline.training.common.calibration import expected_calibration_error

__all__ = ["ClassReport", "Evaluation", "Selective", "evaluate", "score", "selective"]


class Selective(NamedTuple):
    """The share of samples that a threshold accepts, and their accuracy, None if it accepts none."""

    share_accepted: float
    accuracy_accepted: float | None


class ClassReport(BaseModel):
    """Precision, recall and F1 of one class. ``support``: the number of samples of the class."""

    model_config = ConfigDict(frozen=True)

    precision: float
    recall: float
    f1: float
    support: int


class Evaluation(BaseModel):
    """The metrics of a model on one set of samples.

    ``confusion_matrix[i][j]``: the number of samples of class i predicted as j. ``ece``: the expected calibration
    error. The intervals are Wilson's 95 % intervals, for independent samples; they are too narrow for grouped ones.
    Records of earlier versions have only the interval of the accuracy.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    images: int = Field(alias="pictures")
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    per_class: dict[str, ClassReport]
    confusion_matrix: tuple[tuple[int, ...], ...]
    ece: float
    threshold: float
    share_accepted: float
    share_accepted_interval: tuple[float, float] | None = None
    accuracy_accepted: float | None
    accuracy_accepted_interval: tuple[float, float] | None = None


def evaluate(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: Sequence[str], threshold: float
) -> Evaluation:
    """Measure calibrated probabilities, shape = (n, classes), against the indices of the true classes, shape = (n,)."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    indices = np.arange(len(classes))
    predicted = probabilities.argmax(axis=1)
    accuracy = score(predicted, labels, len(classes), "accuracy")
    by_class = precision_recall_fscore_support(labels, predicted, labels=indices, zero_division=0.0)
    accepted = selective(probabilities, labels, threshold)
    count_accepted = round(accepted.share_accepted * len(labels))
    return Evaluation(
        images=len(labels),
        accuracy=accuracy,
        accuracy_interval=wilson_interval(accuracy, len(labels)),
        macro_f1=score(predicted, labels, len(classes), "macro_f1"),
        per_class={
            name: ClassReport(precision=precision, recall=recall, f1=f1, support=support)
            for name, precision, recall, f1, support in zip(classes, *by_class, strict=True)
        },
        confusion_matrix=tuple(map(tuple, confusion_matrix(labels, predicted, labels=indices).tolist())),
        ece=expected_calibration_error(probabilities, labels),
        threshold=threshold,
        share_accepted=accepted.share_accepted,
        share_accepted_interval=wilson_interval(accepted.share_accepted, len(labels)),
        accuracy_accepted=accepted.accuracy_accepted,
        accuracy_accepted_interval=(
            None if accepted.accuracy_accepted is None else wilson_interval(accepted.accuracy_accepted, count_accepted)
        ),
    )


def score(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int, metric: str) -> float:
    """Return ``accuracy`` or ``macro_f1``, the mean F1 of the classes that occur in the labels or the predictions."""
    from sklearn.metrics import accuracy_score, f1_score

    if metric == "accuracy":
        return float(accuracy_score(labels, predicted))
    present = [index for index in range(classes) if (labels == index).any() or (predicted == index).any()]
    return float(f1_score(labels, predicted, labels=present, average="macro", zero_division=0.0))


def selective(probabilities: NDArray[np.float64], labels: NDArray[np.int64], threshold: float) -> Selective:
    """Measure the predictions whose confidence is at least ``threshold``."""
    accepted = probabilities.max(axis=1) >= threshold
    right = probabilities.argmax(axis=1) == labels
    return Selective(float(accepted.mean()), float(right[accepted].mean()) if accepted.any() else None)
