"""A report on a model: its captures read, counted, and compared with what was normal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import numpy as np

from sightline.monitoring.drift import LEAST_BASELINE, Comparison, DriftLimits, compare_windows
from sightline.monitoring.gather import Gathered
from sightline.monitoring.performance import expected_accuracy, risk_against_coverage
from sightline.monitoring.periods import cut_into_periods, moment
from sightline.monitoring.predictions import Predictions
from sightline.monitoring.rejections import Rejections
from sightline.monitoring.report import (
    BaselineFacts,
    ClassFigures,
    Latency,
    MonitoringReport,
    UncertainItem,
    VersionFigures,
)
from sightline.monitoring.tally import Column, Total, VersionTally, percentile
from sightline.monitoring.watched import Version, Watched

__all__ = ["report_on"]


def report_on(
    watched: Watched,
    gathered: Gathered,
    since: datetime,
    until: datetime,
    *,
    rejections: Rejections | None = None,
    limits: DriftLimits | None = None,
    note: str | None = None,
) -> MonitoringReport:
    """The report on what was gathered. ``note``: a line for who reads it."""
    limits, rejected = limits or DriftLimits(), rejections or Rejections()
    judged, tallies = watched.judged, gathered.tallies
    known = {each.label: each for each in (judged, *watched.versions.values()) if each.label in tallies}
    versions = {label: known[label] for label in sorted(known, key=lambda label: min(tallies[label].hours))}
    total = Total([(tally, tally.total()) for tally in tallies.values()])
    looked_at, not_looked_at = _compare(judged, gathered, limits)
    mine = tallies.get(judged.label)
    step, periods = cut_into_periods(versions, tallies, rejected)
    training = judged.record.parameters if judged.record else {}
    return MonitoringReport(
        model=watched.name,
        version=judged.label,
        since=since,
        until=until,
        note=note,
        synthetic=bool(judged.record and judged.record.data.synthetic),
        data=training.get("data"),
        preset=training.get("preset"),
        pretrained=training.get("pretrained_asked_for"),
        threshold=judged.threshold,
        classes=judged.classes,
        events=total.events,
        duplicates=gathered.left_out.duplicates,
        bad_lines=gathered.left_out.bad_lines,
        bad_lines_named=tuple(gathered.left_out.named),
        accepted=total.accepted,
        low_confidence=total.events - total.accepted,
        rejected=rejected.total,
        reasons=dict(rejected.reasons.most_common()),
        mean_confidence=total.confidence / total.events if total.events else None,
        expected_accuracy=expected_accuracy(total.events, total.confidence, total.variance, judged.baseline)
        if total.events
        else None,
        versions={label: _version_figures(tallies[label], version) for label, version in versions.items()},
        per_class=_classes(versions, tallies, judged),
        latency=_latency(total),
        period_hours=step,
        periods=periods,
        risk_coverage=risk_against_coverage(mine.bins, mine.sums, judged.threshold, judged.baseline) if mine else (),
        baseline=_facts(judged.baseline),
        looked_at=tuple(looked_at),
        drift=tuple(each for each in looked_at if each.drifted),
        not_looked_at=not_looked_at,
        least_certain=tuple(
            UncertainItem(uri=each.uri, class_name=each.said, confidence=each.confidence, at=each.at)
            for each in gathered.least_certain
        ),
    )


def _compare(judged: Version, gathered: Gathered, limits: DriftLimits) -> tuple[list[Comparison], str | None]:
    """The comparisons, and what kept some of them, or all, from being made."""
    baseline, tally = judged.baseline, gathered.tallies.get(judged.label)
    if baseline is None:
        return [], (
            f"there is no baseline of {judged.label}: it was published before versions kept one, or is no version. "
            "Train it again, or compare with an earlier time by --baseline SINCE/UNTIL"
        )
    if len(baseline) < LEAST_BASELINE:
        return [], f"the baseline, {baseline.source}, has {len(baseline)} predictions, and {LEAST_BASELINE} are needed"
    events = int(tally.bins.sum()) if tally else 0
    if tally is None or events < limits.min_events:
        return [], f"there are {events} predictions of {judged.label}, and DRIFT_MIN_EVENTS is {limits.min_events}"
    window = gathered.predictions(judged.label, "this time")
    found = compare_windows(baseline, window, tally.class_counts(tally.total()).tolist(), judged.classes, limits)
    if any(each.what == "embeddings" for each in found):
        return found, None
    if baseline.embeddings is None or len(baseline.embeddings) < LEAST_BASELINE:
        return found, f"the images were not compared: {baseline.source} has too few embeddings, or none"
    return found, "the images were not compared: too few of them were captured, or their model was not at hand"


def _version_figures(tally: VersionTally, version: Version) -> VersionFigures:
    row = tally.total()
    return VersionFigures(
        events=int(row[Column.EVENTS]),
        threshold=version.threshold,
        mean_confidence=float(row[Column.CONFIDENCE] / row[Column.EVENTS]),
        first=moment(min(tally.hours)),
        last=moment(max(tally.hours)),
    )


def _classes(
    versions: Mapping[str, Version], tallies: Mapping[str, VersionTally], judged: Version
) -> dict[str, ClassFigures]:
    names = dict.fromkeys((*judged.classes, *(name for each in versions.values() for name in each.classes)))
    counts, sums = Counter(dict.fromkeys(names, 0)), Counter(dict.fromkeys(names, 0.0))
    for label, version in versions.items():
        tally = tallies[label]
        counts.update(dict(zip(version.classes, tally.class_counts(tally.total()).tolist(), strict=True)))
        sums.update(dict(zip(version.classes, tally.class_sums.tolist(), strict=True)))
    before = {}
    if judged.baseline:
        shares = np.bincount(judged.baseline.said, minlength=len(judged.classes)) / len(judged.baseline)
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


def _facts(baseline: Predictions | None) -> BaselineFacts | None:
    if baseline is None:
        return None
    return BaselineFacts(
        source=baseline.source,
        predictions=len(baseline),
        embeddings=0 if baseline.embeddings is None else len(baseline.embeddings),
        mean_confidence=float(baseline.confidence.mean()),
        accuracy=baseline.accuracy,
    )
