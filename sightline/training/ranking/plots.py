"""Plots of a ranking's evaluation and training, as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline.drawing import NEUTRAL, RIGHT, WRONG, Draw, draw_confusion, matrix_size, save_plot
from sightline.training.ranking.dataset import LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sightline.training.ranking.head import History

__all__ = ["draw_plots"]

Scores = NDArray[np.float64]
Labels = NDArray[np.int64]

_BINS = 10


def draw_plots(folder: Path, *, scores: Scores, labels: Labels, history: History, threshold: float) -> list[str]:
    """Draw the evaluation of scores, shape = (n,), and the training's losses into ``folder``; return the file names."""
    counts = np.zeros((2, 2), np.int64)
    np.add.at(counts, (labels, (scores >= threshold).astype(int)), 1)
    plots: dict[str, tuple[tuple[float, float], Draw]] = {
        "roc.png": ((5.2, 5.0), lambda axes: _roc(axes, scores, labels)),
        "precision-recall.png": ((5.2, 5.0), lambda axes: _precision_recall(axes, scores, labels)),
        "scores.png": ((6.0, 4.2), lambda axes: _histogram(axes, scores, labels, threshold)),
        "calibration.png": ((5.2, 5.0), lambda axes: _calibration(axes, scores, labels)),
        "training.png": ((6.0, 4.2), lambda axes: _training(axes, history)),
        "confusion-matrix.png": (
            matrix_size(2),
            lambda axes: draw_confusion(axes, counts, LABELS, f"{counts.trace()} of {counts.sum()} correct"),
        ),
    }
    for name, (size, draw) in plots.items():
        save_plot(folder / name, size, draw)
    return list(plots)


def _roc(axes: Axes, scores: Scores, labels: Labels) -> None:
    from sklearn.metrics import roc_auc_score, roc_curve

    false, true, _ = roc_curve(labels, scores)
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linestyle=":")
    axes.plot(false, true, color=RIGHT)
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.set(title=f"ROC, area {roc_auc_score(labels, scores):.3f}", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _precision_recall(axes: Axes, scores: Scores, labels: Labels) -> None:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    precision, recall, _ = precision_recall_curve(labels, scores)
    mean = average_precision_score(labels, scores)
    axes.plot(recall, precision, color=RIGHT, drawstyle="steps-post")
    axes.axhline(labels.mean(), color=NEUTRAL, linestyle=":")
    axes.set(xlabel="recall", ylabel="precision", title=f"Precision and recall, average precision {mean:.3f}")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.03))


def _histogram(axes: Axes, scores: Scores, labels: Labels, threshold: float) -> None:
    bad, good = scores[labels == 0], scores[labels == 1]
    axes.hist(
        [good, bad], bins=np.linspace(0, 1, 21).tolist(), color=[RIGHT, WRONG],
        label=[f"good, {len(good)}", f"bad, {len(bad)}"],
    )  # fmt: skip
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:g}")
    axes.set(xlabel="score", ylabel="images", title="Scores of the evaluation images", xlim=(0, 1))
    axes.figure.legend(loc="outside lower center", ncols=3, frameon=False)


def _calibration(axes: Axes, scores: Scores, labels: Labels) -> None:
    bin_of = np.clip((scores * _BINS).astype(int), 0, _BINS - 1)
    bins = [bin_of == number for number in range(_BINS) if (bin_of == number).any()]
    x, y = [float(scores[members].mean()) for members in bins], [float(labels[members].mean()) for members in bins]
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linestyle=":")
    axes.plot(x, y, color=RIGHT)
    axes.scatter(x, y, s=[12 + 300 * members.sum() / len(labels) for members in bins], color=RIGHT, alpha=0.6)
    axes.set(xlabel="score", ylabel="share of good images", title="Calibration (dot size: number of images)")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _training(axes: Axes, history: History) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = range(1, len(history.train_losses) + 1)
    axes.plot(epochs, history.train_losses, color=NEUTRAL, marker=".", label="training, with dropout")
    axes.plot(epochs, history.validation_losses, color=RIGHT, marker=".", label="validation")
    axes.axvline(history.epoch, color="black", linestyle="--", label=f"best epoch, {history.epoch}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel="mean binary cross-entropy", title="Training")
    axes.set_ylim(bottom=0)
    axes.figure.legend(loc="outside lower center", ncols=3, frameon=False)
