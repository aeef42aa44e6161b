"""Drift: whether predictions differ from a baseline, by how much, and the difference in words.

Every comparison has an effect size, and a p-value corrected for the number of comparisons. Only both together are
drift: in a large window any difference is significant, and in a small one any difference may be large.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sightline.monitoring.predictions import Predictions, Unfamiliar

__all__ = [
    "MIN_BASELINE_SIZE",
    "DriftComparison",
    "DriftLimits",
    "compare_windows",
    "decile_edges",
    "range_indices",
    "stability_index",
    "total_variation",
]

_BINS = 10
_PER_BIN = 10  # predictions of the baseline that a bin needs
MIN_BASELINE_SIZE = 50
"""The number of predictions, or of embeddings, that a comparison needs in the baseline."""

_MIN_EXPECTED = 5.0  # of a class; rarer ones are pooled (W. G. Cochran, Some Methods for Strengthening χ², 1954)
_DECIMALS = 4  # of confidences: single precision, backends and files differ beyond them
_COMPONENTS = 32  # of the embeddings
_MIN_SHIFT = 0.005
"""The mean difference between the confidences of equal rank that matters. A smaller one is of backends and precisions,
and invisible in two decimals. (The distance of L. N. Wasserstein, which is in units of the confidence.)"""

Confidences: TypeAlias = NDArray[np.float64]
TestName: TypeAlias = Literal["Kolmogorov-Smirnov", "chi-square", "Mann-Whitney on a classifier", "Fisher exact"]


@dataclass(frozen=True)
class DriftLimits:
    """The limits of drift. A difference that reaches its limit, with a corrected p-value below ``alpha``, is drift.

    ``min_events``: the number of predictions that a window needs. ``psi``: population stability index of the
    confidence, which also sets the limit of its Kolmogorov-Smirnov distance. ``share``: total variation distance of the
    classes. ``auc``: of a classifier that distinguishes the embeddings. ``unfamiliar``: the rise of the share of images
    of an unknown kind.
    """

    alpha: float = 0.05
    min_events: int = 100
    psi: float = 0.2
    share: float = 0.1
    auc: float = 0.65
    unfamiliar: float = 0.02


class DriftComparison(BaseModel):
    """The comparison of one quantity with the baseline.

    ``effects``: effect sizes by name; the one named ``judged_by`` is compared with ``limit``. ``summary``: the
    difference, as a sentence without a capital and a period.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    quantity: str = Field(alias="what")
    test: TestName
    baseline_size: int
    size: int
    p: float
    p_corrected: float
    effects: dict[str, float]
    judged_by: str
    limit: float
    drifted: bool
    summary: str = Field(alias="says")


@dataclass(frozen=True)
class _Difference:
    """A comparison whose p-value is not corrected yet."""

    quantity: str
    test: TestName
    sizes: tuple[int, int]
    p: float
    effects: dict[str, float]
    judged_by: str
    limit: float
    summary: str


def compare_windows(
    baseline: Predictions,
    window: Predictions,
    class_counts: Sequence[int],
    classes: Sequence[str],
    limits: DriftLimits,
) -> list[DriftComparison]:
    """Compare a window of predictions with the baseline. Returns nothing if one of them is too small.

    ``window`` holds a sample of the window's predictions and embeddings; ``class_counts`` counts all of them. The
    comparisons cover the confidence, also within each class, the classes, the share of images of an unknown kind if
    both measured it, and the embeddings if both have some. The p-values are corrected after Y. Benjamini and
    Y. Hochberg (1995): without drift, the probability of any false alarm is at most ``alpha``.
    """
    from scipy.stats import false_discovery_control

    if sum(class_counts) < limits.min_events or len(baseline) < MIN_BASELINE_SIZE:
        return []
    differences = [
        _confidence("confidence", baseline.confidence, window.confidence, limits),
        _classes(np.bincount(baseline.predicted, minlength=len(classes)), np.asarray(class_counts), classes, limits),
        *_within_classes(baseline, window, classes, limits),
    ]
    if baseline.unfamiliar and window.unfamiliar:
        differences.append(_familiarity(baseline.unfamiliar, window.unfamiliar, limits))
    if baseline.embeddings is not None and window.embeddings is not None:
        differences += _embeddings(baseline.embeddings, window.embeddings, limits)
    corrected = false_discovery_control([difference.p for difference in differences], method="bh")
    return [
        _comparison(difference, min(float(p), 1.0), limits.alpha)
        for difference, p in zip(differences, corrected, strict=True)
    ]


def decile_edges(confidence: Confidences) -> Confidences:
    """Return the edges between at most eleven ranges of confidence that hold equally many of the predictions.

    A value that many predictions share, such as a saturated 1, has a range to itself: it holds more predictions than
    the others, but the ranges below and above it stay distinguishable.
    """
    bins = max(2, min(_BINS, len(confidence) // _PER_BIN))
    rounded = np.round(confidence, _DECIMALS)
    inner, counts = np.unique(np.quantile(rounded, np.linspace(0, 1, bins + 1)[1:-1]), return_counts=True)
    shared = inner[(counts > 1) | (inner == rounded.max())]
    return np.asarray(np.union1d(inner, shared - 10.0**-_DECIMALS / 2), np.float64)


def range_indices(edges: Confidences, confidence: Confidences) -> NDArray[np.int64]:
    """Return the index of the range between the edges that holds each confidence."""
    return np.searchsorted(edges, np.round(confidence, _DECIMALS), side="left")


def stability_index(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Return the population stability index, Σ (q - p) ln(q / p), of counts in the same bins.

    Values below 0.1 count as stable. Half an observation is added to each bin, so that an empty one has a logarithm.
    This is the symmetric divergence of S. Kullback and R. Leibler (1951).
    """
    p, q = ((counts + 0.5) / (counts + 0.5).sum() for counts in (before.astype(float), after.astype(float)))
    return float(((q - p) * np.log(q / p)).sum())


def total_variation(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Return half the sum of the shares' differences: the share of predictions that would have to change class."""
    return float(np.abs(before / before.sum() - after / after.sum()).sum() / 2)


def _comparison(difference: _Difference, p_corrected: float, alpha: float) -> DriftComparison:
    return DriftComparison(
        quantity=difference.quantity,
        test=difference.test,
        baseline_size=difference.sizes[0],
        size=difference.sizes[1],
        p=difference.p,
        p_corrected=p_corrected,
        effects=difference.effects,
        judged_by=difference.judged_by,
        limit=difference.limit,
        drifted=p_corrected < alpha and difference.effects[difference.judged_by] >= difference.limit,
        summary=difference.summary,
    )


def _confidence(quantity: str, before: Confidences, after: Confidences, limits: DriftLimits) -> _Difference:
    from scipy.stats import ks_2samp, wasserstein_distance

    rounded = [np.round(confidence, _DECIMALS) for confidence in (before, after)]
    tested = ks_2samp(*rounded, method="asymp")
    edges = decile_edges(before)
    counts = [np.bincount(range_indices(edges, confidence), minlength=len(edges) + 1) for confidence in (before, after)]
    effects = {
        "psi": stability_index(*counts),
        "ks": float(tested.statistic),
        "shift": float(wasserstein_distance(*rounded)),
    }
    judged_by, limit = _judged_by(effects, limits)
    effects = {judged_by: effects[judged_by], **effects}  # the first one is compared with the limit
    return _Difference(
        quantity, "Kolmogorov-Smirnov", (len(before), len(after)), float(tested.pvalue), effects, judged_by, limit,
        _confidence_summary(
            quantity, float(before.mean()), float(after.mean()), spread=effects[judged_by] >= limit
        ),
    )  # fmt: skip


def _judged_by(effects: dict[str, float], limits: DriftLimits) -> tuple[str, float]:
    """Return the name of the effect that decides whether the confidence has drifted, and its limit.

    PSI depends on the ranges, KS does not. Their limits agree: by Pinsker's inequality, the PSI of any ranges that are
    fine enough is at least 4 KS². A difference below the smallest shift does not matter, however regular it is.
    """
    ks_limit = limits.psi**0.5 / 2
    if effects["psi"] < limits.psi and effects["ks"] < ks_limit:
        return "psi", limits.psi
    if effects["shift"] < _MIN_SHIFT:
        return "shift", _MIN_SHIFT
    return ("psi", limits.psi) if effects["psi"] >= limits.psi else ("ks", ks_limit)


def _within_classes(
    baseline: Predictions, window: Predictions, classes: Sequence[str], limits: DriftLimits
) -> Iterator[_Difference]:
    for index, name in enumerate(classes):
        before, after = (side.confidence[side.predicted == index] for side in (baseline, window))
        if min(len(before), len(after)) >= limits.min_events:
            yield _confidence(f"confidence in {name}", before, after, limits)


def _classes(
    before: NDArray[np.int64], after: NDArray[np.int64], classes: Sequence[str], limits: DriftLimits
) -> _Difference:
    from scipy.stats import chi2_contingency
    from scipy.stats.contingency import association

    table = _pool_rare(np.stack([before, after]))
    several = table.shape[1] > 1  # otherwise every prediction is of one class, before and after
    effects = {
        "total variation": total_variation(before, after),
        "cramer v": float(association(table, method="cramer")) if several else 0.0,
    }
    p = float(chi2_contingency(table, correction=False).pvalue) if several else 1.0
    return _Difference(
        "classes", "chi-square", (int(before.sum()), int(after.sum())), p, effects, "total variation", limits.share,
        _shares_summary(before / before.sum(), after / after.sum(), classes),
    )  # fmt: skip


def _familiarity(before: Unfamiliar, after: Unfamiliar, limits: DriftLimits) -> _Difference:
    """Test whether the share of images of an unknown kind has risen: R. A. Fisher's exact test, one-sided.

    A share below that of the baseline is no drift: the images are of the kind that the model knows.
    """
    from scipy.stats import fisher_exact

    table = [[side.unfamiliar, side.checked - side.unfamiliar] for side in (after, before)]
    p = float(fisher_exact(table, alternative="greater").pvalue)
    return _Difference(
        "familiarity", "Fisher exact", (before.checked, after.checked), p, {"rise": after.share - before.share}, "rise",
        limits.unfamiliar,
        f"the share of images of an unknown kind {_change(before.share, after.share)}",
    )  # fmt: skip


def _pool_rare(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the classes' counts, with rows before and after, and with the rare classes pooled into one."""
    expected = table.sum(axis=1).min() * table.sum(axis=0) / table.sum()
    rare = expected < _MIN_EXPECTED
    pooled = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)]) if rare.any() else table
    nonempty: NDArray[np.int64] = pooled[:, pooled.sum(axis=0) > 0]
    return nonempty


def _embeddings(before: NDArray[np.float16], after: NDArray[np.float16], limits: DriftLimits) -> Iterator[_Difference]:
    """Train a classifier on one half of both samples to distinguish them, and test it on the other half.

    D. Lopez-Paz and M. Oquab, Revisiting Classifier Two-Sample Tests (2017), with the ranks of its scores.
    """
    from scipy.stats import mannwhitneyu
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if min(len(before), len(after)) < MIN_BASELINE_SIZE or before.shape[1] != after.shape[1]:
        return
    random = np.random.default_rng(0)
    shuffled = [side[random.permutation(len(side))].astype(np.float64) for side in (before, after)]
    (before_train, before_test), (after_train, after_test) = (np.array_split(side, 2) for side in shuffled)
    train = np.concatenate([before_train, after_train])
    components = min(_COMPONENTS, train.shape[1], len(train) // 4)
    classifier = make_pipeline(
        StandardScaler(),
        PCA(components, svd_solver="full"),
        StandardScaler(),
        LogisticRegression(C=0.1, class_weight="balanced"),
    )
    classifier.fit(train, np.repeat([0, 1], [len(before_train), len(after_train)]))
    scores = [classifier.decision_function(side) for side in (after_test, before_test)]
    tested = mannwhitneyu(*scores, alternative="greater")
    auc = float(tested.statistic) / (len(after_test) * len(before_test))
    yield _Difference(
        "embeddings", "Mann-Whitney on a classifier", (len(before), len(after)), float(tested.pvalue), {"auc": auc},
        "auc", limits.auc,
        f"the images look different: a classifier distinguishes {100 * auc:.0f} % of the pairs, 50 % by chance",
    )  # fmt: skip


def _confidence_summary(quantity: str, before: float, after: float, *, spread: bool) -> str:
    if abs(before - after) < 0.005:  # otherwise rounding would look like a change
        distribution = ", with a different distribution" if spread else ""
        return f"the mean {quantity} is unchanged at {after:.2f}{distribution}"
    return f"the mean {quantity} {'rose' if after > before else 'fell'} from {before:.2f} to {after:.2f}"


def _shares_summary(before: NDArray[np.float64], after: NDArray[np.float64], classes: Sequence[str]) -> str:
    changes = after - before
    most = int((np.abs(changes) + 1e-9 * (changes > 0)).argmax())  # of two classes the one that rose
    if _percent(before[most]) == _percent(after[most]):
        return "the shares of the classes are unchanged"
    return f"the share of {classes[most]} {_change(before[most], after[most])}"


def _change(before: float, after: float) -> str:
    first, last = _percent(before), _percent(after)
    return (
        f"is unchanged at {last}" if first == last else f"{'rose' if after > before else 'fell'} from {first} to {last}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.01 else f"{100 * share:.1f} %"
