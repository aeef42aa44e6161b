"""A difference is a drift where it is large and unlikely to be chance; without one there is hardly ever an alarm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightline.monitoring import Comparison, DriftLimits, Predictions, compare_windows
from sightline.monitoring.drift import decile_edges, place_in, stability_index, total_variation
from sightline.registry import Registry
from sightline.storage import locate
from sightline.training import BASELINE, Baseline
from tests.captures import predictions

CLASSES = ("bicycle", "motorcycle")
LIMITS = DriftLimits()
WINDOWS = 200


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    """What the vehicles model that comes along said of its test pictures."""
    registry = Registry(locate(tmp_path_factory.mktemp("models")))
    data = registry.read(registry.record("vehicles"), BASELINE)
    assert data
    return Baseline.load(data)


def sample(probabilities: NDArray[np.float64] | NDArray[np.float32], source: str = "a window") -> Predictions:
    return Predictions.of(Baseline(probabilities.astype(np.float32)), source)


def compare(baseline: Predictions, window: Predictions, limits: DriftLimits = LIMITS) -> list[Comparison]:
    counts = np.bincount(window.said, minlength=len(CLASSES)).tolist()
    return compare_windows(baseline, window, counts, CLASSES, limits)


def drifted(found: Sequence[Comparison]) -> set[str]:
    return {each.what for each in found if each.drifted}


@pytest.mark.parametrize("size", [100, 1_000])
def test_windows_without_drift_hardly_ever_alarm(tested: Baseline, size: int) -> None:
    """Baseline and window are both drawn anew from the model's real predictions: at most 1 alarm in 20 windows."""
    random = np.random.default_rng(size)
    alarms = 0
    for _ in range(WINDOWS):
        baseline, window = (
            sample(tested.probabilities[random.integers(0, len(tested.probabilities), count)]) for count in (400, size)
        )
        alarms += bool(drifted(compare(baseline, window)))
    assert alarms <= 0.05 * WINDOWS


def test_windows_drawn_from_the_test_set_itself_never_alarm(tested: Baseline) -> None:
    random, baseline = np.random.default_rng(5), Predictions.of(tested, "the test set")
    for _ in range(WINDOWS):
        window = sample(tested.probabilities[random.integers(0, len(tested.probabilities), 300)])
        assert not drifted(compare(baseline, window))


def test_images_without_drift_hardly_ever_alarm() -> None:
    random = np.random.default_rng(6)
    alarms = 0
    for _ in range(60):
        baseline, window = (_with_embeddings(random, 60, 0.0) for _ in range(2))
        alarms += "embeddings" in drifted(compare(baseline, window))
    assert alarms <= 0.05 * 60


@pytest.mark.parametrize("size", [400, 100_000])
def test_a_shift_of_15_points_in_the_classes_is_found_and_told_in_words(tested: Baseline, size: int) -> None:
    random = np.random.default_rng(7)
    baseline = Predictions.of(tested, "the test set")
    second = float((baseline.said == 1).mean()) + 0.15
    rows = [np.flatnonzero(baseline.said == place) for place in (0, 1)]
    found = 0
    for _ in range(20):
        count = round(size * second)
        chosen = np.concatenate([random.choice(rows[1], count), random.choice(rows[0], size - count)])
        window = sample(tested.probabilities[random.permutation(chosen)[:10_000]])
        result = compare_windows(baseline, window, [size - count, count], CLASSES, LIMITS)
        [classes] = [each for each in result if each.what == "classes"]
        found += classes.drifted
        assert classes.says == "the share of motorcycle rose from 53 % to 68 %"
        assert classes.effects["total variation"] == pytest.approx(0.15, abs=0.005)
    assert found == 20


def test_confidences_that_fall_are_found() -> None:
    random = np.random.default_rng(8)
    baseline, window = (sample(predictions(random, 500, sure=sure)) for sure in (12.0, 3.0))
    [confidence, *_] = compare(baseline, window)
    assert confidence.drifted
    assert "fell from 0.9" in confidence.says


def test_images_of_another_kind_are_found() -> None:
    random = np.random.default_rng(9)
    found = compare(_with_embeddings(random, 120, 0.0), _with_embeddings(random, 120, 1.5))
    assert drifted(found) == {"embeddings"}
    assert "the images look different" in found[-1].says


def test_in_a_large_window_a_small_difference_is_significant_and_yet_no_drift() -> None:
    random = np.random.default_rng(10)
    baseline, window = (sample(predictions(random, 10_000, second=share)) for share in (0.5, 0.54))
    [_, classes, *_] = compare(baseline, window)
    assert classes.p_corrected < 0.001
    assert not classes.drifted


def test_in_a_small_window_a_large_difference_may_be_chance() -> None:
    random = np.random.default_rng(11)
    baseline, window = sample(predictions(random, 60)), sample(predictions(random, 40, second=0.62))
    [_, classes, *_] = compare(baseline, window, DriftLimits(min_events=30))
    assert classes.effects["total variation"] > LIMITS.share
    assert not classes.drifted


@pytest.mark.parametrize(("baseline", "window"), [(49, 1_000), (1_000, 99)])
def test_too_few_predictions_are_not_compared(baseline: int, window: int) -> None:
    random = np.random.default_rng(12)
    assert compare(*(sample(predictions(random, count)) for count in (baseline, window))) == []


def test_a_class_is_looked_at_by_itself_where_it_has_enough_predictions() -> None:
    """One class becomes unsure, which the mean over all of them hides."""
    random = np.random.default_rng(13)
    before = predictions(random, 2_000, second=0.1, sure=12.0)
    unsure = predictions(random, 200, second=1.0, sure=2.0)
    window = np.concatenate([predictions(random, 1_800, second=0.0, sure=12.0), unsure])
    found = compare(sample(before), sample(window))
    assert drifted(found) == {"confidence in motorcycle"}


def test_p_values_are_corrected_for_how_many_there_are() -> None:
    random = np.random.default_rng(14)
    found = compare(*(sample(predictions(random, 1_000)) for _ in range(2)))
    assert len(found) == 4
    least = min(found, key=lambda each: each.p)
    assert least.p_corrected <= 4 * least.p + 1e-12
    assert all(each.p_corrected >= each.p for each in found)


def test_a_model_that_only_ever_says_one_class_has_classes_to_compare() -> None:
    random = np.random.default_rng(15)
    same = compare(*(sample(predictions(random, 300, second=0.0)) for _ in range(2)))
    assert same[1].p == 1.0
    other = compare(sample(predictions(random, 300, second=0.0)), sample(predictions(random, 300, second=1.0)))
    assert other[1].drifted


def test_rounding_by_another_backend_is_no_drift(tested: Baseline) -> None:
    baseline = Predictions.of(tested, "the test set")
    moved = np.clip(tested.probabilities + np.random.default_rng(16).normal(0, 1e-6, tested.probabilities.shape), 0, 1)
    [confidence, *_] = compare(baseline, sample(np.tile(moved, (5, 1))))
    assert confidence.effects["psi"] < 0.01
    assert confidence.effects["ks"] < 0.02


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 1_000), min_size=2, max_size=12).filter(any))
def test_counts_are_as_far_from_themselves_as_nothing_and_further_from_others(counts: list[int]) -> None:
    before = np.array(counts)
    assert stability_index(before, before) == pytest.approx(0)
    assert total_variation(before, 3 * before) == pytest.approx(0)
    assert 0 <= total_variation(before, before[::-1]) <= 1
    assert stability_index(before, before[::-1]) >= 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_every_confidence_is_in_one_of_at_most_ten_ranges(confidences: list[float]) -> None:
    values = np.array(confidences)
    edges = decile_edges(values)
    places = place_in(edges, np.array([0.0, 1.0, *confidences]))
    assert len(edges) < 10
    assert places.min() >= 0
    assert places.max() <= len(edges)


def _with_embeddings(random: np.random.Generator, count: int, shift: float) -> Predictions:
    """Embeddings of 64 numbers that vary along 20 directions, and as far apart as ``shift`` along one of them."""
    vary = random.normal(size=(count, 20)) + shift * np.eye(20)[0]
    embeddings = vary @ np.random.default_rng(0).normal(size=(20, 64)) + random.normal(size=(count, 64))
    window = sample(predictions(np.random.default_rng(0), 150))
    return Predictions(window.source, window.confidence, window.said, None, embeddings.astype(np.float16))
