"""The expected accuracy of a model, estimated from its calibrated confidences without labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline.monitoring.predictions import Predictions
from sightline.statistics import Z_95

__all__ = ["Estimate", "RiskPoint", "expected_accuracy", "risk_against_coverage"]


class Estimate(BaseModel):
    """A share with its 95 % interval."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float


class RiskPoint(BaseModel):
    """The effect of a threshold: the share of predictions it accepts, and the share of wrong ones among them.

    ``expected_risk``: of the window, estimated from its confidences. ``tested_coverage`` and ``tested_risk``: of the
    baseline, None if its labels are not known. The risks are None if nothing is accepted.
    """

    model_config = ConfigDict(frozen=True)

    threshold: float
    coverage: float
    expected_risk: float | None
    tested_coverage: float | None
    tested_risk: float | None


def expected_accuracy(count: int, confidence: float, variance: float, baseline: Predictions | None) -> Estimate:
    """Estimate the accuracy of ``count`` predictions as their mean confidence.

    ``confidence`` is the sum of the confidences c, ``variance`` the sum of c (1 - c). This is NannyML's
    confidence-based performance estimation. It holds while the model is calibrated for its inputs: another mixture of
    the same inputs keeps it calibrated, another kind of input does not. The interval has two parts: chance decides
    whether each prediction is correct, and the calibration is known only from the predictions of the baseline.
    """
    spread = variance / count**2
    if baseline is not None:
        tested = baseline.confidence
        spread += float((tested * (1 - tested)).sum()) / len(tested) ** 2
    value, half = confidence / count, Z_95 * spread**0.5
    return Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, 1.0))


def risk_against_coverage(
    counts: NDArray[np.int64],
    sums: NDArray[np.float64],
    threshold: float,
    baseline: Predictions | None,
    steps: Sequence[float] = tuple(np.linspace(0, 1, 41).tolist()),
) -> tuple[RiskPoint, ...]:
    """Return the risk at each of the ``steps`` and at the ``threshold``.

    ``counts`` and ``sums`` are histograms of the confidence in equal ranges from 0 to 1; a step is rounded to the
    beginning of a range.
    """
    bins = len(counts)
    points = []
    for step in sorted({*steps, threshold}):
        first = min(round(step * bins), bins)
        accepted = int(counts[first:].sum())
        points.append(
            RiskPoint(
                threshold=step,
                coverage=accepted / max(int(counts.sum()), 1),
                expected_risk=1 - float(sums[first:].sum()) / accepted if accepted else None,
                **_tested(baseline, step),
            )
        )
    return tuple(points)


def _tested(baseline: Predictions | None, threshold: float) -> dict[str, float | None]:
    if baseline is None or baseline.correct is None:
        return {"tested_coverage": None, "tested_risk": None}
    accepted = baseline.confidence >= threshold
    correct = baseline.correct[accepted]
    return {
        "tested_coverage": float(accepted.mean()),
        "tested_risk": 1 - float(correct.mean()) if len(correct) else None,
    }
