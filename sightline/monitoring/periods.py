"""The periods of a window: the predictions in each, and their distance from the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sightline.monitoring.drift import decile_edges, range_indices, stability_index, total_variation
from sightline.monitoring.monitored import MonitoredVersion
from sightline.monitoring.performance import expected_accuracy
from sightline.monitoring.report import Period
from sightline.monitoring.tally import Column, Total, VersionTally, percentile
from sightline.monitoring.times import PERIOD_HOURS, period_length, period_start, time_of_hour

__all__ = ["divide_into_periods"]

_ROLLING = 7  # periods
_MIN_FOR_DISTANCE = 30  # predictions of a period


def divide_into_periods(
    versions: Mapping[str, MonitoredVersion], tallies: Mapping[str, VersionTally], rejected_by_hour: Mapping[int, int]
) -> tuple[int, tuple[Period, ...]]:
    """Return the length of a period in hours, and every period with predictions, in order of time."""
    hours = {hour for tally in tallies.values() for hour in tally.hours}
    if not hours:
        return PERIOD_HOURS[0], ()
    events = sum(int(tally.bins.sum()) for tally in tallies.values())
    length = period_length(max(hours) - min(hours) + 1, events)
    rejected = Counter[int]()
    for hour, count in rejected_by_hour.items():
        rejected[period_start(hour, length)] += count
    periods: list[Period] = []
    recent: list[tuple[int, float]] = []
    for start in sorted({period_start(hour, length) for hour in hours}):
        rows = _rows(tallies, start, length)
        total = Total([(tallies[label], row) for label, row in rows.items()])
        recent = [*recent, (total.events, total.confidence)][-_ROLLING:]
        main_version = max(rows, key=lambda label: rows[label][Column.EVENTS])
        version = versions[main_version]
        psi, distance = _distances(version, tallies[main_version], rows[main_version])
        periods.append(
            Period(
                start=time_of_hour(start),
                version=main_version,
                events=total.events,
                accepted=total.accepted,
                rejected=rejected[start],
                mean_confidence=total.confidence / total.events,
                rolling_confidence=sum(sums for _, sums in recent) / sum(count for count, _ in recent),
                expected_accuracy=expected_accuracy(total.events, total.confidence, total.variance, version.baseline),
                classes=_class_counts(versions, tallies, rows),
                psi=psi,
                total_variation=distance,
                latency_median=percentile(total.latencies, 0.5),
                latency_p95=percentile(total.latencies, 0.95),
                checked=total.checked,
                unfamiliar=total.unfamiliar,
            )
        )
    return length, tuple(periods)


def _rows(tallies: Mapping[str, VersionTally], start: int, length: int) -> dict[str, NDArray[np.float64]]:
    """Return the sums of each version with predictions in the period."""
    rows = {}
    for label, tally in tallies.items():
        hours = [tally.hours[hour] for hour in range(start, start + length) if hour in tally.hours]
        if hours:
            rows[label] = np.sum(hours, axis=0)
    return rows


def _distances(
    version: MonitoredVersion, tally: VersionTally, row: NDArray[np.float64]
) -> tuple[float | None, float | None]:
    baseline = version.baseline
    if baseline is None or row[Column.EVENTS] < _MIN_FOR_DISTANCE:
        return None, None
    edges = decile_edges(baseline.confidence)
    before = np.bincount(range_indices(edges, baseline.confidence), minlength=len(edges) + 1)
    classes = np.bincount(baseline.predicted, minlength=tally.classes)
    return stability_index(before, tally.range_counts(row)), total_variation(classes, tally.class_counts(row))


def _class_counts(
    versions: Mapping[str, MonitoredVersion],
    tallies: Mapping[str, VersionTally],
    rows: Mapping[str, NDArray[np.float64]],
) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for label, row in rows.items():
        counts.update(dict(zip(versions[label].classes, tallies[label].class_counts(row).tolist(), strict=True)))
    return dict(counts)
