"""Counts of a stream of predictions. Their size does not depend on the number of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sightline.monitoring.drift import range_indices
from sightline.monitoring.predictions import Unfamiliar
from sightline.monitoring.times import HOUR

__all__ = ["BINS", "CLASS_BINS", "LATENCIES", "Column", "Total", "VersionTally", "percentile"]

BINS, CLASS_BINS = 200, 40
"""Equal ranges of the confidence from 0 to 1: of all predictions, and within each class."""

LATENCIES: NDArray[np.float64] = np.geomspace(1e-4, 1e3, 141)
"""Edges of the latency ranges, in seconds: twenty per power of ten."""

_BLOCK = 4096  # predictions that are counted together


class Column:
    """Columns of an hour's row: sums, then counts by class, by range of the baseline, and by latency.

    ``CHECKED``: the images whose strangeness was measured. ``UNFAMILIAR``: those of them with more than 1.
    """

    EVENTS, CONFIDENCE, VARIANCE, ACCEPTED, CHECKED, UNFAMILIAR = range(6)
    FIRST_CLASS = 6


@dataclass
class _Block:
    times: list[float] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    class_indices: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    strangeness: list[float] = field(default_factory=list)


class VersionTally:
    """Counts of one version's predictions.

    ``edges``: between the ranges of its baseline's confidence, None without a baseline. ``bins`` and ``sums``: the
    number of confidences in each of the :data:`BINS` ranges, and their sum. ``by_class``: the number in each of the
    :data:`CLASS_BINS` ranges, shape = (classes, ranges). ``class_sums``: the sum of the confidences of each class.
    ``hours``: a row of sums by hour; hours are counted from 1970, and hours without predictions are left out.
    """

    def __init__(self, classes: int, threshold: float, edges: NDArray[np.float64] | None) -> None:
        self.classes = classes
        self.threshold = threshold
        self._edges = edges
        self.ranges = 0 if edges is None else len(edges) + 1
        self.bins = np.zeros(BINS, np.int64)
        self.sums = np.zeros(BINS)
        self.by_class = np.zeros((classes, CLASS_BINS), np.int64)
        self.class_sums = np.zeros(classes)
        self.hours: dict[int, NDArray[np.float64]] = {}
        self._block = _Block()

    @property
    def width(self) -> int:
        """The number of columns of an hour's row."""
        return Column.FIRST_CLASS + self.classes + self.ranges + len(LATENCIES) + 1

    def add(
        self,
        time: float,
        confidence: float,
        class_index: int,
        seconds: float | None,
        strangeness: float | None = None,
    ) -> None:
        """Count a prediction.

        ``time``: seconds since 1970. ``seconds``: the duration of the inference. ``strangeness``: None if unknown.
        """
        block = self._block
        block.times.append(time)
        block.confidences.append(confidence)
        block.class_indices.append(class_index)
        block.seconds.append(np.nan if seconds is None else seconds)
        block.strangeness.append(np.nan if strangeness is None else strangeness)
        if len(block.times) == _BLOCK:
            self.flush()

    def flush(self) -> None:
        """Count the predictions that are still buffered. Call it after the last prediction."""
        block, self._block = self._block, _Block()
        if not block.times:
            return
        confidence, class_index = np.array(block.confidences), np.array(block.class_indices)
        bin_index = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
        self.bins += np.bincount(bin_index, minlength=BINS)
        self.sums += np.bincount(bin_index, confidence, minlength=BINS)
        class_bin = np.minimum((confidence * CLASS_BINS).astype(np.int64), CLASS_BINS - 1)
        np.add.at(self.by_class, (class_index, class_bin), 1)
        self.class_sums += np.bincount(class_index, confidence, minlength=self.classes)
        hours = np.array(block.times) // HOUR
        latency, strangeness = np.array(block.seconds), np.array(block.strangeness)
        for hour in np.unique(hours):
            within = hours == hour
            row = self._row(confidence[within], class_index[within], latency[within], strangeness[within])
            self.hours[int(hour)] = self.hours.get(int(hour), 0.0) + row

    def _row(
        self,
        confidence: NDArray[np.float64],
        class_index: NDArray[np.int64],
        latency: NDArray[np.float64],
        strangeness: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        in_ranges = np.zeros(0, np.int64)
        if self._edges is not None:
            in_ranges = np.bincount(range_indices(self._edges, confidence), minlength=self.ranges)
        known = latency[~np.isnan(latency)]
        # An image of an unknown kind is not accepted, whatever its confidence.
        unfamiliar = strangeness > 1
        return np.concatenate(
            [
                [len(confidence), confidence.sum(), (confidence * (1 - confidence)).sum()],
                [np.count_nonzero((confidence >= self.threshold) & ~unfamiliar)],
                [np.count_nonzero(~np.isnan(strangeness)), np.count_nonzero(unfamiliar)],
                np.bincount(class_index, minlength=self.classes),
                in_ranges,
                np.bincount(np.searchsorted(LATENCIES, known), minlength=len(LATENCIES) + 1),
            ]
        )

    def total(self) -> NDArray[np.float64]:
        """Return the sum of the hours' rows."""
        return np.sum(list(self.hours.values()), axis=0) if self.hours else np.zeros(self.width)

    def unfamiliar(self) -> Unfamiliar | None:
        """Return how many images were of an unknown kind, None if nothing measured it."""
        row = self.total()
        checked = int(row[Column.CHECKED])
        return Unfamiliar(checked, int(row[Column.UNFAMILIAR])) if checked else None

    def class_counts(self, row: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the row's counts by class."""
        return row[Column.FIRST_CLASS :][: self.classes].astype(np.int64)

    def range_counts(self, row: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the row's counts by range of the baseline's confidence."""
        return row[Column.FIRST_CLASS + self.classes :][: self.ranges].astype(np.int64)

    def latency_counts(self, row: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the row's counts between the :data:`LATENCIES`."""
        return row[-len(LATENCIES) - 1 :].astype(np.int64)


class Total:
    """The sums of several rows, each with its tally. ``latencies``: counts between :data:`LATENCIES`."""

    def __init__(self, rows: Sequence[tuple[VersionTally, NDArray[np.float64]]]) -> None:
        self.events = int(sum(row[Column.EVENTS] for _, row in rows))
        self.accepted = int(sum(row[Column.ACCEPTED] for _, row in rows))
        self.checked = int(sum(row[Column.CHECKED] for _, row in rows))
        self.unfamiliar = int(sum(row[Column.UNFAMILIAR] for _, row in rows))
        self.confidence = float(sum(row[Column.CONFIDENCE] for _, row in rows))
        self.variance = float(sum(row[Column.VARIANCE] for _, row in rows))
        self.latencies = np.zeros(len(LATENCIES) + 1, np.int64)
        for tally, row in rows:
            self.latencies += tally.latency_counts(row)


def percentile(counts: Sequence[int] | NDArray[np.int64], share: float) -> float | None:
    """Return the latency, in seconds, below which this share of the counts is; None if there are no counts.

    It is the upper edge of a range between :data:`LATENCIES`, so it can be 12.3 % too high, not too low.
    """
    sums = np.cumsum(counts)
    if not sums[-1]:
        return None
    place = int(np.searchsorted(sums, share * sums[-1]))
    return float(LATENCIES[min(place, len(LATENCIES) - 1)])
