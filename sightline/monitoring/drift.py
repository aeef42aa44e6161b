"""Whether predictions are other than a baseline's, by how much, and what that is in words.

Of every comparison there is a p-value, corrected for how many there are, and an effect size. Only both together make a
drift: in a large window any difference is significant, and in a small one any difference may be large.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline.monitoring.predictions import Predictions

__all__ = [
    "LEAST_BASELINE",
    "Comparison",
    "DriftLimits",
    "compare_windows",
    "decile_edges",
    "place_in",
    "stability_index",
    "total_variation",
]

_BINS = 10
_PER_BIN = 10  # predictions of the baseline that a bin needs
LEAST_BASELINE = 50
"""Predictions that a baseline needs to be one."""

_EXPECTED = 5.0  # of a class; rarer ones are taken together (W. G. Cochran, Some Methods for Strengthening χ², 1954)
_DECIMALS = 4  # of confidences: single precision, backends and files differ in the rest
_COMPONENTS = 32  # of the embeddings

Confidences = NDArray[np.float64]


@dataclass(frozen=True)
class DriftLimits:
    """From where on a difference is a drift.

    ``alpha``: of the corrected p-values. ``min_events``: of a window. ``psi``: population stability index of the
    confidence. ``share``: total variation distance of the classes. ``auc``: of a classifier that tells the embeddings
    apart.
    """

    alpha: float = 0.05
    min_events: int = 100
    psi: float = 0.2
    share: float = 0.1
    auc: float = 0.65


class Comparison(BaseModel):
    """One thing that was compared with the baseline.

    ``effects``: sizes by their names; ``judged_by`` is the one that is held against ``limit``. ``says``: the
    difference, as a sentence without its beginning capital.
    """

    model_config = ConfigDict(frozen=True)

    what: str
    test: Literal["Kolmogorov-Smirnov", "chi-square", "Mann-Whitney on a classifier"]
    baseline_size: int
    size: int
    p: float
    p_corrected: float
    effects: dict[str, float]
    judged_by: str
    limit: float
    drifted: bool
    says: str


@dataclass(frozen=True)
class _Found:
    what: str
    test: str
    sizes: tuple[int, int]
    p: float
    effects: dict[str, float]
    judged_by: str
    limit: float
    says: str


def compare_windows(
    baseline: Predictions,
    window: Predictions,
    class_counts: Sequence[int],
    classes: Sequence[str],
    limits: DriftLimits,
) -> list[Comparison]:
    """Compare a window of predictions with the baseline, as far as both are large enough.

    ``window`` holds a sample of the window's predictions and embeddings; ``class_counts`` counts all of them. The
    comparisons are of the confidence, also within each class, of the classes, and of the embeddings where both have
    some; their p-values are corrected after Y. Benjamini and Y. Hochberg (1995), which where nothing has drifted keeps
    the probability of any false alarm below ``alpha``.
    """
    from scipy.stats import false_discovery_control

    if sum(class_counts) < limits.min_events or len(baseline) < LEAST_BASELINE:
        return []
    found = [
        _confidence("confidence", baseline.confidence, window.confidence, limits),
        _classes(np.bincount(baseline.said, minlength=len(classes)), np.asarray(class_counts), classes, limits),
        *_within_classes(baseline, window, classes, limits),
    ]
    if baseline.embeddings is not None and window.embeddings is not None:
        found += _embeddings(baseline.embeddings, window.embeddings, limits)
    corrected = false_discovery_control([each.p for each in found], method="bh")
    return [_compared(each, min(float(p), 1.0), limits.alpha) for each, p in zip(found, corrected, strict=True)]


def decile_edges(confidence: Confidences) -> Confidences:
    """The edges between ranges of confidence that hold equally many of the baseline's predictions, ten at most."""
    bins = max(2, min(_BINS, len(confidence) // _PER_BIN))
    inner = np.quantile(np.round(confidence, _DECIMALS), np.linspace(0, 1, bins + 1)[1:-1])
    return np.asarray(np.unique(inner), np.float64)


def place_in(edges: Confidences, confidence: Confidences) -> NDArray[np.int64]:
    """Which of the ranges between the edges each confidence is in."""
    return np.searchsorted(edges, np.round(confidence, _DECIMALS), side="left")


def stability_index(before: NDArray[Any], after: NDArray[Any]) -> float:
    """The population stability index, Σ (q - p) ln(q / p), of counts in the same bins; below 0.1 is called stable.

    Half an observation is added to each bin, so that an empty one has a logarithm. S. Kullback and R. Leibler's
    symmetric divergence (1951).
    """
    p, q = ((counts + 0.5) / (counts + 0.5).sum() for counts in (before.astype(float), after.astype(float)))
    return float(((q - p) * np.log(q / p)).sum())


def total_variation(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Half the sum of the shares' differences: the share of the predictions that would have to change class."""
    return float(np.abs(before / before.sum() - after / after.sum()).sum() / 2)


def _compared(found: _Found, p_corrected: float, alpha: float) -> Comparison:
    return Comparison(
        what=found.what,
        test=found.test,
        baseline_size=found.sizes[0],
        size=found.sizes[1],
        p=found.p,
        p_corrected=p_corrected,
        effects=found.effects,
        judged_by=found.judged_by,
        limit=found.limit,
        drifted=p_corrected < alpha and found.effects[found.judged_by] >= found.limit,
        says=found.says,
    )


def _confidence(what: str, before: Confidences, after: Confidences, limits: DriftLimits) -> _Found:
    from scipy.stats import ks_2samp

    rounded = [np.round(each, _DECIMALS) for each in (before, after)]
    tested = ks_2samp(*rounded, method="asymp")
    edges = decile_edges(before)
    counts = [np.bincount(place_in(edges, each), minlength=len(edges) + 1) for each in (before, after)]
    effects = {"psi": stability_index(*counts), "ks": float(tested.statistic)}
    return _Found(
        what, "Kolmogorov-Smirnov", (len(before), len(after)), float(tested.pvalue), effects, "psi", limits.psi,
        _confidence_in_words(what, float(before.mean()), float(after.mean()), spread=effects["psi"] >= limits.psi),
    )  # fmt: skip


def _within_classes(
    baseline: Predictions, window: Predictions, classes: Sequence[str], limits: DriftLimits
) -> Iterator[_Found]:
    for place, name in enumerate(classes):
        before, after = (each.confidence[each.said == place] for each in (baseline, window))
        if min(len(before), len(after)) >= limits.min_events:
            yield _confidence(f"confidence in {name}", before, after, limits)


def _classes(
    before: NDArray[np.int64], after: NDArray[np.int64], classes: Sequence[str], limits: DriftLimits
) -> _Found:
    from scipy.stats import chi2_contingency
    from scipy.stats.contingency import association

    table = _enough(np.stack([before, after]))
    several = table.shape[1] > 1  # else every prediction is of one class, before and after
    effects = {
        "total variation": total_variation(before, after),
        "cramer v": float(association(table, method="cramer")) if several else 0.0,
    }
    p = float(chi2_contingency(table, correction=False).pvalue) if several else 1.0
    return _Found(
        "classes", "chi-square", (int(before.sum()), int(after.sum())), p, effects, "total variation", limits.share,
        _shares_in_words(before / before.sum(), after / after.sum(), classes),
    )  # fmt: skip


def _enough(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """The classes' counts, rows before and after, with those of which too few are expected taken together."""
    expected = table.sum(axis=1).min() * table.sum(axis=0) / table.sum()
    rare = expected < _EXPECTED
    pooled = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)]) if rare.any() else table
    kept: NDArray[np.int64] = pooled[:, pooled.sum(axis=0) > 0]
    return kept


def _embeddings(before: NDArray[np.float16], after: NDArray[np.float16], limits: DriftLimits) -> Iterator[_Found]:
    """Half of both train a classifier to tell them apart, the other halves show whether it can.

    D. Lopez-Paz and M. Oquab, Revisiting Classifier Two-Sample Tests (2017), with the ranks of its scores.
    """
    from scipy.stats import mannwhitneyu
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if min(len(before), len(after)) < LEAST_BASELINE or before.shape[1] != after.shape[1]:
        return
    random = np.random.default_rng(0)
    parts = [each[random.permutation(len(each))].astype(np.float64) for each in (before, after)]
    (before_fit, before_kept), (after_fit, after_kept) = (np.array_split(each, 2) for each in parts)
    fitted = np.concatenate([before_fit, after_fit])
    components = min(_COMPONENTS, fitted.shape[1], len(fitted) // 4)
    classifier = make_pipeline(
        StandardScaler(),
        PCA(components, svd_solver="full"),
        StandardScaler(),
        LogisticRegression(C=0.1, class_weight="balanced"),
    )
    classifier.fit(fitted, np.repeat([0, 1], [len(before_fit), len(after_fit)]))
    scores = [classifier.decision_function(each) for each in (after_kept, before_kept)]
    tested = mannwhitneyu(*scores, alternative="greater")
    auc = float(tested.statistic) / (len(after_kept) * len(before_kept))
    yield _Found(
        "embeddings", "Mann-Whitney on a classifier", (len(before), len(after)), float(tested.pvalue), {"auc": auc},
        "auc", limits.auc,
        f"the images look different: a classifier tells {100 * auc:.0f} % of the pairs apart, where chance tells 50 %",
    )  # fmt: skip


def _confidence_in_words(what: str, before: float, after: float, *, spread: bool) -> str:
    if abs(before - after) < 0.005:  # else a rounding would look like a change
        return f"the {what} is {after:.2f} on average as before" + (", but spread otherwise" if spread else "")
    return f"the {what} {'rose' if after > before else 'fell'} from {before:.2f} to {after:.2f} on average"


def _shares_in_words(before: NDArray[np.float64], after: NDArray[np.float64], classes: Sequence[str]) -> str:
    changes = after - before
    most = int((np.abs(changes) + 1e-9 * (changes > 0)).argmax())  # of two classes the one that rose
    first, last = _percent(before[most]), _percent(after[most])
    if first == last:
        return "the shares of the classes are as before"
    return f"the share of {classes[most]} {'rose' if changes[most] > 0 else 'fell'} from {first} to {last}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.01 else f"{100 * share:.1f} %"
