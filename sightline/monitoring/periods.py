"""A time cut into parts that can be drawn: what was predicted in each, and how far that is from the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from sightline.monitoring.drift import decile_edges, place_in, stability_index, total_variation
from sightline.monitoring.performance import expected_accuracy
from sightline.monitoring.rejections import Rejections
from sightline.monitoring.report import Period
from sightline.monitoring.tally import HOUR, Column, Total, VersionTally, percentile
from sightline.monitoring.watched import Version

__all__ = ["cut_into_periods", "moment"]

_STEPS = (1, 3, 6, 12, 24, 168, 672)  # hours; days and weeks begin where UTC's do
_PERIODS, _SEVERAL = 100, 8
_ROLLING = 7
_LEAST_PER_PERIOD = 30  # predictions of which shares say something
_DAY, _WEEK = 24, 168
_MONDAY = 4 * 24  # 1970 began on a Thursday


def cut_into_periods(
    versions: Mapping[str, Version], tallies: Mapping[str, VersionTally], rejected: Rejections
) -> tuple[int, tuple[Period, ...]]:
    """The hours of a period, chosen so that there are at most 100, and every period with predictions."""
    hours = {hour for tally in tallies.values() for hour in tally.hours}
    if not hours:
        return _STEPS[0], ()
    events = sum(int(tally.bins.sum()) for tally in tallies.values())
    step = _step(max(hours) - min(hours) + 1, events)
    starts = sorted({_start(hour, step) for hour in hours})
    lost = Counter[int]()
    for hour, count in rejected.hours.items():
        lost[_start(hour, step)] += count
    found: list[Period] = []
    recent: list[tuple[int, float]] = []
    for start in starts:
        rows = _rows_of(tallies, start, step)
        total = Total([(tallies[label], row) for label, row in rows.items()])
        recent = [*recent, (total.events, total.confidence)][-_ROLLING:]
        most = max(rows, key=lambda label: rows[label][Column.EVENTS])
        psi, distance = _distances(versions[most], tallies[most], rows[most])
        found.append(
            Period(
                start=moment(start),
                version=most,
                events=total.events,
                accepted=total.accepted,
                rejected=lost[start],
                mean_confidence=total.confidence / total.events,
                rolling_confidence=sum(sums for _, sums in recent) / sum(count for count, _ in recent),
                expected_accuracy=expected_accuracy(
                    total.events, total.confidence, total.variance, versions[most].baseline
                ),
                classes=_counted(versions, tallies, rows),
                psi=psi,
                total_variation=distance,
                latency_median=percentile(total.latencies, 0.5),
                latency_p95=percentile(total.latencies, 0.95),
            )
        )
    return step, tuple(found)


def _step(hours: int, events: int) -> int:
    """The shortest that makes few enough periods, with enough predictions in each where that leaves several."""
    for step in _STEPS:
        periods = hours / step
        if periods < _PERIODS and (events / periods >= _LEAST_PER_PERIOD or periods <= _SEVERAL or step >= _DAY):
            return step
    return _STEPS[-1]


def _rows_of(tallies: Mapping[str, VersionTally], start: int, step: int) -> dict[str, NDArray[np.float64]]:
    """The sums of each version that predicted in the hours from ``start`` on."""
    found = {}
    for label, tally in tallies.items():
        rows = [tally.hours[hour] for hour in range(start, start + step) if hour in tally.hours]
        if rows:
            found[label] = np.sum(rows, axis=0)
    return found


def _distances(version: Version, tally: VersionTally, row: NDArray[np.float64]) -> tuple[float | None, float | None]:
    if version.baseline is None or row[Column.EVENTS] < _LEAST_PER_PERIOD:
        return None, None
    edges, baseline = decile_edges(version.baseline.confidence), version.baseline
    before = np.bincount(place_in(edges, baseline.confidence), minlength=len(edges) + 1)
    classes = np.bincount(baseline.said, minlength=tally.classes)
    return stability_index(before, tally.range_counts(row)), total_variation(classes, tally.class_counts(row))


def _counted(
    versions: Mapping[str, Version], tallies: Mapping[str, VersionTally], rows: Mapping[str, NDArray[np.float64]]
) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for label, row in rows.items():
        counts.update(dict(zip(versions[label].classes, tallies[label].class_counts(row).tolist(), strict=True)))
    return dict(counts)


def _start(hour: int, step: int) -> int:
    offset = _MONDAY if step % _WEEK == 0 else 0
    return (hour - offset) // step * step + offset


def moment(hour: int) -> datetime:
    """The beginning of an hour, counted from 1970."""
    return datetime.fromtimestamp(hour * HOUR, UTC)
