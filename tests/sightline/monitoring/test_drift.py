"""Drift is a difference that is large and unlikely to be chance. False alarms are rare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightline.monitoring import DriftComparison, DriftLimits, Predictions, compare_windows
from sightline.monitoring.drift import decile_edges, range_indices, stability_index, total_variation
from sightline.registry import BASELINE, Baseline, Registry
from sightline.storage import locate
from tests.captures import predictions

CLASSES = ("bicycle", "motorcycle")
LIMITS = DriftLimits()
WINDOWS = 200


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    """The predictions of the bundled vehicles model on its test set."""
    registry = Registry(locate(tmp_path_factory.mktemp("models")))
    data = registry.read(registry.record("vehicles"), BASELINE)
    assert data
    return Baseline.load(data)


def sample(probabilities: NDArray[np.float64] | NDArray[np.float32], source: str = "a window") -> Predictions:
    return Predictions.from_baseline(Baseline(probabilities.astype(np.float32)), source)


def compare(baseline: Predictions, window: Predictions, limits: DriftLimits = LIMITS) -> list[DriftComparison]:
    counts = np.bincount(window.predicted, minlength=len(CLASSES)).tolist()
    return compare_windows(baseline, window, counts, CLASSES, limits)


def drifted(comparisons: Sequence[DriftComparison]) -> set[str]:
    return {comparison.quantity for comparison in comparisons if comparison.drifted}


def with_embeddings(random: np.random.Generator, count: int, shift: float) -> Predictions:
    """Return predictions with embeddings of 64 numbers that vary along 20 directions, shifted along one of them."""
    factors = random.normal(size=(count, 20)) + shift * np.eye(20)[0]
    embeddings = factors @ np.random.default_rng(0).normal(size=(20, 64)) + random.normal(size=(count, 64))
    window = sample(predictions(np.random.default_rng(0), 150))
    return Predictions(window.source, window.confidence, window.predicted, None, embeddings.astype(np.float16))


@pytest.mark.parametrize("size", [100, 1_000])
def test_false_alarms_are_rare_without_drift(tested: Baseline, size: int) -> None:
    """Baseline and window are drawn from the model's real predictions: at most 1 alarm in 20 windows."""
    random = np.random.default_rng(size)
    alarms = 0
    for _ in range(WINDOWS):
        baseline, window = (
            sample(tested.probabilities[random.integers(0, len(tested.probabilities), count)]) for count in (400, size)
        )
        alarms += bool(drifted(compare(baseline, window)))
    assert alarms <= 0.05 * WINDOWS


def test_windows_drawn_from_the_test_set_never_alarm(tested: Baseline) -> None:
    random, baseline = np.random.default_rng(5), Predictions.from_baseline(tested, "the test set")
    for _ in range(WINDOWS):
        window = sample(tested.probabilities[random.integers(0, len(tested.probabilities), 300)])
        assert not drifted(compare(baseline, window))


def test_false_alarms_are_rare_for_embeddings_without_drift() -> None:
    random = np.random.default_rng(6)
    alarms = 0
    for _ in range(60):
        baseline, window = (with_embeddings(random, 60, 0.0) for _ in range(2))
        alarms += "embeddings" in drifted(compare(baseline, window))
    assert alarms <= 0.05 * 60


@pytest.mark.parametrize("size", [400, 100_000])
def test_class_shift_of_15_points_is_detected_and_described(tested: Baseline, size: int) -> None:
    random = np.random.default_rng(7)
    baseline = Predictions.from_baseline(tested, "the test set")
    second = float((baseline.predicted == 1).mean()) + 0.15
    rows = [np.flatnonzero(baseline.predicted == index) for index in (0, 1)]
    detected = 0
    for _ in range(20):
        count = round(size * second)
        chosen = np.concatenate([random.choice(rows[1], count), random.choice(rows[0], size - count)])
        window = sample(tested.probabilities[random.permutation(chosen)[:10_000]])
        comparisons = compare_windows(baseline, window, [size - count, count], CLASSES, LIMITS)
        [classes] = [comparison for comparison in comparisons if comparison.quantity == "classes"]
        detected += classes.drifted
        assert classes.summary == "the share of motorcycle rose from 50 % to 65 %"
        assert classes.effects["total variation"] == pytest.approx(0.15, abs=0.005)
    assert detected == 20


def test_falling_confidence_is_detected() -> None:
    random = np.random.default_rng(8)
    baseline, window = (sample(predictions(random, 500, concentration=concentration)) for concentration in (12.0, 3.0))
    [confidence, *_] = compare(baseline, window)
    assert confidence.drifted
    assert "fell from 0.9" in confidence.summary


def test_images_of_another_kind_are_detected() -> None:
    random = np.random.default_rng(9)
    comparisons = compare(with_embeddings(random, 120, 0.0), with_embeddings(random, 120, 1.5))
    assert drifted(comparisons) == {"embeddings"}
    assert "the images look different" in comparisons[-1].summary


def test_small_significant_difference_in_a_large_window_is_no_drift() -> None:
    random = np.random.default_rng(10)
    baseline, window = (sample(predictions(random, 10_000, second=share)) for share in (0.5, 0.54))
    [_, classes, *_] = compare(baseline, window)
    assert classes.p_corrected < 0.001
    assert not classes.drifted


def test_large_difference_in_a_small_window_is_no_drift() -> None:
    random = np.random.default_rng(11)
    baseline, window = sample(predictions(random, 60)), sample(predictions(random, 40, second=0.62))
    [_, classes, *_] = compare(baseline, window, DriftLimits(min_events=30))
    assert classes.effects["total variation"] > LIMITS.share
    assert not classes.drifted


@pytest.mark.parametrize(("baseline", "window"), [(49, 1_000), (1_000, 99)])
def test_too_few_predictions_are_not_compared(baseline: int, window: int) -> None:
    random = np.random.default_rng(12)
    assert compare(*(sample(predictions(random, count)) for count in (baseline, window))) == []


def test_class_with_enough_predictions_is_compared_separately() -> None:
    """The confidence of one class falls, which the mean over all classes hides."""
    random = np.random.default_rng(13)
    before = predictions(random, 2_000, second=0.1, concentration=12.0)
    uncertain = predictions(random, 200, second=1.0, concentration=2.0)
    window = np.concatenate([predictions(random, 1_800, second=0.0, concentration=12.0), uncertain])
    comparisons = compare(sample(before), sample(window))
    assert drifted(comparisons) == {"confidence in motorcycle"}


def test_p_values_are_corrected_for_their_number() -> None:
    random = np.random.default_rng(14)
    comparisons = compare(*(sample(predictions(random, 1_000)) for _ in range(2)))
    assert len(comparisons) == 4
    least = min(comparisons, key=lambda comparison: comparison.p)
    assert least.p_corrected <= 4 * least.p + 1e-12
    assert all(comparison.p_corrected >= comparison.p for comparison in comparisons)


def test_model_that_predicts_one_class_is_compared() -> None:
    random = np.random.default_rng(15)
    same = compare(*(sample(predictions(random, 300, second=0.0)) for _ in range(2)))
    assert same[1].p == 1.0
    other = compare(sample(predictions(random, 300, second=0.0)), sample(predictions(random, 300, second=1.0)))
    assert other[1].drifted


def test_rounding_by_another_backend_is_no_drift(tested: Baseline) -> None:
    baseline = Predictions.from_baseline(tested, "the test set")
    moved = np.clip(tested.probabilities + np.random.default_rng(16).normal(0, 1e-6, tested.probabilities.shape), 0, 1)
    [confidence, *_] = compare(baseline, sample(np.tile(moved, (5, 1))))
    assert confidence.effects["psi"] < 0.01
    assert confidence.effects["ks"] < 0.02


def saturated(
    random: np.random.Generator,
    count: int,
    ties: float,
    *,
    top: float = 0.999987,
    low: float = 0.5,
    spread: float = 0.4,
) -> Predictions:
    """Return predictions of which the share ``ties`` has one confidence; the others are spread below it."""
    confidence = np.where(random.random(count) < ties, top, low + spread * random.beta(4, 2, count))
    return Predictions("a window", confidence, (random.random(count) < 0.5).astype(np.int64))


@pytest.mark.parametrize("ties", [0.1, 0.5, 0.8, 0.9, 0.95, 1.0])
def test_false_alarms_are_rare_with_ties(ties: float) -> None:
    random = np.random.default_rng(17)
    alarms = 0
    for number in range(WINDOWS):
        before, after = ((100, 100), (300, 500))[number % 2]
        alarms += bool(drifted(compare(saturated(random, before, ties), saturated(random, after, ties))))
    assert alarms <= 0.05 * WINDOWS


def test_fall_from_saturated_confidences_is_detected() -> None:
    """300 confidences of 0.999987 became 500 between 0.51 and 0.62."""
    random = np.random.default_rng(18)
    window = Predictions("a window", random.uniform(0.51, 0.62, 500), random.integers(0, 2, 500))
    [confidence, *_] = compare(Predictions("before", np.full(300, 0.999987), random.integers(0, 2, 300)), window)
    assert confidence.drifted
    assert confidence.effects["psi"] > LIMITS.psi
    assert "fell from 1.00 to 0.5" in confidence.summary


@pytest.mark.parametrize("value", [0.3, 0.5, 0.75, 1.0], ids=str)
@pytest.mark.parametrize("shift", [-0.2, 0.2])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.55, 0.9, 1.0])
def test_predictions_that_leave_a_shared_value_are_detected(value: float, shift: float, share: float) -> None:
    """Wherever the shared value is: at the top, at the bottom, or between other confidences."""
    random = np.random.default_rng(19)
    others = random.uniform(0.3, 1.0, 1_000)
    before = np.where(random.random(1_000) < share, value, others)
    after = np.where(np.isclose(before, value), np.clip(value + shift, 0, 1), before)
    classes = random.integers(0, 2, 1_000)
    [confidence, *_] = compare(Predictions("before", before, classes), Predictions("after", after, classes))
    if value + shift > 1:
        assert not confidence.drifted
    elif share >= 0.3:
        assert confidence.drifted


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([0.0, 0.3, 0.6, 0.9, 0.99, 1.0]),
    st.floats(0.55, 0.999),
    st.floats(0.0, 0.2),
    st.sampled_from([60, 100, 300, 2_000]),
    st.booleans(),
    st.integers(0, 1_000),
)
def test_shift_by_more_than_the_spread_is_always_detected(
    ties: float, top: float, spread: float, count: int, down: bool, seed: int
) -> None:
    """For every share of ties, also at the largest or the smallest confidence, and in both directions."""
    random = np.random.default_rng(seed)
    tied = top if seed % 2 else top - spread
    before = np.where(random.random(count) < ties, tied, top - spread * random.random(count))
    after = before[random.integers(0, count, 200)] + (-1 if down else 1) * (spread + 0.006)
    sides = [Predictions("side", side, random.integers(0, 2, len(side))) for side in (before, after)]
    [confidence, *_] = compare(*sides)
    assert confidence.drifted


@pytest.mark.parametrize(
    ("before", "after"), [(0.999987, 0.999986), (1.0, 0.9999), (0.9999, 0.9985), (0.93, 0.9315), (0.5, 0.5 + 1e-9)]
)
@pytest.mark.parametrize("ties", [0.5, 0.9, 1.0])
def test_trivial_difference_of_saturated_confidences_is_no_drift(before: float, after: float, ties: float) -> None:
    """Every single confidence may differ: KS is then 1, and the difference still does not matter."""
    sides = [saturated(np.random.default_rng(20), 400, ties, top=top) for top in (before, after)]
    [confidence, *_] = compare(*sides)
    assert not confidence.drifted


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0.5, 0.7, 0.9, 0.99995, 1.0]), min_size=60, max_size=200), st.integers(0, 99))
def test_ks_equals_scipy_whatever_the_ties(confidences: list[float], seed: int) -> None:
    from scipy.stats import ks_2samp

    random = np.random.default_rng(seed)
    before, after = np.array(confidences), random.choice(confidences, 120) - 0.1 * (random.random(120) < 0.3)
    sides = [Predictions("side", side, random.integers(0, 2, len(side))) for side in (before, after)]
    [confidence, *_] = compare(*sides)
    assert confidence.effects["ks"] == pytest.approx(ks_2samp(before.round(4), after.round(4)).statistic)
    assert confidence.effects[confidence.judged_by] == next(iter(confidence.effects.values()))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 1_000), min_size=2, max_size=12).filter(any))
def test_distances_of_equal_counts_are_zero(counts: list[int]) -> None:
    before = np.array(counts)
    assert stability_index(before, before) == pytest.approx(0)
    assert total_variation(before, 3 * before) == pytest.approx(0)
    assert 0 <= total_variation(before, before[::-1]) <= 1
    assert stability_index(before, before[::-1]) >= 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_every_confidence_is_in_one_of_at_most_eleven_ranges(confidences: list[float]) -> None:
    values = np.array(confidences)
    edges = decile_edges(values)
    indices = range_indices(edges, np.array([0.0, 1.0, *confidences]))
    assert len(edges) < 11
    assert indices.min() >= 0
    assert indices.max() <= len(edges)
