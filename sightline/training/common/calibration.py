"""Making probabilities mean what they say: temperature scaling, and how far off they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.vision.heads import probabilities

__all__ = ["Calibration", "ReliabilityBin", "calibrate", "expected_calibration_error", "reliability"]

_BINS = 15
_LARGEST = 20.0  # a temperature at which nothing is said any more


class Calibration(NamedTuple):
    """The temperature, and the expected calibration error on the pictures it was found on, without it and with it."""

    temperature: float
    ece_before: float
    ece_after: float


class ReliabilityBin(NamedTuple):
    """The predictions of one range of confidence: how many, how confident on average, and the share that is right."""

    size: int
    confidence: float
    accuracy: float


def calibrate(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> Calibration:
    """Find the temperature at which held-out pictures' labels are the most likely.

    ``logits``, shape = (n, classes). C. Guo et al., On Calibration of Modern Neural Networks (2017). Where every
    picture is classified rightly the likelihood has no maximum, and any certainty would do; the labels are therefore
    taken for (n + 1) / (n + 2) sure, Laplace's rule of succession, as in J. Platt, Probabilistic Outputs for Support
    Vector Machines (1999): which is as sure as n pictures can make one.
    """
    from scipy.optimize import minimize_scalar

    count, classes = logits.shape
    doubt = 1 / (count + 2)
    targets = np.full((count, classes), doubt / (classes - 1))
    targets[np.arange(count), labels] = 1 - doubt

    def cross_entropy(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        logarithms = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return float(-(targets * logarithms).sum(axis=1).mean())

    bounds = (-np.log(_LARGEST), np.log(_LARGEST))
    temperature = float(np.exp(minimize_scalar(cross_entropy, bounds=bounds, method="bounded").x))
    return Calibration(
        temperature,
        expected_calibration_error(probabilities(logits, 1.0), labels),
        expected_calibration_error(probabilities(logits, temperature), labels),
    )


def reliability(found: NDArray[np.float64], labels: NDArray[np.int64], bins: int = _BINS) -> list[ReliabilityBin]:
    """Predictions by confidence, in ``bins`` equal ranges from 0 to 1; empty ranges are left out.

    ``found``: probabilities, shape = (n, classes).
    """
    confidence, right = found.max(axis=1), found.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        ReliabilityBin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for number in range(bins)
        if (inside := place == number).any()
    ]


def expected_calibration_error(found: NDArray[np.float64], labels: NDArray[np.int64], bins: int = _BINS) -> float:
    """How far confidence is from accuracy, on average over the pictures; 0 is perfect.

    The sum over the bins of size / n · |accuracy - confidence|: M. Pakdaman Naeini et al., Obtaining Well Calibrated
    Probabilities Using Bayesian Binning (2015).
    """
    gaps = (each.size * abs(each.accuracy - each.confidence) for each in reliability(found, labels, bins))
    return sum(gaps) / len(labels)
