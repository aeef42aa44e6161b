"""What people look at to judge a model: PNG files, drawn without pyplot's shared state."""

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
    """Draw a model's test results into ``folder``; the files' names.

    ``before`` and ``after``: probabilities, shape = (n, classes), without and with the temperature.
    """
    many = len(classes)
    named = min(many, NAMED)
    plots: dict[str, tuple[tuple[float, float], Draw]] = {
        "confusion-matrix.png": (
            matrix_size(many),
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


def _confusion(axes: Axes, said: Labels, labels: Labels, classes: Sequence[str]) -> None:
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(labels, said, labels=np.arange(len(classes)))
    draw_confusion(axes, counts, classes, f"Test: {counts.trace()} of {counts.sum()} right")


def _legend_below(axes: Axes, columns: int) -> None:
    """Under the axes, where it hides no data."""
    axes.figure.legend(loc="outside lower center", ncols=columns, frameon=False)


def _per_class(axes: Axes, found: Probabilities, labels: Labels, classes: Sequence[str]) -> None:
    report = evaluate(found, labels, classes, 0.0).per_class
    title = "Each class (and its test pictures)"
    if len(classes) > NAMED:
        title = f"The {NAMED} worst of {len(classes)} classes (and their test pictures)"
        classes = sorted(classes, key=lambda name: report[name].f1)[:NAMED]
    rows = np.arange(len(classes))
    kinds = (("precision", RIGHT), ("recall", "#8fb3dd"), ("f1", NEUTRAL))
    for place, (kind, colour) in enumerate(kinds):
        values = [getattr(report[name], kind) for name in classes]
        bars = axes.barh(rows + (place - 1) * 0.27, values, height=0.25, color=colour, label=kind)
        axes.bar_label(bars, [f"{value:.3f}" for value in values], padding=2, fontsize=7)
    axes.set_yticks(rows, [f"{name} ({report[name].support})" for name in classes])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.12), xlabel="share", title=title)
    axes.set_xticks(np.linspace(0, 1, 6))
    _legend_below(axes, 3)


def _precision_recall(axes: Axes, found: Probabilities, labels: Labels, classes: Sequence[str]) -> None:
    from matplotlib import colormaps
    from sklearn.metrics import average_precision_score, precision_recall_curve

    many, means = len(classes) > NAMED, []
    for place, name in enumerate(classes):
        precision, recall, _ = precision_recall_curve(labels == place, found[:, place])
        means.append(average_precision_score(labels == place, found[:, place]))
        colour = NEUTRAL if many else colormaps["tab10" if len(classes) <= 10 else "tab20"](place)
        options = {"alpha": 0.25} if many else {"label": f"{name}, {means[-1]:.3f}"}
        axes.plot(recall, precision, color=colour, drawstyle="steps-post", **options)
    title = f"Precision and recall, mean average precision {np.mean(means):.3f}"
    axes.set(xlabel="recall", ylabel="precision", title=title, xlim=(0, 1.03), ylim=(0, 1.03))
    if not many:
        axes.legend(loc="lower left", title="average precision", frameon=False, fontsize=8)


def _reliability(axes: Axes, before: Probabilities, after: Probabilities, labels: Labels) -> None:
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linestyle=":", label="as sure as right")
    for name, found, colour in (("before", before, WRONG), ("after", after, RIGHT)):
        bins = reliability(found, labels)
        confidence, accuracy = [each.confidence for each in bins], [each.accuracy for each in bins]
        error = expected_calibration_error(found, labels)
        axes.plot(confidence, accuracy, color=colour, label=f"{name} calibration, ECE {error:.3f}")
        sizes = [12 + 300 * each.size / len(labels) for each in bins]
        axes.scatter(confidence, accuracy, s=sizes, color=colour, alpha=0.6)
    axes.set(xlabel="confidence", ylabel="share right", title="Reliability (dots: how many)")
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03))
    _legend_below(axes, 1)


def _threshold(axes: Axes, found: Probabilities, labels: Labels, threshold: float) -> None:
    confidence, right = found.max(axis=1), found.argmax(axis=1) == labels
    steps = np.linspace(0, 1, 201)
    accepted = np.array([confidence >= step for step in steps])
    counts = accepted.sum(axis=1)
    axes.plot(steps, counts / len(labels), color=NEUTRAL, label="share accepted")
    some = counts > 0
    among = (accepted & right).sum(axis=1)[some] / counts[some]
    axes.plot(steps[some], among, color=RIGHT, label="accuracy among them")
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:g}")
    axes.set(xlabel="threshold", ylabel="share", title="What a threshold accepts", xlim=(0, 1), ylim=(0, 1.03))
    _legend_below(axes, 3)


def _confidence(axes: Axes, found: Probabilities, labels: Labels, threshold: float) -> None:
    confidence, right = found.max(axis=1), found.argmax(axis=1) == labels
    axes.hist(
        [confidence[right], confidence[~right]],
        bins=np.linspace(0, 1, 41).tolist(),
        stacked=True,
        color=[RIGHT, WRONG],
        label=[f"right, {right.sum()}", f"wrong, {(~right).sum()}"],
    )
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:g}")
    axes.set(xlabel="confidence", ylabel="pictures", title="Confidence on the test pictures", xlim=(0, 1))
    _legend_below(axes, 3)


def _training(axes: Axes, losses: Sequence[float]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.plot(range(1, len(losses) + 1), losses, color=RIGHT, marker="." if len(losses) < 40 else None)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel="mean loss on augmented pictures", title="Training")
    axes.set_ylim(bottom=0)
