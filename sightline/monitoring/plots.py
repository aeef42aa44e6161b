"""What people look at to judge how a model is doing: PNG files, confidences always over the full range from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sightline.monitoring.gather import Gathered, Point
from sightline.monitoring.report import MonitoringReport, Period
from sightline.monitoring.tally import BINS, CLASS_BINS
from sightline.monitoring.watched import Watched
from sightline.training.drawing import NAMED, NEUTRAL, RIGHT, WRONG, Draw, save_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PLOTS", "draw_report"]

PLOTS = {
    "confidence-over-time": "Confidence over time",
    "confidence-histogram": "How confident the predictions are",
    "confidence-per-class": "Confidence within each class",
    "classes-over-time": "Predicted class over time",
    "class-shares": "Share of each class",
    "volume": "How much was predicted",
    "expected-accuracy": "Expected accuracy",
    "drift-over-time": "Distance from the baseline",
    "risk-coverage": "Risk against coverage",
    "latency": "Latency",
}
"""The plots by their files' names, without the suffix, and what each shows."""

_WIDE, _NARROW = (9.6, 3.5), (6.0, 4.2)
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a7a00")  # Okabe and Ito's


def draw_report(folder: Path, report: MonitoringReport, watched: Watched, gathered: Gathered) -> list[str]:
    """Draw into ``folder`` what there is something to show of; the files' names, in the order of :data:`PLOTS`."""
    named = min(len(report.per_class), NAMED)
    tall = (_NARROW[0], max(_NARROW[1], 1.2 + 0.5 * named))
    plots: dict[str, tuple[tuple[float, float], Draw] | None] = {
        "confidence-over-time": (_WIDE, lambda axes: _confidence(axes, report, watched, gathered)),
        "confidence-histogram": (_NARROW, lambda axes: _histogram(axes, report, watched, gathered)),
        "confidence-per-class": (tall, lambda axes: _per_class(axes, report, gathered)),
        "classes-over-time": ((_WIDE[0], 1.4 + 0.45 * named), lambda axes: _classes(axes, report, watched, gathered)),
        "class-shares": (_WIDE, lambda axes: _shares(axes, report)),
        "volume": (_WIDE, lambda axes: _volume(axes, report)),
        "expected-accuracy": (_WIDE, lambda axes: _accuracy(axes, report)),
        "drift-over-time": (_WIDE, lambda axes: _drift(axes, report)) if _has(report, "psi") else None,
        "risk-coverage": (_NARROW, lambda axes: _risk(axes, report)),
        "latency": (_NARROW, lambda axes: _latency(axes, report)) if _has(report, "latency_median") else None,
    }
    for name, plot in plots.items():
        if plot:
            save_plot(folder / f"{name}.png", *plot)
    return [f"{name}.png" for name, plot in plots.items() if plot]


def _has(report: MonitoringReport, field: str) -> bool:
    return any(getattr(period, field) is not None for period in report.periods)


def _middles(report: MonitoringReport) -> Any:
    half = np.timedelta64(report.period_hours * 1800, "s")
    return np.array([_moment(period.start.timestamp()) for period in report.periods]) + half


def _moment(seconds: float) -> Any:
    return np.datetime64(round(seconds * 1e3), "ms")


def _time_axis(axes: Axes, report: MonitoringReport) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlim(_moment(report.since.timestamp()), _moment(report.until.timestamp()))
    axes.grid(visible=True, axis="y", color="#e6e9ee", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    _mark_versions(axes, report)


def _mark_versions(axes: Axes, report: MonitoringReport) -> None:
    """A line where another version begins."""
    if len(report.versions) < 2:
        return
    began = sorted((each.first, label) for label, each in report.versions.items())
    for place, (first, label) in enumerate(began):
        moment = _moment(max(first, report.since).timestamp())
        if place:
            axes.axvline(moment, color=NEUTRAL, linewidth=1, linestyle=(0, (1, 2)))
        axes.annotate(
            f" {label}", (moment, 1.0), xycoords=("data", "axes fraction"), fontsize=7, color=NEUTRAL, va="bottom"
        )


def _legend_below(axes: Axes, columns: int, dots: float = 1.0) -> None:
    """Under the axes, where it hides no data. ``dots``: how many times as wide its dots are as those in the plot."""
    axes.figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=8, markerscale=dots)


def _draw_dots(
    axes: Axes, points: Sequence[Point], heights: NDArray[np.float64], below: NDArray[np.bool_], alpha: float
) -> None:
    """A dot for each prediction, whole at the edges too; ``below``: which are below their threshold."""
    times = np.array([_moment(point.time) for point in points])
    for chosen, colour, name in _sides(below):
        axes.scatter(
            times[chosen],
            heights[chosen],
            s=_dot(points),
            color=colour,
            alpha=alpha,
            linewidths=0,
            label=name,
            clip_on=False,
        )


def _sides(below: NDArray[np.bool_]) -> tuple[tuple[NDArray[np.bool_], str, str], ...]:
    """What the threshold parts: which of them are on a side, its colour, its name."""
    return (~below, RIGHT, "accepted"), (below, WRONG, "below the threshold")


def _dot(points: Sequence[Point]) -> float:
    """The area of a dot: smaller where there are many."""
    return float(np.clip(30_000 / max(len(points), 1), 5, 24))


def _in_words(report: MonitoringReport) -> str:
    hours = report.period_hours
    return f"{hours} h" if hours < 24 else f"{hours // 24} d"


def _confidence(axes: Axes, report: MonitoringReport, watched: Watched, gathered: Gathered) -> None:
    limits = {each.label: each.threshold for each in (watched.judged, *watched.versions.values())}
    points = gathered.points
    confidence = np.array([point.confidence for point in points])
    below = confidence < np.array([limits[point.version] for point in points])
    _draw_dots(axes, points, confidence, below, alpha=0.45)
    middles = _middles(report)
    rolling = [period.rolling_confidence for period in report.periods]
    axes.plot(middles, rolling, color="black", linewidth=1.6, label=f"rolling mean, 7 times {_in_words(report)}")
    axes.axhline(report.threshold, color="black", linestyle="--", linewidth=1, label=f"threshold {report.threshold:g}")
    shown = f"{len(points):,} of {report.events:,} predictions" if len(points) < report.events else ""
    axes.set(ylim=(0, 1.02), ylabel="confidence")
    axes.set_title(shown, fontsize=8, color=NEUTRAL, loc="right")
    _time_axis(axes, report)
    _legend_below(axes, 4, dots=5 / _dot(points) ** 0.5)


def _histogram(axes: Axes, report: MonitoringReport, watched: Watched, gathered: Gathered) -> None:
    edges = np.linspace(0, 1, 41)
    counts = np.sum([tally.bins for tally in gathered.tallies.values()], axis=0).reshape(40, BINS // 40).sum(axis=1)
    shares = counts / max(counts.sum(), 1)
    # The bar that the threshold cuts is of both.
    below = edges[:-1] < report.threshold - 1e-9
    for chosen, colour, name in _sides(below):
        axes.bar(edges[:-1][chosen], shares[chosen], width=1 / 40, align="edge", color=colour, alpha=0.85, label=name)
    if baseline := watched.judged.baseline:
        before, _ = np.histogram(baseline.confidence, edges)
        axes.stairs(before / before.sum(), edges, color="black", linewidth=1.3, label=baseline.source)
    axes.axvline(report.threshold, color="black", linestyle="--", linewidth=1, label=f"threshold {report.threshold:g}")
    axes.set(xlim=(0, 1), xlabel="confidence", ylabel="share of the predictions")
    axes.spines[["top", "right"]].set_visible(False)
    _legend_below(axes, 2)


def _per_class(axes: Axes, report: MonitoringReport, gathered: Gathered) -> None:
    """A row of bars for each class, the tallest as high as the row."""
    tally = gathered.tallies.get(report.version)
    order = sorted(range(len(report.classes)), key=lambda place: -report.per_class[report.classes[place]].events)
    edges = np.linspace(0, 1, CLASS_BINS + 1)
    colours = [RIGHT if edge >= report.threshold - 1e-9 else WRONG for edge in edges[:-1]]
    names = []
    for row, place in enumerate(order[:NAMED]):
        counts = tally.by_class[place] if tally else np.zeros(CLASS_BINS)
        heights = 0.85 * counts / max(counts.max(), 1)
        axes.bar(edges[:-1], heights, bottom=-row, width=1 / CLASS_BINS, align="edge", color=colours, alpha=0.85)
        axes.axhline(-row, color="#d9dee6", linewidth=0.8, zorder=0)
        names.append(f"{report.classes[place]} ({int(counts.sum()):,})")
    axes.axvline(report.threshold, color="black", linestyle="--", linewidth=1, label=f"threshold {report.threshold:g}")
    axes.set_yticks([-row + 0.35 for row in range(len(names))], names)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1), ylim=(-len(names) + 0.9, 1.0), xlabel=f"confidence of {report.version}")
    axes.spines[["top", "right", "left"]].set_visible(False)
    _legend_below(axes, 1)


def _classes(axes: Axes, report: MonitoringReport, watched: Watched, gathered: Gathered) -> None:
    """A dot for each prediction on its class's line, moved up or down at random, that they do not hide each other."""
    names = list(report.per_class)[:NAMED]
    row = {name: place for place, name in enumerate(names)}
    classes = {each.label: each for each in (watched.judged, *watched.versions.values())}
    points = [point for point in gathered.points if classes[point.version].classes[point.said] in row]
    rows = np.array([row[classes[point.version].classes[point.said]] for point in points], float)
    rows += np.random.default_rng(0).uniform(-0.32, 0.32, len(points))
    below = np.array([point.confidence < classes[point.version].threshold for point in points], bool)
    _draw_dots(axes, points, rows, below, alpha=0.4)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    _time_axis(axes, report)
    _legend_below(axes, 2, dots=5 / _dot(points) ** 0.5)


def _shares(axes: Axes, report: MonitoringReport) -> None:
    middles = _middles(report)
    names = sorted(report.per_class, key=lambda name: -report.per_class[name].events)[: len(_COLOURS)]
    for colour, name in zip(_COLOURS, names, strict=False):
        shares = [period.classes.get(name, 0) / period.events for period in report.periods]
        axes.plot(middles, shares, color=colour, linewidth=1.5, marker=_marker(report.periods), label=name)
        if (before := report.per_class[name].baseline_share) is not None:
            axes.axhline(before, color=colour, linestyle="--", linewidth=0.9, alpha=0.7)
    axes.set(ylim=(0, 1.02), ylabel=f"share in each {_in_words(report)}")
    dashed = "dashed: the baseline" if report.baseline else ""
    rest = len(report.per_class) - len(names)
    axes.set_title(", ".join(filter(None, (dashed, f"{rest} rarer classes left out" if rest else ""))), fontsize=8,
                   color=NEUTRAL, loc="right")  # fmt: skip
    _time_axis(axes, report)
    _legend_below(axes, 7)


def _volume(axes: Axes, report: MonitoringReport) -> None:
    from matplotlib.ticker import MaxNLocator

    middles = _middles(report)
    width = np.timedelta64(int(report.period_hours * 3600 * 0.9), "s")
    bottom = np.zeros(len(report.periods))
    layers = (
        ("accepted", RIGHT, [period.accepted for period in report.periods]),
        ("below the threshold", WRONG, [period.events - period.accepted for period in report.periods]),
        ("rejected", "#a0a7b2", [period.rejected for period in report.periods]),
    )
    for name, colour, counts in layers:
        if name != "rejected" or report.rejected:
            axes.bar(middles, counts, width=width, bottom=bottom, color=colour, label=name)
            bottom += counts
    axes.set_ylabel(f"images in each {_in_words(report)}")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _time_axis(axes, report)
    _legend_below(axes, 3)


def _accuracy(axes: Axes, report: MonitoringReport) -> None:
    middles = _middles(report)
    estimates = [period.expected_accuracy for period in report.periods]
    axes.fill_between(
        middles, [each.low for each in estimates], [each.high for each in estimates], color=RIGHT, alpha=0.2,
        linewidth=0, label="interval of 95 %",
    )  # fmt: skip
    axes.plot(
        middles, [each.value for each in estimates], color=RIGHT, marker=_marker(report.periods), label="expected"
    )
    if report.baseline and report.baseline.accuracy is not None:
        tested = report.baseline.accuracy
        axes.axhline(
            tested, color="black", linestyle="--", linewidth=1, label=f"{tested:.3f} on {report.baseline.source}"
        )
    axes.set(ylim=(0, 1.02), ylabel="accuracy")
    _time_axis(axes, report)
    _legend_below(axes, 3)


def _risk(axes: Axes, report: MonitoringReport) -> None:
    expected = {
        point.threshold: (point.coverage, point.expected_risk)
        for point in report.risk_coverage
        if point.expected_risk is not None
    }
    tested = [
        (point.tested_coverage, point.tested_risk)
        for point in report.risk_coverage
        if point.tested_coverage is not None and point.tested_risk is not None
    ]
    axes.plot(*_columns(list(expected.values())), color=RIGHT, label="expected")
    if tested and report.baseline:
        axes.plot(*_columns(tested), color="black", linewidth=1, linestyle="--", label=report.baseline.source)
    if chosen := expected.get(report.threshold):
        axes.plot(*chosen, "o", color=WRONG, label=f"threshold {report.threshold:g}")
    top = min(1.02, 1.15 * max([risk for _, risk in (*expected.values(), *tested)], default=0.1) + 0.01)
    axes.set(xlim=(0, 1.02), ylim=(0, top), xlabel="coverage: share accepted")
    axes.set_ylabel("risk: share of those that is wrong")
    axes.grid(visible=True, color="#e6e9ee", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    _legend_below(axes, 3)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [across for across, _ in points], [up for _, up in points]


def _drift(axes: Axes, report: MonitoringReport) -> None:
    middles = _middles(report)
    lines = (("psi", "confidence: PSI", _COLOURS[0]), ("total_variation", "classes: total variation", _COLOURS[1]))
    limits = {each.judged_by: each.limit for each in report.looked_at}
    top = 0.0
    for field, name, colour in lines:
        values = np.array([np.nan if (found := getattr(each, field)) is None else found for each in report.periods])
        axes.plot(middles, values, color=colour, marker=_marker(report.periods) or ".", label=name)
        limit = limits.get(field.replace("_", " "))
        if limit is not None:
            axes.axhline(limit, color=colour, linestyle="--", linewidth=1, label=f"limit {limit:g}")
        top = max(top, float(np.nanmax(values, initial=0)), limit or 0)
    axes.set(ylim=(0, max(1.02, 1.1 * top)), ylabel="distance from the baseline")
    _time_axis(axes, report)
    _legend_below(axes, 4)


def _latency(axes: Axes, report: MonitoringReport) -> None:
    middles = _middles(report)
    for field, name, colour in (("latency_p95", "95 of 100 are quicker", WRONG), ("latency_median", "median", RIGHT)):
        values = [getattr(period, field) for period in report.periods]
        numbers = [np.nan if value is None else 1e3 * value for value in values]
        axes.plot(middles, numbers, color=colour, marker=_marker(report.periods) or ".", label=name)
    axes.set_ylabel("milliseconds an inference")
    axes.set_ylim(bottom=0)
    _time_axis(axes, report)
    _legend_below(axes, 2)


def _marker(periods: Sequence[Period]) -> str | None:
    return "." if len(periods) <= 60 else None
