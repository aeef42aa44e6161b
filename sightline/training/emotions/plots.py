"""Plots of a patient's model: confusion matrix and feature importance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sightline.drawing import NEUTRAL, RIGHT, draw_confusion, matrix_size, save_plot
from sightline.training.emotions.validation import Validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CONFUSION_MATRIX", "FEATURE_IMPORTANCE", "draw_plots"]

CONFUSION_MATRIX, FEATURE_IMPORTANCE = "confusion_matrix.png", "feature_importance.png"


def draw_plots(folder: Path, validation: Validation) -> list[str]:
    """Draw the confusion matrix and the feature importance into ``folder``; return the file names."""
    width, height = matrix_size(len(validation.classes))
    size = (max(width, 5.6), max(height, 4.0))
    save_plot(folder / CONFUSION_MATRIX, size, lambda axes: _confusion(axes, validation))
    save_plot(folder / FEATURE_IMPORTANCE, (7.6, 5.8), lambda axes: _importance(axes, validation))
    return [CONFUSION_MATRIX, FEATURE_IMPORTANCE]


def _confusion(axes: Axes, validation: Validation) -> None:
    counts = np.array(validation.confusion_matrix, dtype=np.int64)
    draw_confusion(axes, counts, validation.classes, "")
    axes.set_title(f"Out-of-fold predictions: {_headline(validation)}", fontsize=10)


def _importance(axes: Axes, validation: Validation) -> None:
    rows = np.arange(len(validation.importance))
    axes.barh(
        rows,
        [100 * feature.loss for feature in validation.importance],
        xerr=[100 * feature.deviation for feature in validation.importance],
        color=RIGHT,
        error_kw={"ecolor": "black", "elinewidth": 0.8, "capsize": 2},
    )
    axes.set_yticks(rows, [feature.feature for feature in validation.importance], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.axvline(0, color=NEUTRAL, linewidth=0.8)
    axes.set_xlabel("loss of the true emotion's probability, in percentage points")
    axes.set_title(
        f"Feature importance ({_headline(validation)})\n"
        "permutation importance, out of fold; lines: standard deviation over the folds",
        fontsize=10,
    )


def _headline(validation: Validation) -> str:
    correct = int(np.trace(np.array(validation.confusion_matrix)))
    return f"{'' if validation.proven else 'not yet: '}{correct} of {validation.sessions} correct"
