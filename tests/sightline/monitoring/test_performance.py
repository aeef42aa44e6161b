"""Accuracy and risk without labels: correct on average if the confidences are calibrated."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.monitoring import Predictions
from sightline.monitoring.performance import expected_accuracy, risk_against_coverage
from sightline.monitoring.tally import BINS, LATENCIES, VersionTally, percentile
from tests.captures import baseline_of, predictions


def sums(confidence: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[int, float, float]:
    return len(confidence), float(confidence.sum()), float((confidence * (1 - confidence)).sum())


def test_interval_contains_the_true_accuracy_in_95_percent() -> None:
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(300):
        baseline = Predictions.from_baseline(baseline_of(predictions(random, 300), random), "the test set")
        confidence = predictions(random, 200).max(axis=1)
        estimate = expected_accuracy(*sums(confidence), baseline)
        accuracy = (random.random(len(confidence)) < confidence).mean()
        inside += estimate.low <= accuracy <= estimate.high
    assert 0.93 * 300 <= inside <= 300


def test_interval_without_a_baseline_is_narrower() -> None:
    random = np.random.default_rng(2)
    baseline = Predictions.from_baseline(baseline_of(predictions(random, 50), random), "the test set")
    confidence = predictions(random, 400).max(axis=1)
    without, with_baseline = (expected_accuracy(*sums(confidence), tested) for tested in (None, baseline))
    assert without.value == with_baseline.value
    assert with_baseline.low < without.low < without.value < without.high < with_baseline.high


def test_interval_stays_between_0_and_1() -> None:
    estimate = expected_accuracy(3, 2.9, 0.2, None)
    assert 0 <= estimate.low < estimate.high == 1


def test_risk_and_coverage_match_the_predictions() -> None:
    random = np.random.default_rng(3)
    baseline = Predictions.from_baseline(baseline_of(predictions(random, 300), random), "the test set")
    rows = predictions(random, 5_000)
    tally = VersionTally(2, 0.9, None)
    for row in rows:
        tally.add(0.0, float(row.max()), int(row.argmax()), None)
    tally.flush()
    confidence = rows.max(axis=1)
    points = {point.threshold: point for point in risk_against_coverage(tally.bins, tally.sums, 0.9, baseline)}
    assert {0.0, 0.5, 0.9, 1.0} <= points.keys()
    for threshold in (0.0, 0.75, 0.9):
        accepted = confidence >= threshold
        assert points[threshold].coverage == pytest.approx(accepted.mean(), abs=1 / BINS)
        assert points[threshold].expected_risk == pytest.approx(1 - confidence[accepted].mean(), abs=1 / BINS)
        tested = baseline.confidence >= threshold
        assert baseline.correct is not None
        assert points[threshold].tested_risk == pytest.approx(1 - baseline.correct[tested].mean())
    assert [points[step].coverage for step in sorted(points)] == sorted(
        (point.coverage for point in points.values()), reverse=True
    )


def test_latency_percentiles_are_at_most_12_percent_too_high() -> None:
    seconds = np.random.default_rng(4).lognormal(-4, 0.8, 3_000)
    counts = np.bincount(np.searchsorted(LATENCIES, seconds), minlength=len(LATENCIES) + 1)
    for share in (0.5, 0.95, 0.99):
        assert percentile(counts, share) == pytest.approx(np.quantile(seconds, share), rel=0.123)
    assert percentile(np.zeros(len(LATENCIES) + 1, np.int64), 0.5) is None
