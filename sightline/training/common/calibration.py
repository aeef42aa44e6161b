"""Calibration of probabilities: temperature scaling, and the calibration error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.vision.heads import probabilities

__all__ = ["Calibration", "ReliabilityBin", "calibrate", "expected_calibration_error", "reliability"]

_BINS = 15
_LARGEST = 20.0  # a temperature at which all classes are almost equally probable


class Calibration(NamedTuple):
    """The temperature, and the expected calibration error on the samples it was fitted on, before and after scaling."""

    temperature: float
    ece_before: float
    ece_after: float


class ReliabilityBin(NamedTuple):
    """The predictions in one range of confidence: their number, mean confidence and accuracy."""

    size: int
    confidence: float
    accuracy: float


def calibrate(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> Calibration:
    """Fit the temperature that maximises the likelihood of the labels of held-out samples.

    ``logits``, shape = (n, classes). C. Guo et al., On Calibration of Modern Neural Networks (2017). If every sample is
    classified correctly, the likelihood has no maximum. The target probability of a label is therefore (n + 1) / (n +
    2), Laplace's rule of succession, as in J. Platt, Probabilistic Outputs for Support Vector Machines (1999).
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


def reliability(predicted: NDArray[np.float64], labels: NDArray[np.int64], bins: int = _BINS) -> list[ReliabilityBin]:
    """Group predictions by confidence into ``bins`` equal ranges from 0 to 1, without the empty ranges.

    ``predicted``: probabilities, shape = (n, classes).
    """
    confidence, correct = predicted.max(axis=1), predicted.argmax(axis=1) == labels
    bin_numbers = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        ReliabilityBin(int(inside.sum()), float(confidence[inside].mean()), float(correct[inside].mean()))
        for number in range(bins)
        if (inside := bin_numbers == number).any()
    ]


def expected_calibration_error(predicted: NDArray[np.float64], labels: NDArray[np.int64], bins: int = _BINS) -> float:
    """Return the mean difference between confidence and accuracy over the samples; 0 is perfect.

    The sum over the bins of size / n · |accuracy - confidence|: M. Pakdaman Naeini et al., Obtaining Well Calibrated
    Probabilities Using Bayesian Binning (2015).
    """
    gaps = (part.size * abs(part.accuracy - part.confidence) for part in reliability(predicted, labels, bins))
    return sum(gaps) / len(labels)
