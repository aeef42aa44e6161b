"""Samples of a stream: a random one of fixed size, and the least certain predictions."""

from __future__ import annotations

import heapq
import io
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Generic, TypeVar

from sightline.monitoring.capture_lines import CapturedInference
from sightline.vision import Limits, Rejected, decode

__all__ = ["LeastCertain", "RandomSample", "UncertainPrediction"]

_LEAST_CERTAIN = 24
_SIDE = 160  # pixels of a thumbnail
_LOSSLESS_SIDE = 64  # pixels up to which a thumbnail is stored without loss

T = TypeVar("T")


@dataclass
class RandomSample(Generic[T]):
    """A random sample of a stream in which every item has the same chance. J. Vitter's algorithm R (1985)."""

    size: int
    items: list[T] = field(default_factory=list)
    _offered: int = 0
    _random: Random = field(default_factory=lambda: Random(0))  # noqa: S311

    def next_place(self) -> int | None:
        """Return the place in the sample for the next item of the stream, None if it is not chosen."""
        self._offered += 1
        if len(self.items) < self.size:
            return len(self.items)
        place = int(self._random.random() * self._offered)
        return place if place < self.size else None

    def put(self, place: int, item: T) -> None:
        """Store the chosen item."""
        if place == len(self.items):
            self.items.append(item)
        else:
            self.items[place] = item

    def skip(self) -> None:
        """Do not count the item that was chosen: it cannot be used."""
        self._offered -= 1


@dataclass(frozen=True)
class UncertainPrediction:
    """One prediction. ``thumbnail``: an image file, None if the input is not a readable image."""

    uri: str
    class_name: str
    confidence: float
    at: datetime
    thumbnail: bytes | None


@dataclass
class LeastCertain:
    """The 24 least certain predictions of a stream."""

    limits: Limits
    _heap: list[tuple[float, int, UncertainPrediction]] = field(default_factory=list)
    _offered: int = 0

    def offer(self, inference: CapturedInference, class_name: str, confidence: float) -> None:
        """Store the prediction if it is one of the least certain."""
        self._offered += 1
        full = len(self._heap) == _LEAST_CERTAIN
        if full and -confidence <= self._heap[0][0]:
            return
        prediction = UncertainPrediction(
            uri=inference.uri or f"{inference.source}:{inference.line}",
            class_name=class_name,
            confidence=confidence,
            at=inference.inference_time,
            thumbnail=_thumbnail(inference.data, self.limits),
        )
        # The confidence is negated: a heap removes its smallest item, here the most certain prediction.
        (heapq.heappushpop if full else heapq.heappush)(self._heap, (-confidence, -self._offered, prediction))

    def predictions(self) -> tuple[UncertainPrediction, ...]:
        """Return the predictions, the least certain first."""
        return tuple(entry[-1] for entry in sorted(self._heap, key=lambda entry: entry[:2], reverse=True))


def _thumbnail(data: bytes, limits: Limits) -> bytes | None:
    from PIL import Image

    try:
        image = Image.fromarray(decode(data, None, limits).pixels)
    except Rejected:
        return None
    image.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    image.save(file, "PNG" if max(image.size) <= _LOSSLESS_SIDE else "JPEG", quality=80)
    return file.getvalue()
