"""The predictions that a model was the least certain of, with small pictures of what it was shown."""

from __future__ import annotations

import heapq
import io
from dataclasses import dataclass, field
from datetime import datetime

from sightline.monitoring.line import CapturedInference
from sightline.vision import Limits, Rejected, decode

__all__ = ["LeastCertain", "Uncertain"]

_KEPT = 24
_SIDE = 160  # pixels of a thumbnail
_AS_IT_IS = 64  # pixels up to which a picture is not compressed any further


@dataclass(frozen=True)
class Uncertain:
    """One prediction. ``thumbnail``: an image file, None where the input is no image that can be read."""

    uri: str
    said: str
    confidence: float
    at: datetime
    thumbnail: bytes | None


@dataclass
class LeastCertain:
    """The least certain of the predictions that it is offered, so many and no more."""

    limits: Limits
    _heap: list[tuple[float, int, Uncertain]] = field(default_factory=list)
    _offered: int = 0

    def offer(self, inference: CapturedInference, said: str, confidence: float) -> None:
        """Keep the prediction where it is among the least certain."""
        self._offered += 1
        full = len(self._heap) == _KEPT
        if full and -confidence <= self._heap[0][0]:
            return
        kept = Uncertain(
            uri=inference.uri or f"{inference.source}:{inference.line}",
            said=said,
            confidence=confidence,
            at=inference.inference_time,
            thumbnail=_thumbnail(inference.data, self.limits),
        )
        # A heap keeps its greatest: of negated confidences, that is the least certain.
        (heapq.heappushpop if full else heapq.heappush)(self._heap, (-confidence, -self._offered, kept))

    def listed(self) -> tuple[Uncertain, ...]:
        """The least certain first."""
        return tuple(each for _, _, each in sorted(self._heap, key=lambda entry: entry[:2], reverse=True))


def _thumbnail(data: bytes, limits: Limits) -> bytes | None:
    from PIL import Image

    try:
        picture = Image.fromarray(decode(data, None, limits).pixels)
    except Rejected:
        return None
    picture.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    picture.save(file, "PNG" if max(picture.size) <= _AS_IT_IS else "JPEG", quality=80)
    return file.getvalue()
