"""Every metric follows its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from sightline.statistics import wilson_interval
from sightline.training.common import evaluate, selective

CLASSES = ("left", "right", "prone")
PREDICTED = np.array([[0.95, 0.03, 0.02], [0.5, 0.4, 0.1], [0.2, 0.8, 0.0], [0.96, 0.04, 0.0]])
LABELS = np.array([0, 0, 1, 1])


def test_metrics_of_worked_example() -> None:
    evaluation = evaluate(PREDICTED, LABELS, CLASSES, 0.93)
    assert (evaluation.images, evaluation.accuracy) == (4, 0.75)
    assert evaluation.confusion_matrix == ((2, 0, 0), (1, 1, 0), (0, 0, 0))
    assert evaluation.per_class["left"].precision == pytest.approx(2 / 3)
    assert evaluation.per_class["left"].recall == 1
    assert evaluation.per_class["prone"].support == 0
    assert evaluation.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2), (
        "classes without labels and predictions do not count"
    )
    assert (evaluation.share_accepted, evaluation.accuracy_accepted) == (0.5, 0.5)
    low, high = evaluation.accuracy_interval
    assert low < 0.75 < high


@given(right=st.integers(0, 200), wrong=st.integers(0, 200))
def test_interval_equals_scipys_wilson_interval(right: int, wrong: int) -> None:
    count = max(right + wrong, 1)
    right = min(right, count)
    interval = binomtest(right, count).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right / count, count) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_accuracy_is_none_if_threshold_accepts_nothing() -> None:
    assert selective(PREDICTED, LABELS, 0.99) == (0.0, None)
    assert evaluate(PREDICTED, LABELS, CLASSES, 0.99).model_dump_json(), "serialisable as a part of a record"


def test_confidence_equal_to_the_threshold_is_accepted() -> None:
    assert selective(PREDICTED, LABELS, 0.96).share_accepted == 0.25
