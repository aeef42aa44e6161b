"""Parts that all plots share: PNG files without pyplot's shared state, colours, the confusion matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NAMED", "NEUTRAL", "RIGHT", "WRONG", "Draw", "draw_confusion", "matrix_size", "save_plot"]

RIGHT, WRONG, NEUTRAL = "#3b6fb6", "#c44e52", "#666666"
NAMED = 20  # the most classes whose names and counts fit

Draw = Callable[["Axes"], None]


def save_plot(path: Path, size: tuple[float, float], draw: Draw) -> None:
    """Draw into a PNG file of ``size`` inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    figure.savefig(path, dpi=120, metadata={"Software": None})


def matrix_size(classes: int) -> tuple[float, float]:
    """Return the width and height of a confusion matrix, in inches."""
    return (9.0, 8.0) if classes > NAMED else (3.9 + 0.55 * classes, 2.6 + 0.5 * classes)


def draw_confusion(axes: Axes, counts: NDArray[np.int64], classes: Sequence[str], title: str) -> None:
    """Draw a confusion matrix, with names and counts for up to :data:`NAMED` classes.

    ``counts[i][j]``: the number of samples of class i predicted as j.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    axes.figure.colorbar(image, ax=axes, label="share of the class", shrink=0.9)
    if len(classes) > NAMED:
        return
    axes.set_xticks(range(len(classes)), classes, rotation=30, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
