"""The plots of a trained classifier, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline.drawing import NAMED, NEUTRAL, RIGHT, WRONG, Draw, draw_confusion, matrix_size, save_plot
from sightline.training.common.calibration import expected_calibration_error, reliability
from sightline.training.common.evaluation import evaluate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_plots"]

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]


def draw_plots(
    folder: Path,
    *,
    before: Probabilities,
    after: Probabilities,
    labels: Labels,
    classes: Sequence[str],
    threshold: float,
    losses: Sequence[float],
) -> list[str]:
    """Draw a model's test results into ``folder``, and return the names of the files.

    ``before`` and ``after``: probabilities, shape = (n, classes), before and after temperature scaling.
    """
    count = len(classes)
    named = min(count, NAMED)
    plots: dict[str, tuple[tuple[float, float], Draw]] = {
        "confusion-matrix.png": (
            matrix_size(count),
            lambda axes: _confusion(axes, after.argmax(axis=1), labels, classes),
        ),
        "per-class.png": ((6.5, 1.6 + 0.62 * named), lambda axes: _per_class(axes, after, labels, classes)),
        "precision-recall.png": ((6.0, 5.0), lambda axes: _precision_recall(axes, after, labels, classes)),
        "reliability.png": ((6.0, 5.8), lambda axes: _reliability(axes, before, after, labels)),
        "threshold.png": ((6.0, 4.2), lambda axes: _threshold(axes, after, labels, threshold)),
        "confidence.png": ((6.0, 4.2), lambda axes: _confidence(axes, after, labels, threshold)),
        "training.png": ((6.0, 4.2), lambda axes: _training(axes, losses)),
    }
    for name, (size, draw) in plots.items():
        save_plot(folder / name, size, draw)
    return list(plots)


def _confusion(axes: Axes, predicted: Labels, labels: Labels, classes: Sequence[str]) -> None:
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(labels, predicted, labels=np.arange(len(classes)))
    draw_confusion(axes, counts, classes, f"Test: {counts.trace()} of {counts.sum()} correct")


def _legend_below(axes: Axes, columns: int) -> None:
    """Draw the legend below the axes, so that it hides no data."""
    axes.figure.legend(loc="outside lower center", ncols=columns, frameon=False)


def _per_class(axes: Axes, predicted: Probabilities, labels: Labels, classes: Sequence[str]) -> None:
    report = evaluate(predicted, labels, classes, 0.0).per_class
    title = "Metrics by class (number of test images)"
    if len(classes) > NAMED:
        title = f"The {NAMED} worst of {len(classes)} classes (number of test images)"
        classes = sorted(classes, key=lambda name: report[name].f1)[:NAMED]
    rows = np.arange(len(classes))
    kinds = (("precision", RIGHT), ("recall", "#8fb3dd"), ("f1", NEUTRAL))
    for index, (kind, colour) in enumerate(kinds):
        values = [getattr(report[name], kind) for name in classes]
        bars = axes.barh(rows + (index - 1) * 0.27, values, height=0.25, color=colour, label=kind)
        axes.bar_label(bars, [f"{value:.3f}" for value in values], padding=2, fontsize=7)
    axes.set_yticks(rows, [f"{name} ({report[name].support})" for name in classes])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.12), xlabel="share", title=title)
    axes.set_xticks(np.linspace(0, 1, 6))
    _legend_below(axes, 3)


def _precision_recall(axes: Axes, predicted: Probabilities, labels: Labels, classes: Sequence[str]) -> None:
    from matplotlib import colormaps
    from sklearn.metrics import average_precision_score, precision_recall_curve

    many, means = len(classes) > NAMED, []
    for index, name in enumerate(classes):
        precision, recall, _ = precision_recall_curve(labels == index, predicted[:, index])
        means.append(average_precision_score(labels == index, predicted[:, index]))
        colour = NEUTRAL if many else colormaps["tab10" if len(classes) <= 10 else "tab20"](index)
        options = {"alpha": 0.25} if many else {"label": f"{name}, {means[-1]:.3f}"}
        axes.plot(recall, precision, color=colour, drawstyle="steps-post", **options)
    title = f"Precision and recall, mean average precision {np.mean(means):.3f}"
    axes.set(xlabel="recall", ylabel="precision", title=title, xlim=(0, 1.03), ylim=(0, 1.03))
    if not many:
        axes.legend(loc="lower left", title="average precision", frameon=False, fontsize=8)


def _reliability(axes: Axes, before: Probabilities, after: Probabilities, labels: Labels) -> None:
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linestyle=":", label="perfect calibration")
    for name, predicted, colour in (("before", before, WRONG), ("after", after, RIGHT)):
        bins = reliability(predicted, labels)
        confidence, accuracy = [part.confidence for part in bins], [part.accuracy for part in bins]
        error = expected_calibration_error(predicted, labels)
        axes.plot(confidence, accuracy, color=colour, label=f"{name} calibration, ECE {error:.3f}")
        sizes = [12 + 300 * part.size / len(labels) for part in bins]
        axes.scatter(confidence, accuracy, s=sizes, color=colour, alpha=0.6)
    axes.set(xlabel="confidence", ylabel="accuracy", title="Reliability (dot size: number of images)")
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03))
    _legend_below(axes, 1)


def _threshold(axes: Axes, predicted: Probabilities, labels: Labels, threshold: float) -> None:
    confidence, correct = predicted.max(axis=1), predicted.argmax(axis=1) == labels
    steps = np.linspace(0, 1, 201)
    accepted = np.array([confidence >= step for step in steps])
    counts = accepted.sum(axis=1)
    axes.plot(steps, counts / len(labels), color=NEUTRAL, label="share accepted")
    any_accepted = counts > 0
    accuracy = (accepted & correct).sum(axis=1)[any_accepted] / counts[any_accepted]
    axes.plot(steps[any_accepted], accuracy, color=RIGHT, label="accuracy of accepted")
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:g}")
    axes.set(xlabel="threshold", ylabel="share", title="Accepted images by threshold", xlim=(0, 1), ylim=(0, 1.03))
    _legend_below(axes, 3)


def _confidence(axes: Axes, predicted: Probabilities, labels: Labels, threshold: float) -> None:
    confidence, correct = predicted.max(axis=1), predicted.argmax(axis=1) == labels
    axes.hist(
        [confidence[correct], confidence[~correct]],
        bins=np.linspace(0, 1, 41).tolist(),
        stacked=True,
        color=[RIGHT, WRONG],
        label=[f"correct, {correct.sum()}", f"wrong, {(~correct).sum()}"],
    )
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:g}")
    axes.set(xlabel="confidence", ylabel="images", title="Confidence of the test images", xlim=(0, 1))
    _legend_below(axes, 3)


def _training(axes: Axes, losses: Sequence[float]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.plot(range(1, len(losses) + 1), losses, color=RIGHT, marker="." if len(losses) < 40 else None)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel="mean loss of augmented images", title="Training")
    axes.set_ylim(bottom=0)
