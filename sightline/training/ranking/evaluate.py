"""The stage "evaluate": the metrics of a head on the evaluation split."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sightline.statistics import wilson_interval
from sightline.training.ranking.dataset import LABELS
from sightline.training.ranking.featurize import Features
from sightline.training.ranking.head import read_history, scores_of
from sightline.training.ranking.plots import draw_plots

__all__ = ["METRICS", "SCORES", "RankingMetrics", "auc", "evaluate_head", "measure"]

METRICS, SCORES = "metrics.json", "scores.csv"
THRESHOLD = 0.5
_DRAWS = 1000

Interval = tuple[float, float]
Scores = NDArray[np.float64]
Labels = NDArray[np.int64]


class RankingMetrics(BaseModel):
    """Metrics on the evaluation split at a threshold of 0.5, with 95 % intervals; good is the positive class.

    The intervals of accuracy, precision and recall are Wilson's, which assume independent images: with several people
    per photo they are too narrow. Those of F1 and ROC-AUC are percentiles of a bootstrap over source photos. A metric
    and its interval are None if there is nothing to compute them from.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    images: int = Field(alias="pictures")
    photos: int
    good: int
    accuracy: float
    accuracy_interval: Interval
    precision: float | None
    precision_interval: Interval | None
    recall: float | None
    recall_interval: Interval | None
    f1: float
    f1_interval: Interval | None
    roc_auc: float
    roc_auc_interval: Interval | None
    confusion_matrix: tuple[tuple[int, int], tuple[int, int]]


def evaluate_head(features: Features, head: Path, folder: Path, *, seed: int) -> None:
    """Write :data:`METRICS`, :data:`SCORES` and the plots of the head in ``head`` on the evaluation split."""
    scores = scores_of(head, features.embeddings)
    metrics = measure(scores, features.labels, features.groups, seed=seed)
    text = json.dumps(metrics.model_dump(mode="json"), indent=2, allow_nan=False)
    (folder / METRICS).write_text(text + "\n", encoding="utf-8")
    table = io.StringIO(newline="")
    rows = zip(features.paths, features.groups, features.labels.tolist(), scores.tolist(), strict=True)
    csv.writer(table, lineterminator="\n").writerows(
        [
            ("image_path", "group", "label", "score"),
            *((path, group, LABELS[n], score) for path, group, n, score in rows),
        ]
    )
    (folder / SCORES).write_bytes(table.getvalue().encode())
    draw_plots(folder, scores=scores, labels=features.labels, history=read_history(head), threshold=THRESHOLD)


def measure(
    scores: Scores, labels: Labels, groups: tuple[str, ...], *, seed: int, draws: int = _DRAWS
) -> RankingMetrics:
    """Return the metrics of scores, shape = (n,), against labels, 0 or 1; ``groups`` are the source photos.

    ``draws``: the bootstrap samples, drawn with ``seed``.
    """
    predicted = scores >= THRESHOLD
    good = labels == 1
    correct, true_positives = int((predicted == good).sum()), int((predicted & good).sum())
    f1_interval, auc_interval = _bootstrap(scores, labels, groups, seed, draws)
    return RankingMetrics(
        images=len(labels),
        photos=len(set(groups)),
        good=int(good.sum()),
        accuracy=correct / len(labels),
        accuracy_interval=wilson_interval(correct / len(labels), len(labels)),
        precision=_ratio(true_positives, int(predicted.sum())),
        precision_interval=_interval(true_positives, int(predicted.sum())),
        recall=_ratio(true_positives, int(good.sum())),
        recall_interval=_interval(true_positives, int(good.sum())),
        f1=_f1(predicted, good),
        f1_interval=f1_interval,
        roc_auc=auc(scores, labels),
        roc_auc_interval=auc_interval,
        confusion_matrix=(
            (int((~predicted & ~good).sum()), int((predicted & ~good).sum())),
            (int((~predicted & good).sum()), true_positives),
        ),
    )


def auc(scores: Scores, labels: Labels) -> float:
    """Return the area under the ROC curve: the share of pairs in which good scores higher than bad; ties count half.

    J. Hanley and B. McNeil, The Meaning and Use of the Area under a ROC Curve (1982). NaN if a label is missing.
    """
    from scipy.stats import rankdata

    good = labels == 1
    pairs = int(good.sum()) * int((~good).sum())
    if not pairs:
        return float("nan")
    above = rankdata(scores)[good].sum() - good.sum() * (good.sum() + 1) / 2
    return float(above / pairs)


def _f1(predicted: NDArray[np.bool_], good: NDArray[np.bool_]) -> float:
    both = int(predicted.sum() + good.sum())
    return 2 * int((predicted & good).sum()) / both if both else 0.0


def _ratio(count: int, total: int) -> float | None:
    return count / total if total else None


def _interval(count: int, total: int) -> Interval | None:
    return wilson_interval(count / total, total) if total else None


def _bootstrap(
    scores: Scores, labels: Labels, groups: tuple[str, ...], seed: int, draws: int
) -> tuple[Interval | None, Interval | None]:
    """Return the intervals of F1 and ROC-AUC, resampling source photos with replacement.

    B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. Samples without one of the labels
    are skipped: neither metric is defined on them.
    """
    rng = np.random.default_rng(seed)
    numbers = np.unique(groups, return_inverse=True)[1]
    members = [np.flatnonzero(numbers == number) for number in range(numbers.max() + 1)]
    samples = []
    for _ in range(draws):
        drawn = np.concatenate([members[number] for number in rng.integers(0, len(members), len(members))])
        if 0 < labels[drawn].sum() < len(drawn):
            samples.append((_f1(scores[drawn] >= THRESHOLD, labels[drawn] == 1), auc(scores[drawn], labels[drawn])))
    if not samples:
        return None, None
    (f1_low, auc_low), (f1_high, auc_high) = np.quantile(samples, (0.025, 0.975), axis=0).tolist()
    return (f1_low, f1_high), (auc_low, auc_high)
