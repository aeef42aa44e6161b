"""The stage "evaluate": how good a head is on photos that nothing was learnt from."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline.training.evaluation import wilson
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
    """Figures on the evaluation part, good being the positive class, at a threshold of 0.5; intervals are of 95 %.

    Those of accuracy, precision and recall are Wilson's, for pictures that are independent: of several to a photo they
    are too narrow. Those of F1 and ROC-AUC are percentiles of a bootstrap that draws source photos. An interval is
    None, and so is a share of nothing, where there is nothing to tell it from.
    """

    model_config = ConfigDict(frozen=True)

    pictures: int
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
    """Write :data:`METRICS`, :data:`SCORES` and the plots of the head in ``head`` on the evaluation part."""
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
    """The figures of scores, shape = (n,), against labels, 0 or 1; ``groups``: the source photo of each.

    ``draws``: those of the bootstrap, by ``seed``.
    """
    said = scores >= THRESHOLD
    good = labels == 1
    right, found = int((said == good).sum()), int((said & good).sum())
    f1_interval, auc_interval = _bootstrapped(scores, labels, groups, seed, draws)
    return RankingMetrics(
        pictures=len(labels),
        photos=len(set(groups)),
        good=int(good.sum()),
        accuracy=right / len(labels),
        accuracy_interval=wilson(right / len(labels), len(labels)),
        precision=_share(found, int(said.sum())),
        precision_interval=_interval(found, int(said.sum())),
        recall=_share(found, int(good.sum())),
        recall_interval=_interval(found, int(good.sum())),
        f1=_f1(said, good),
        f1_interval=f1_interval,
        roc_auc=auc(scores, labels),
        roc_auc_interval=auc_interval,
        confusion_matrix=(
            (int((~said & ~good).sum()), int((said & ~good).sum())),
            (int((~said & good).sum()), found),
        ),
    )


def auc(scores: Scores, labels: Labels) -> float:
    """The area under the ROC curve: how often a good picture scores higher than a bad one, a tie being half of it.

    J. Hanley and B. McNeil, The Meaning and Use of the Area under a ROC Curve (1982). NaN where a label is missing.
    """
    from scipy.stats import rankdata

    good = labels == 1
    pairs = int(good.sum()) * int((~good).sum())
    if not pairs:
        return float("nan")
    above = rankdata(scores)[good].sum() - good.sum() * (good.sum() + 1) / 2
    return float(above / pairs)


def _f1(said: NDArray[np.bool_], good: NDArray[np.bool_]) -> float:
    both = int(said.sum() + good.sum())
    return 2 * int((said & good).sum()) / both if both else 0.0


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _interval(part: int, whole: int) -> Interval | None:
    return wilson(part / whole, whole) if whole else None


def _bootstrapped(
    scores: Scores, labels: Labels, groups: tuple[str, ...], seed: int, draws: int
) -> tuple[Interval | None, Interval | None]:
    """The intervals of F1 and ROC-AUC, over draws of as many source photos, with replacement.

    B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. Draws without one of the labels
    say nothing of either figure.
    """
    rng = np.random.default_rng(seed)
    numbers = np.unique(groups, return_inverse=True)[1]
    members = [np.flatnonzero(numbers == number) for number in range(numbers.max() + 1)]
    found = []
    for _ in range(draws):
        drawn = np.concatenate([members[number] for number in rng.integers(0, len(members), len(members))])
        if 0 < labels[drawn].sum() < len(drawn):
            found.append((_f1(scores[drawn] >= THRESHOLD, labels[drawn] == 1), auc(scores[drawn], labels[drawn])))
    if not found:
        return None, None
    (f1_low, auc_low), (f1_high, auc_high) = np.quantile(found, (0.025, 0.975), axis=0).tolist()
    return (f1_low, f1_high), (auc_low, auc_high)
