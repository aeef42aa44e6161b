"""The parts that the plots share: time axis, colours, dots, and the legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sightline.drawing import NEUTRAL, RIGHT, WRONG
from sightline.monitoring.report import MonitoringReport, Period
from sightline.monitoring.window import Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "PALETTE",
    "below_and_above",
    "dot_scale",
    "draw_dots",
    "draw_grid",
    "draw_threshold",
    "format_time_axis",
    "legend_below",
    "marker",
    "period_middles",
    "period_name",
]

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a7a00")
"""Colours by M. Okabe and K. Ito that colour-blind readers can distinguish."""

_LEGEND_DOT = 5  # points, the diameter of a dot in the legend


def period_middles(report: MonitoringReport) -> Any:
    """Return the middle of each period."""
    half = np.timedelta64(report.period_hours * 1800, "s")
    return np.array([_time(period.start.timestamp()) for period in report.periods]) + half


def period_name(report: MonitoringReport) -> str:
    """Return the length of a period in words."""
    hours = report.period_hours
    return f"{hours} h" if hours < 24 else f"{hours // 24} d"


def format_time_axis(axes: Axes, report: MonitoringReport) -> None:
    """Give the axes a time axis over the report's window, with a line at every change of version."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlim(_time(report.since.timestamp()), _time(report.until.timestamp()))
    draw_grid(axes, "y")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    _mark_versions(axes, report)


def _mark_versions(axes: Axes, report: MonitoringReport) -> None:
    if len(report.versions) < 2:
        return
    starts = sorted((version.first, label) for label, version in report.versions.items())
    for number, (first, label) in enumerate(starts):
        time = _time(max(first, report.since).timestamp())
        if number:
            axes.axvline(time, color=NEUTRAL, linewidth=1, linestyle=(0, (1, 2)))
        axes.annotate(
            f" {label}", (time, 1.0), xycoords=("data", "axes fraction"), fontsize=7, color=NEUTRAL, va="bottom"
        )


def legend_below(axes: Axes, columns: int, dots: float = 1.0) -> None:
    """Draw the legend below the axes, where it hides no data. ``dots``: the scale of its dots over those plotted."""
    axes.figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=8, markerscale=dots)


def draw_threshold(axes: Axes, report: MonitoringReport, *, horizontal: bool = False) -> None:
    """Draw the threshold as a dashed line."""
    draw = axes.axhline if horizontal else axes.axvline
    draw(report.threshold, color="black", linestyle="--", linewidth=1, label=f"threshold {report.threshold:g}")


def draw_grid(axes: Axes, axis: Literal["both", "x", "y"] = "both") -> None:
    """Draw a light grid."""
    axes.grid(visible=True, axis=axis, color="#e6e9ee", linewidth=0.8)


def draw_dots(
    axes: Axes, points: Sequence[Point], heights: NDArray[np.float64], below: NDArray[np.bool_], alpha: float
) -> None:
    """Draw a dot for each prediction. ``below``: whether it is below its threshold, shape = (points,)."""
    times = np.array([_time(point.time) for point in points])
    for chosen, colour, name in below_and_above(below):
        axes.scatter(
            times[chosen],
            heights[chosen],
            s=_dot_area(points),
            color=colour,
            alpha=alpha,
            linewidths=0,
            label=name,
            clip_on=False,  # Dots at the edges are drawn in full.
        )


def below_and_above(below: NDArray[np.bool_]) -> tuple[tuple[NDArray[np.bool_], str, str], ...]:
    """Return the two sides of the threshold: a mask, a colour and a name for each."""
    return (~below, RIGHT, "accepted"), (below, WRONG, "below the threshold")


def dot_scale(points: Sequence[Point]) -> float:
    """Return the scale that gives the legend's dots a readable size."""
    return float(_LEGEND_DOT / _dot_area(points) ** 0.5)


def marker(periods: Sequence[Period]) -> str | None:
    """Return the marker of a line over the periods; None if there are too many for markers."""
    return "." if len(periods) <= 60 else None


def _dot_area(points: Sequence[Point]) -> float:
    """Return the area of a dot, smaller for many points."""
    return float(np.clip(30_000 / max(len(points), 1), 5, 24))


def _time(seconds: float) -> Any:
    return np.datetime64(round(seconds * 1e3), "ms")
