"""How accurate a model is likely to be, told from its calibrated confidences, without labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline.monitoring.predictions import Predictions

__all__ = ["Estimate", "RiskPoint", "expected_accuracy", "risk_against_coverage"]

_SPREAD = 1.959963984540054  # standard deviations of the normal distribution to either side of 95 % of it


class Estimate(BaseModel):
    """A share with its interval of 95 %."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float


class RiskPoint(BaseModel):
    """What a threshold comes to: the share accepted, and the share of those that is wrong.

    ``expected_risk``: of the window, from its confidences; ``tested_risk``: of the baseline, where its labels are
    known. None where nothing is accepted.
    """

    model_config = ConfigDict(frozen=True)

    threshold: float
    coverage: float
    expected_risk: float | None
    tested_coverage: float | None
    tested_risk: float | None


def expected_accuracy(count: int, confidence: float, variance: float, baseline: Predictions | None) -> Estimate:
    """The accuracy of ``count`` predictions: their mean confidence.

    ``confidence`` is the sum of the confidences c, ``variance`` that of c (1 - c). This is NannyML's confidence-based
    performance estimation. It holds as long as the model is calibrated for what it is shown: inputs of another mixture
    leave it so, inputs of another kind do not. The interval has two parts: whether each prediction is right is chance,
    and how well the model is calibrated is known from the baseline's predictions only, as many as there are.
    """
    spread = variance / count**2
    if baseline is not None:
        known = baseline.confidence
        spread += float((known * (1 - known)).sum()) / len(known) ** 2
    value, half = confidence / count, _SPREAD * spread**0.5
    return Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, 1.0))


def risk_against_coverage(
    counts: NDArray[np.int64],
    sums: NDArray[np.float64],
    threshold: float,
    baseline: Predictions | None,
    steps: Sequence[float] = tuple(np.linspace(0, 1, 41).tolist()),
) -> tuple[RiskPoint, ...]:
    """The risk at each of the ``steps`` and at the ``threshold``, from histograms of the confidence over 0 to 1.

    ``counts`` and ``sums``: of the confidences in equal ranges; a step counts from the beginning of its range.
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
    if baseline is None or baseline.right is None:
        return {"tested_coverage": None, "tested_risk": None}
    accepted = baseline.confidence >= threshold
    right = baseline.right[accepted]
    return {"tested_coverage": float(accepted.mean()), "tested_risk": 1 - float(right.mean()) if len(right) else None}
