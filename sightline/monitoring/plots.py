"""The plots of a monitoring report, as PNG files. Confidences are always drawn over the full range from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sightline.drawing import NAMED, NEUTRAL, RIGHT, WRONG, Draw, save_plot
from sightline.monitoring.plot_style import (
    PALETTE,
    below_and_above,
    dot_scale,
    draw_dots,
    draw_grid,
    draw_threshold,
    format_time_axis,
    legend_below,
    marker,
    period_middles,
    period_name,
)
from sightline.monitoring.report import MonitoringReport
from sightline.monitoring.tally import BINS, CLASS_BINS
from sightline.monitoring.window import Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PLOTS", "draw_plots"]

PLOTS = {
    "confidence-over-time": "Confidence over time",
    "confidence-histogram": "Distribution of the confidence",
    "confidence-per-class": "Confidence within each class",
    "classes-over-time": "Predicted class over time",
    "class-shares": "Share of each class",
    "volume": "Number of images",
    "expected-accuracy": "Expected accuracy",
    "drift-over-time": "Distance from the baseline",
    "risk-coverage": "Risk against coverage",
    "latency": "Latency",
    "unknown-kinds": "Images of a kind that the model does not know",
}
"""Titles of the plots by the names of their files, without the suffix."""

_WIDE, _NARROW = (9.6, 3.5), (6.0, 4.2)  # inches
_HISTOGRAM_BINS = 40
_REJECTED = "#a0a7b2"


def draw_plots(folder: Path, report: MonitoringReport, window: Window) -> list[str]:
    """Draw the plots that have data into ``folder``, and return their file names, in the order of :data:`PLOTS`."""
    rows = min(len(report.per_class), NAMED)
    plots: dict[str, tuple[tuple[float, float], Draw] | None] = {
        "confidence-over-time": (_WIDE, lambda axes: _confidence(axes, report, window)),
        "confidence-histogram": (_NARROW, lambda axes: _histogram(axes, report, window)),
        "confidence-per-class": (
            (_NARROW[0], max(_NARROW[1], 1.2 + 0.5 * rows)),
            lambda axes: _per_class(axes, report, window),
        ),
        "classes-over-time": ((_WIDE[0], 1.4 + 0.45 * rows), lambda axes: _classes(axes, report, window)),
        "class-shares": (_WIDE, lambda axes: _shares(axes, report)),
        "volume": (_WIDE, lambda axes: _volume(axes, report)),
        "expected-accuracy": (_WIDE, lambda axes: _accuracy(axes, report)),
        "drift-over-time": (_WIDE, lambda axes: _drift(axes, report)) if _has(report, "psi") else None,
        "risk-coverage": (_NARROW, lambda axes: _risk(axes, report)),
        "latency": (_NARROW, lambda axes: _latency(axes, report)) if _has(report, "latency_median") else None,
        "unknown-kinds": (_WIDE, lambda axes: _unfamiliar(axes, report)) if report.checked else None,
    }
    for name, plot in plots.items():
        if plot:
            save_plot(folder / f"{name}.png", *plot)
    return [f"{name}.png" for name, plot in plots.items() if plot]


def _has(report: MonitoringReport, field: str) -> bool:
    return any(getattr(period, field) is not None for period in report.periods)


def _confidence(axes: Axes, report: MonitoringReport, window: Window) -> None:
    thresholds = {version.label: version.threshold for version in window.model.versions.values()}
    thresholds[window.model.judged.label] = window.model.judged.threshold
    points = window.points
    confidence = np.array([point.confidence for point in points])
    below = confidence < np.array([thresholds[point.version] for point in points])
    draw_dots(axes, points, confidence, below, alpha=0.45)
    rolling = [period.rolling_confidence for period in report.periods]
    name = f"rolling mean, 7 times {period_name(report)}"
    axes.plot(period_middles(report), rolling, color="black", linewidth=1.6, label=name)
    draw_threshold(axes, report, horizontal=True)
    sampled = f"{len(points):,} of {report.events:,} predictions" if len(points) < report.events else ""
    axes.set(ylim=(0, 1.02), ylabel="confidence")
    axes.set_title(sampled, fontsize=8, color=NEUTRAL, loc="right")
    format_time_axis(axes, report)
    legend_below(axes, 4, dots=dot_scale(points))


def _histogram(axes: Axes, report: MonitoringReport, window: Window) -> None:
    edges = np.linspace(0, 1, _HISTOGRAM_BINS + 1)
    fine = np.sum([tally.bins for tally in window.tallies.values()], axis=0)
    counts = fine.reshape(_HISTOGRAM_BINS, BINS // _HISTOGRAM_BINS).sum(axis=1)
    shares = counts / max(counts.sum(), 1)
    # The bar that contains the threshold holds both accepted predictions and others.
    below = edges[:-1] < report.threshold - 1e-9
    for chosen, colour, name in below_and_above(below):
        axes.bar(
            edges[:-1][chosen], shares[chosen], width=1 / _HISTOGRAM_BINS, align="edge", color=colour, alpha=0.85,
            label=name,
        )  # fmt: skip
    if baseline := window.model.judged.baseline:
        before, _ = np.histogram(baseline.confidence, edges)
        axes.stairs(before / before.sum(), edges, color="black", linewidth=1.3, label=baseline.source)
    draw_threshold(axes, report)
    axes.set(xlim=(0, 1), xlabel="confidence", ylabel="share of the predictions")
    axes.spines[["top", "right"]].set_visible(False)
    legend_below(axes, 2)


def _per_class(axes: Axes, report: MonitoringReport, window: Window) -> None:
    """Draw a row of bars for each class. The tallest bar fills its row."""
    tally = window.tallies.get(report.version)
    order = sorted(range(len(report.classes)), key=lambda index: -report.per_class[report.classes[index]].events)
    edges = np.linspace(0, 1, CLASS_BINS + 1)
    colours = [RIGHT if edge >= report.threshold - 1e-9 else WRONG for edge in edges[:-1]]
    names = []
    for row, index in enumerate(order[:NAMED]):
        counts = tally.by_class[index] if tally else np.zeros(CLASS_BINS)
        heights = 0.85 * counts / max(counts.max(), 1)
        axes.bar(edges[:-1], heights, bottom=-row, width=1 / CLASS_BINS, align="edge", color=colours, alpha=0.85)
        axes.axhline(-row, color="#d9dee6", linewidth=0.8, zorder=0)
        names.append(f"{report.classes[index]} ({int(counts.sum()):,})")
    draw_threshold(axes, report)
    axes.set_yticks([-row + 0.35 for row in range(len(names))], names)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1), ylim=(-len(names) + 0.9, 1.0), xlabel=f"confidence of {report.version}")
    axes.spines[["top", "right", "left"]].set_visible(False)
    legend_below(axes, 1)


def _classes(axes: Axes, report: MonitoringReport, window: Window) -> None:
    """Draw a dot for each prediction on the row of its class, shifted at random so that dots do not overlap."""
    names = list(report.per_class)[:NAMED]
    rows = {name: row for row, name in enumerate(names)}
    versions = {version.label: version for version in (window.model.judged, *window.model.versions.values())}
    points = [point for point in window.points if versions[point.version].classes[point.class_index] in rows]
    heights = np.array([rows[versions[point.version].classes[point.class_index]] for point in points], float)
    heights += np.random.default_rng(0).uniform(-0.32, 0.32, len(points))
    below = np.array([point.confidence < versions[point.version].threshold for point in points], bool)
    draw_dots(axes, points, heights, below, alpha=0.4)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    format_time_axis(axes, report)
    legend_below(axes, 2, dots=dot_scale(points))


def _shares(axes: Axes, report: MonitoringReport) -> None:
    middles = period_middles(report)
    names = sorted(report.per_class, key=lambda name: -report.per_class[name].events)[: len(PALETTE)]
    for colour, name in zip(PALETTE, names, strict=False):
        shares = [period.classes.get(name, 0) / period.events for period in report.periods]
        axes.plot(middles, shares, color=colour, linewidth=1.5, marker=marker(report.periods), label=name)
        if (before := report.per_class[name].baseline_share) is not None:
            axes.axhline(before, color=colour, linestyle="--", linewidth=0.9, alpha=0.7)
    axes.set(ylim=(0, 1.02), ylabel=f"share per {period_name(report)}")
    dashed = "dashed: the baseline" if report.baseline else ""
    others = len(report.per_class) - len(names)
    rarer = f"{others} rarer classes not shown" if others else ""
    axes.set_title(", ".join(filter(None, (dashed, rarer))), fontsize=8, color=NEUTRAL, loc="right")
    format_time_axis(axes, report)
    legend_below(axes, 7)


def _volume(axes: Axes, report: MonitoringReport) -> None:
    from matplotlib.ticker import MaxNLocator

    middles = period_middles(report)
    width = np.timedelta64(int(report.period_hours * 3600 * 0.9), "s")
    bottom = np.zeros(len(report.periods))
    layers = (
        ("accepted", RIGHT, [period.accepted for period in report.periods]),
        ("uncertain", WRONG, [period.events - period.accepted for period in report.periods]),
        ("rejected", _REJECTED, [period.rejected for period in report.periods]),
    )
    for name, colour, counts in layers:
        if name != "rejected" or report.rejected:
            axes.bar(middles, counts, width=width, bottom=bottom, color=colour, label=name)
            bottom += counts
    axes.set_ylabel(f"images per {period_name(report)}")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    format_time_axis(axes, report)
    legend_below(axes, 3)


def _accuracy(axes: Axes, report: MonitoringReport) -> None:
    middles = period_middles(report)
    estimates = [period.expected_accuracy for period in report.periods]
    lows, highs = [estimate.low for estimate in estimates], [estimate.high for estimate in estimates]
    axes.fill_between(middles, lows, highs, color=RIGHT, alpha=0.2, linewidth=0, label="95 % interval")
    values = [estimate.value for estimate in estimates]
    axes.plot(middles, values, color=RIGHT, marker=marker(report.periods), label="expected")
    if report.baseline and report.baseline.accuracy is not None:
        tested = report.baseline.accuracy
        name = f"{tested:.3f} on {report.baseline.source}"
        axes.axhline(tested, color="black", linestyle="--", linewidth=1, label=name)
    axes.set(ylim=(0, 1.02), ylabel="accuracy")
    format_time_axis(axes, report)
    legend_below(axes, 3)


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
    if at_threshold := expected.get(report.threshold):
        axes.plot(*at_threshold, "o", color=WRONG, label=f"threshold {report.threshold:g}")
    top = min(1.02, 1.15 * max([risk for _, risk in (*expected.values(), *tested)], default=0.1) + 0.01)
    axes.set(xlim=(0, 1.02), ylim=(0, top), xlabel="coverage: share of accepted predictions")
    axes.set_ylabel("risk: share of wrong ones among them")
    draw_grid(axes)
    axes.spines[["top", "right"]].set_visible(False)
    legend_below(axes, 3)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _drift(axes: Axes, report: MonitoringReport) -> None:
    middles = period_middles(report)
    lines = (("psi", "confidence: PSI", PALETTE[0]), ("total_variation", "classes: total variation", PALETTE[1]))
    limits = {comparison.judged_by: comparison.limit for comparison in report.comparisons}
    top = 0.0
    for field, name, colour in lines:
        distances = [getattr(period, field) for period in report.periods]
        values = np.array([np.nan if distance is None else distance for distance in distances])
        axes.plot(middles, values, color=colour, marker=marker(report.periods) or ".", label=name)
        limit = limits.get(field.replace("_", " "))
        if limit is not None:
            axes.axhline(limit, color=colour, linestyle="--", linewidth=1, label=f"limit {limit:g}")
        top = max(top, float(np.nanmax(values, initial=0)), limit or 0)
    axes.set(ylim=(0, max(1.02, 1.1 * top)), ylabel="distance from the baseline")
    format_time_axis(axes, report)
    legend_below(axes, 4)


def _latency(axes: Axes, report: MonitoringReport) -> None:
    middles = period_middles(report)
    for field, name, colour in (("latency_p95", "95th percentile", WRONG), ("latency_median", "median", RIGHT)):
        latencies = [getattr(period, field) for period in report.periods]
        values = [np.nan if seconds is None else 1e3 * seconds for seconds in latencies]
        axes.plot(middles, values, color=colour, marker=marker(report.periods) or ".", label=name)
    axes.set_ylabel("milliseconds per inference")
    axes.set_ylim(bottom=0)
    format_time_axis(axes, report)
    legend_below(axes, 2)


def _unfamiliar(axes: Axes, report: MonitoringReport) -> None:
    shares = [period.unfamiliar / period.checked if period.checked else np.nan for period in report.periods]
    axes.plot(period_middles(report), shares, color=WRONG, marker=marker(report.periods) or ".", label="of this window")
    if report.baseline and (before := report.baseline.unfamiliar) is not None:
        name = f"{100 * before:.1f} % in {report.baseline.source}"
        axes.axhline(before, color="black", linestyle="--", linewidth=1, label=name)
    axes.set(ylim=(0, 1.02), ylabel=f"share per {period_name(report)}")
    format_time_axis(axes, report)
    legend_below(axes, 2)
