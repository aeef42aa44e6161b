"""Calibrated probabilities match the observed accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightline.training.common import calibrate, expected_calibration_error
from sightline.training.common.calibration import reliability
from sightline.vision.heads import probabilities


def sample(n: int = 4000, classes: int = 3, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return logits, and labels drawn from the probabilities of these logits."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, classes))
    shares = probabilities(logits).cumsum(axis=1)
    return logits, (rng.random((n, 1)) > shares).sum(axis=1).clip(max=classes - 1).astype(np.int64)


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_calibration_recovers_the_factor_of_scaled_logits(factor: float) -> None:
    logits, labels = sample()
    calibration = calibrate(logits * factor, labels)
    assert calibration.temperature == pytest.approx(factor, rel=0.1)
    assert calibration.ece_after < 0.03
    assert calibration.ece_after <= calibration.ece_before + 0.01


def test_temperature_of_one_sample_reduces_the_ece_of_another() -> None:
    (logits, labels), (other_logits, other_labels) = sample(seed=1), sample(seed=2)
    temperature = calibrate(logits * 5, labels).temperature
    before = expected_calibration_error(probabilities(other_logits * 5), other_labels)
    after = expected_calibration_error(probabilities(other_logits * 5, temperature), other_labels)
    assert after < before / 3


@pytest.mark.parametrize("n", [6, 60])
def test_confidence_of_perfect_predictions_is_limited_by_sample_size(n: int) -> None:
    labels = np.arange(n) % 3
    logits = 12.0 * np.eye(3)[labels]
    temperature = calibrate(logits, labels).temperature
    confidence = probabilities(logits, temperature).max()
    assert confidence == pytest.approx((n + 1) / (n + 2), abs=0.01)


@given(st.floats(0.05, 20), st.floats(1.01, 5))
def test_higher_temperature_lowers_confidence_and_keeps_classes(low: float, factor: float) -> None:
    logits, _ = sample(50)
    sure, unsure = probabilities(logits, low), probabilities(logits, low * factor)
    assert (unsure.max(axis=1) <= sure.max(axis=1) + 1e-12).all()
    assert (unsure.argmax(axis=1) == logits.argmax(axis=1)).all()


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 99), st.floats(0.05, 20))
def test_calibration_error_is_within_0_and_1_and_bins_cover_all_samples(
    n: int, classes: int, seed: int, temperature: float
) -> None:
    logits, labels = sample(n, classes, seed)
    predicted = probabilities(logits, temperature)
    assert 0 <= expected_calibration_error(predicted, labels) <= 1
    bins = reliability(predicted, labels)
    assert sum(one_bin.size for one_bin in bins) == n
    assert all(0 <= one_bin.accuracy <= 1 and 0 < one_bin.confidence <= 1 for one_bin in bins)


def test_calibration_error_is_0_if_certain_and_right_and_1_if_wrong() -> None:
    labels = np.array([0, 1, 1])
    sure = np.eye(2)[labels]
    assert expected_calibration_error(sure, labels) == 0
    assert expected_calibration_error(sure[:, ::-1], labels) == 1


def test_calibration_error_of_worked_example() -> None:
    predicted = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert expected_calibration_error(predicted, np.array([0, 1, 0, 0])) == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)
