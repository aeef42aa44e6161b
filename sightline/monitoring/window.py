"""A window of time: its captured predictions, read once as a stream, and the images that its runs rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline import storage
from sightline.monitoring.capture_lines import CapturedInference
from sightline.monitoring.capture_reader import SkippedLines, read_captures
from sightline.monitoring.drift import decile_edges
from sightline.monitoring.monitored import MonitoredModel, MonitoredVersion
from sightline.monitoring.predictions import Predictions
from sightline.monitoring.samples import LeastCertain, RandomSample, UncertainPrediction
from sightline.monitoring.tally import VersionTally
from sightline.monitoring.times import HOUR
from sightline.progress import Progress
from sightline.registry import ImageInput
from sightline.registry.baseline import to_float16
from sightline.storage import Location
from sightline.vision import (
    UNCERTAIN,
    FinishedClassification,
    InvalidAnswer,
    Limits,
    Rejected,
    decode,
    finished_runs,
)

__all__ = ["Embedder", "Point", "Rejections", "Window", "read_rejections", "read_window"]

_POINTS, _IMAGES = 10_000, 256  # sizes of the random samples of predictions and of images
_FILE_SPAN = timedelta(days=1)  # a chunk of a run may be repeated hours after the time in its file's name
_CLOCK_SLACK = timedelta(hours=1)  # between an event and the beginning or the end of the window of its file


class Embedder(NamedTuple):
    """A function that computes embeddings of images, and the input that it needs."""

    input: ImageInput
    embed: Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class Point(NamedTuple):
    """One prediction. ``time``: seconds since 1970. ``class_index``: among the classes of its version."""

    time: float
    confidence: float
    class_index: int
    version: str


@dataclass
class Rejections:
    """Images that were rejected before any model processed them, by reason, and by the hour in which their run ended.

    Captures do not contain them. Hours are counted from 1970.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """The number of rejected images."""
        return self.reasons.total()


@dataclass
class Window:
    """The predictions of a model from ``since`` on and before ``until``.

    ``tallies``: counts by the version's label. ``points``: a random sample. ``embeddings``: of a random sample of the
    judged version's images, None if there are none. ``unreadable``: the number of captured lines and files that could
    not be read.
    """

    model: MonitoredModel
    since: datetime
    until: datetime
    tallies: dict[str, VersionTally]
    points: list[Point]
    least_certain: tuple[UncertainPrediction, ...]
    embeddings: NDArray[np.float16] | None
    skipped: SkippedLines
    unreadable: int
    rejections: Rejections

    @property
    def events(self) -> int:
        """The number of predictions that were read."""
        return int(sum(tally.bins.sum() for tally in self.tallies.values()))

    def predictions(self, version: str, source: str) -> Predictions:
        """Return the sample of one version's predictions."""
        points = [point for point in self.points if point.version == version]
        tally = self.tallies.get(version)
        return Predictions(
            source,
            np.array([point.confidence for point in points], np.float64),
            np.array([point.class_index for point in points], np.int64),
            None,
            self.embeddings,
            tally.unfamiliar() if tally else None,
        )


def read_window(
    model: MonitoredModel,
    capture: Location,
    since: datetime,
    until: datetime,
    *,
    results: Location | None = None,
    embedder: Embedder | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Window:
    """Read the captures from ``since`` on and before ``until``, each event once.

    A line whose output is not one probability for each of the version's classes is counted as unreadable. An event
    that is dated outside the window, or more than a day from its file, is counted at the file's time. ``results``:
    the folder of the runs' results, from which the rejected images are counted. ``embedder``: computes the embeddings
    of 256 randomly chosen images of the judged version.
    """
    skipped, seconds = SkippedLines(), (until - since).total_seconds() or 1.0
    reader = _WindowReader(model, since, until, embedder, limits or Limits(), skipped)
    captures = read_captures(
        capture, endpoint=model.endpoint, variant=model.variant, since=since, until=until, skipped=skipped
    )
    for number, inference in enumerate(captures):
        reader.add(inference)
        if progress and number % 1000 == 0:
            progress((inference.file_time - since).total_seconds() / seconds)
    unreadable, rejections = skipped.bad_lines, Rejections()
    if results is not None:
        rejections = read_rejections(results, model.result_folders, since, until, skipped, model.labels)
    return reader.finish(unreadable, rejections)


def read_rejections(
    results: Location,
    folders: Collection[str],
    since: datetime,
    until: datetime,
    skipped: SkippedLines,
    labels: Collection[str] | None = None,
) -> Rejections:
    """Count the images rejected by runs that ended in the window, in the given folders of ``results``.

    Runs with results elsewhere are not found. ``labels``: the versions whose runs count, by default all: in version 0.1
    two models could share a folder. A damaged ``run.json`` is counted among the unreadable lines.
    """
    rejections = Rejections()
    for folder in folders:
        for place, run in finished_runs(results / folder):
            if not isinstance(run, FinishedClassification):
                skipped.add(storage.uri_of(place), run)
            elif since <= run.finished < until and (labels is None or run.model in labels):
                reasons = {name: count for name, count in run.summary.reasons.items() if count}
                for uncertain in UNCERTAIN:
                    reasons.pop(uncertain, None)
                rejections.reasons.update(reasons)
                rejections.hours[int(run.finished.timestamp()) // HOUR] += sum(reasons.values())
    return rejections


class _WindowReader:
    def __init__(
        self,
        model: MonitoredModel,
        since: datetime,
        until: datetime,
        embedder: Embedder | None,
        limits: Limits,
        skipped: SkippedLines,
    ) -> None:
        self._model = model
        self._since, self._until = since, until
        self._embedder = embedder
        self._limits = limits
        self._skipped = skipped
        self._tallies: dict[str, VersionTally] = {}
        self._points: RandomSample[Point] = RandomSample(_POINTS)
        self._images: RandomSample[NDArray[np.uint8]] = RandomSample(_IMAGES)
        self._least_certain = LeastCertain(limits)

    def add(self, inference: CapturedInference) -> None:
        version = self._model.versions.get(inference.variant, self._model.judged)
        try:
            probabilities = inference.answer.for_classes(version.classes, version.label)
        except InvalidAnswer as error:
            self._skipped.add(f"{inference.source}:{inference.line}", str(error))
            return
        confidence = max(probabilities)
        class_index = probabilities.index(confidence)
        time = self._time_of(inference).timestamp()
        self._tally(version).add(time, confidence, class_index, inference.seconds, inference.strangeness)
        if (place := self._points.next_place()) is not None:
            self._points.put(place, Point(time, confidence, class_index, version.label))
        self._least_certain.offer(inference, version.classes[class_index], confidence)
        if self._embedder and version is self._model.judged:
            self._sample_image(inference.data, self._embedder.input)

    def _time_of(self, inference: CapturedInference) -> datetime:
        """Return the time of an event, which is that of its file if its own is far from it, or outside the window."""
        time = inference.inference_time
        is_near = abs(time - inference.file_time) <= _FILE_SPAN
        if is_near and self._since - _CLOCK_SLACK <= time < self._until + _CLOCK_SLACK:
            return time
        self._skipped.add_misdated(f"{inference.source}:{inference.line}", inference.inference_time)
        return inference.file_time

    def finish(self, unreadable: int, rejections: Rejections) -> Window:
        for tally in self._tallies.values():
            tally.flush()
        images = self._images.items
        return Window(
            model=self._model,
            since=self._since,
            until=self._until,
            tallies=self._tallies,
            points=self._points.items,
            least_certain=self._least_certain.predictions(),
            embeddings=to_float16(self._embedder.embed(np.stack(images))) if self._embedder and images else None,
            skipped=self._skipped,
            unreadable=unreadable,
            rejections=rejections,
        )

    def _tally(self, version: MonitoredVersion) -> VersionTally:
        tally = self._tallies.get(version.label)
        if tally is None:
            edges = decile_edges(version.baseline.confidence) if version.baseline else None
            tally = self._tallies[version.label] = VersionTally(len(version.classes), version.threshold, edges)
        return tally

    def _sample_image(self, data: bytes, size: ImageInput) -> None:
        place = self._images.next_place()
        if place is None:
            return
        try:
            self._images.put(place, decode(data, size, self._limits).pixels)
        except Rejected:  # The input may be a row of numbers, which has no embedding.
            self._images.skip()
