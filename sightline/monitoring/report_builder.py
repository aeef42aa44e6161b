"""Building a monitoring report from a window: counts, estimates, and the comparison with the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from sightline.monitoring.drift import MIN_BASELINE_SIZE, DriftComparison, DriftLimits, compare_windows
from sightline.monitoring.monitored import MonitoredVersion
from sightline.monitoring.performance import expected_accuracy, risk_against_coverage
from sightline.monitoring.periods import divide_into_periods
from sightline.monitoring.predictions import Predictions
from sightline.monitoring.report import (
    BaselineFacts,
    ClassFigures,
    Latency,
    MonitoringReport,
    UncertainItem,
    VersionFigures,
)
from sightline.monitoring.tally import Column, Total, VersionTally, percentile
from sightline.monitoring.times import time_of_hour
from sightline.monitoring.window import Window

__all__ = ["build_report"]


def build_report(window: Window, *, limits: DriftLimits | None = None, note: str | None = None) -> MonitoringReport:
    """Return the report on a window. ``note``: a line for its readers."""
    judged, tallies = window.model.judged, window.tallies
    labelled = {version.label: version for version in (judged, *window.model.versions.values())}
    versions = {label: labelled[label] for label in sorted(tallies, key=lambda label: min(tallies[label].hours))}
    total = Total([(tally, tally.total()) for tally in tallies.values()])
    comparisons, not_compared = _compare(judged, window, limits or DriftLimits())
    tally = tallies.get(judged.label)
    period_hours, periods = divide_into_periods(versions, tallies, window.rejections.hours)
    training = judged.record.parameters if judged.record else {}
    problem = _blindness(window)
    return MonitoringReport(
        model=window.model.name,
        version=judged.label,
        since=window.since,
        until=window.until,
        note=note,
        synthetic=bool(judged.record and judged.record.data.synthetic),
        data=training.get("data"),
        preset=training.get("preset"),
        pretrained=training.get("pretrained_asked_for"),
        threshold=judged.threshold,
        classes=judged.classes,
        events=total.events,
        duplicates=window.skipped.duplicates,
        bad_lines=window.skipped.bad_lines,
        bad_line_examples=tuple(window.skipped.examples),
        misdated=window.skipped.misdated,
        misdated_examples=tuple(window.skipped.misdated_examples),
        accepted=total.accepted,
        low_confidence=total.events - total.accepted,
        checked=total.checked,
        unfamiliar=total.unfamiliar,
        rejected=window.rejections.total,
        reasons=dict(window.rejections.reasons.most_common()),
        mean_confidence=total.confidence / total.events if total.events else None,
        expected_accuracy=expected_accuracy(total.events, total.confidence, total.variance, judged.baseline)
        if total.events
        else None,
        versions={label: _version_figures(tallies[label], version) for label, version in versions.items()},
        per_class=_class_figures(versions, tallies, judged),
        latency=_latency(total),
        period_hours=period_hours,
        periods=periods,
        risk_coverage=risk_against_coverage(tally.bins, tally.sums, judged.threshold, judged.baseline) if tally else (),
        baseline=_baseline_facts(judged.baseline),
        comparisons=tuple(comparisons),
        drift=tuple(comparison for comparison in comparisons if comparison.drifted),
        not_compared=not_compared,
        least_certain=tuple(
            UncertainItem(
                uri=prediction.uri,
                class_name=prediction.class_name,
                confidence=prediction.confidence,
                at=prediction.at,
            )
            for prediction in window.least_certain
        ),
        problem=problem,
        blind=problem is not None,
    )


def _blindness(window: Window) -> str | None:
    """Return why the window says nothing about the model: most of its captures cannot be read. None if they can."""
    unreadable, events = window.unreadable, window.events
    if unreadable <= events:
        return None
    read = f"{f'only {events:,}' if events else 'none'} of {unreadable + events:,} captured predictions can be read"
    return f"{read}; the first problem is {window.skipped.examples[0]}"


def _compare(judged: MonitoredVersion, window: Window, limits: DriftLimits) -> tuple[list[DriftComparison], str | None]:
    """Return the comparisons, and the reason why some or all of them were not possible."""
    baseline, tally = judged.baseline, window.tallies.get(judged.label)
    if baseline is None:
        return [], (
            f"there is no baseline of {judged.label}: it was published before baselines were stored, or it is not a "
            "version of the registry. Train it again, or compare with an earlier window by --baseline SINCE/UNTIL"
        )
    if len(baseline) < MIN_BASELINE_SIZE:
        return [], f"the baseline, {baseline.source}, has {len(baseline)} predictions; {MIN_BASELINE_SIZE} are needed"
    events = int(tally.bins.sum()) if tally else 0
    if tally is None or events < limits.min_events:
        return [], f"there are {events} predictions of {judged.label}; DRIFT_MIN_EVENTS is {limits.min_events}"
    sample = window.predictions(judged.label, "this window")
    counts = tally.class_counts(tally.total()).tolist()
    comparisons = compare_windows(baseline, sample, counts, judged.classes, limits)
    if any(comparison.quantity == "embeddings" for comparison in comparisons):
        return comparisons, None
    if baseline.embeddings is None or len(baseline.embeddings) < MIN_BASELINE_SIZE:
        return comparisons, f"the images were not compared: {baseline.source} has too few embeddings, or none"
    return comparisons, "the images were not compared: too few were captured, or the model was not available"


def _version_figures(tally: VersionTally, version: MonitoredVersion) -> VersionFigures:
    row = tally.total()
    return VersionFigures(
        events=int(row[Column.EVENTS]),
        threshold=version.threshold,
        mean_confidence=float(row[Column.CONFIDENCE] / row[Column.EVENTS]),
        first=time_of_hour(min(tally.hours)),
        last=time_of_hour(max(tally.hours)),
    )


def _class_figures(
    versions: Mapping[str, MonitoredVersion], tallies: Mapping[str, VersionTally], judged: MonitoredVersion
) -> dict[str, ClassFigures]:
    names = dict.fromkeys((*judged.classes, *(name for version in versions.values() for name in version.classes)))
    counts, sums = Counter(dict.fromkeys(names, 0)), Counter(dict.fromkeys(names, 0.0))
    for label, version in versions.items():
        tally = tallies[label]
        counts.update(dict(zip(version.classes, tally.class_counts(tally.total()).tolist(), strict=True)))
        sums.update(dict(zip(version.classes, tally.class_sums.tolist(), strict=True)))
    before = {}
    if judged.baseline:
        shares = np.bincount(judged.baseline.predicted, minlength=len(judged.classes)) / len(judged.baseline)
        before = dict(zip(judged.classes, shares.tolist(), strict=True))
    return {
        name: ClassFigures(
            events=counts[name],
            share=counts[name] / max(counts.total(), 1),
            mean_confidence=sums[name] / counts[name] if counts[name] else None,
            baseline_share=before.get(name),
        )
        for name in names
    }


def _latency(total: Total) -> Latency | None:
    median, p95, p99 = (percentile(total.latencies, share) for share in (0.5, 0.95, 0.99))
    if median is None or p95 is None or p99 is None:
        return None
    return Latency(events=int(total.latencies.sum()), median=median, p95=p95, p99=p99)


def _baseline_facts(baseline: Predictions | None) -> BaselineFacts | None:
    if baseline is None:
        return None
    return BaselineFacts(
        source=baseline.source,
        predictions=len(baseline),
        embeddings=0 if baseline.embeddings is None else len(baseline.embeddings),
        mean_confidence=float(baseline.confidence.mean()),
        accuracy=baseline.accuracy,
        unfamiliar=baseline.unfamiliar.share if baseline.unfamiliar else None,
    )
