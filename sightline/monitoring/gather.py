"""A window of captures, read once as a stream, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sightline.monitoring.drift import decile_edges
from sightline.monitoring.least_certain import LeastCertain, Uncertain
from sightline.monitoring.left_out import LeftOut
from sightline.monitoring.line import CapturedInference
from sightline.monitoring.predictions import Predictions
from sightline.monitoring.read import read_captures
from sightline.monitoring.tally import VersionTally
from sightline.monitoring.watched import Version, Watched
from sightline.registry import ImageInput
from sightline.storage import Location
from sightline.training.baseline import halved
from sightline.vision import Limits, Rejected, decode

__all__ = ["Embed", "Embedder", "Gathered", "Point", "gather"]

_POINTS, _IMAGES = 10_000, 256  # predictions and images that are kept, chosen at random

Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
Progress = Callable[[float], None]
"""Told the share that is done, from 0 to 1."""


class Embedder(NamedTuple):
    """What makes embeddings of images as a model takes them."""

    input: ImageInput
    embed: Embed


class Point(NamedTuple):
    """One prediction. ``time``: seconds since 1970. ``said``: the place of its class among its version's."""

    time: float
    confidence: float
    said: int
    version: str


@dataclass
class Gathered:
    """What is kept of a window's predictions. ``tallies``: by the version's label."""

    tallies: dict[str, VersionTally]
    points: list[Point]
    least_certain: tuple[Uncertain, ...]
    embeddings: NDArray[np.float16] | None
    left_out: LeftOut

    @property
    def events(self) -> int:
        """How many predictions were read."""
        return int(sum(tally.bins.sum() for tally in self.tallies.values()))

    def predictions(self, version: str, source: str) -> Predictions:
        """The sample of one version's predictions."""
        mine = [point for point in self.points if point.version == version]
        return Predictions(
            source,
            np.array([point.confidence for point in mine], np.float64),
            np.array([point.said for point in mine], np.int64),
            None,
            self.embeddings,
        )


def gather(
    watched: Watched,
    capture: Location,
    since: datetime,
    until: datetime,
    *,
    embedder: Embedder | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Read the captures from ``since`` on and before ``until``, each event once.

    Of an answer that is no probability for each of the version's classes, the line is counted as one that cannot be
    read. ``embedder``: makes embeddings of the judged version's images, of a random choice of 256 of them.
    """
    left_out, window = LeftOut(), (until - since).total_seconds() or 1.0
    gathering = _Gathering(watched, embedder, limits or Limits(), left_out)
    for number, inference in enumerate(_captured(watched, capture, since, until, left_out)):
        gathering.take(inference)
        if progress and number % 1000 == 0:
            progress((inference.inference_time - since).total_seconds() / window)
    return gathering.finish()


def _captured(
    watched: Watched, capture: Location, since: datetime, until: datetime, left_out: LeftOut
) -> Iterable[CapturedInference]:
    return read_captures(
        capture, endpoint=watched.endpoint, variant=watched.variant, since=since, until=until, left_out=left_out
    )


class _Gathering:
    def __init__(self, watched: Watched, embedder: Embedder | None, limits: Limits, left_out: LeftOut) -> None:
        self._watched = watched
        self._embedder = embedder
        self._limits = limits
        self._left_out = left_out
        self._tallies: dict[str, VersionTally] = {}
        self._points: _Sample[Point] = _Sample(_POINTS)
        self._images: _Sample[NDArray[np.uint8]] = _Sample(_IMAGES)
        self._least = LeastCertain(limits)

    def take(self, inference: CapturedInference) -> None:
        version = self._watched.versions.get(inference.variant, self._watched.judged)
        found = inference.probabilities
        if problem := _problem(found, version):
            self._left_out.refuse(f"{inference.source}:{inference.line}", problem)
            return
        confidence = max(found)
        said = found.index(confidence)
        time = inference.inference_time.timestamp()
        self._tally(version).add(time, confidence, said, inference.seconds)
        if (place := self._points.place()) is not None:
            self._points.put(place, Point(time, confidence, said, version.label))
        self._least.offer(inference, version.classes[said], confidence)
        if self._embedder and version is self._watched.judged:
            self._keep_image(inference.data, self._embedder.input)

    def finish(self) -> Gathered:
        for tally in self._tallies.values():
            tally.flush()
        images = self._images.items
        embeddings = halved(self._embedder.embed(np.stack(images))) if self._embedder and images else None
        return Gathered(self._tallies, self._points.items, self._least.listed(), embeddings, self._left_out)

    def _tally(self, version: Version) -> VersionTally:
        tally = self._tallies.get(version.label)
        if tally is None:
            edges = decile_edges(version.baseline.confidence) if version.baseline else None
            tally = self._tallies[version.label] = VersionTally(len(version.classes), version.threshold, edges)
        return tally

    def _keep_image(self, data: bytes, size: ImageInput) -> None:
        place = self._images.place()
        if place is None:
            return
        try:
            self._images.put(place, decode(data, size, self._limits).pixels)
        except Rejected:  # The input is a row of numbers, say: of those there are no embeddings.
            self._images.skip()


def _problem(found: tuple[float, ...], version: Version) -> str:
    if len(found) != len(version.classes):
        count, classes = len(found), len(version.classes)
        return (
            f"{count} {'probability' if count == 1 else 'probabilities'}, where {version.label} has {classes} classes"
        )
    if not all(0 <= each <= 1 for each in found):
        return f"{max(found, key=abs):g} is no probability: those are between 0 and 1"
    return ""


T = TypeVar("T")


@dataclass
class _Sample(Generic[T]):
    """A random choice of what is offered, each with the same chance. J. Vitter's algorithm R (1985)."""

    most: int
    items: list[T] = field(default_factory=list)
    _offered: int = 0
    _random: Random = field(default_factory=lambda: Random(0))  # noqa: S311

    def place(self) -> int | None:
        """Where what is offered next goes; None where it is not chosen."""
        self._offered += 1
        if len(self.items) < self.most:
            return len(self.items)
        place = int(self._random.random() * self._offered)
        return place if place < self.most else None

    def put(self, place: int, item: T) -> None:
        """Keep what was chosen."""
        if place == len(self.items):
            self.items.append(item)
        else:
            self.items[place] = item

    def skip(self) -> None:
        """What was chosen turned out to be nothing."""
        self._offered -= 1
