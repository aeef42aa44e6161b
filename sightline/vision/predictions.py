"""The predictions of a model for a chunk of images, from the registry or an endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from sightline.vision.chunks import SerializedChunk
from sightline.vision.classifier import Examination, ImageClassifier
from sightline.vision.endpoint import EndpointClassifier
from sightline.vision.reasons import Rejected
from sightline.vision.records import ImageRecord, Outcome, judge_image

__all__ = ["ImagePrediction", "classify_chunk", "record_of"]


class ImagePrediction(BaseModel):
    """An image's probabilities, in the order of the model's classes, or the reason why it has none.

    ``strangeness``: as in :class:`~sightline.vision.ImageRecord`. ``at``: the time of the inference.
    ``timings``: seconds. ``warnings``: what is wrong with the image's file.
    """

    model_config = ConfigDict(frozen=True)

    uri: str
    sha256: str | None
    probabilities: tuple[float, ...] | None
    strangeness: float | None = None
    reason: str | None
    detail: str | None
    at: AwareDatetime
    timings: dict[str, float]
    warnings: tuple[str, ...] = ()


def classify_chunk(chunk: SerializedChunk, classifier: ImageClassifier | EndpointClassifier) -> list[ImagePrediction]:
    """Return a prediction for every image of the chunk, in its order."""
    results = _invoke(chunk, classifier) if isinstance(classifier, EndpointClassifier) else _predict(chunk, classifier)
    predictions = []
    for image in chunk.items:
        fields: dict[str, Any] = {"probabilities": None, "reason": image.reason, "detail": image.detail}
        fields["warnings"] = image.warnings
        timings = {"serialize": image.seconds}
        if image.reason is None:
            result, timings["classify"] = next(results)
            if isinstance(result, Rejected):
                fields |= {"reason": result.reason, "detail": result.detail}
            else:
                fields["probabilities"], fields["strangeness"] = result
        predictions.append(
            ImagePrediction(uri=image.uri, sha256=image.sha256, at=datetime.now(UTC), timings=timings, **fields)
        )
    return predictions


def record_of(prediction: ImagePrediction, classes: Sequence[str], model: str, threshold: float) -> ImageRecord:
    """Return the record of an image: accepted, uncertain or rejected."""
    fields: dict[str, Any] = {
        "uri": prediction.uri,
        "sha256": prediction.sha256,
        "threshold": threshold,
        "strangeness": prediction.strangeness,
        "model": model,
        "timings": prediction.timings,
        "warnings": prediction.warnings,
    }
    if prediction.probabilities is None:
        return ImageRecord(**fields, outcome=Outcome.REJECTED, reason=prediction.reason, detail=prediction.detail)
    probabilities = dict(zip(classes, prediction.probabilities, strict=True))
    judgement = judge_image(probabilities, threshold, prediction.strangeness)
    return ImageRecord(**fields, probabilities=probabilities, **judgement._asdict())


_Result = tuple[Examination | Rejected, float]


def _predict(chunk: SerializedChunk, classifier: ImageClassifier) -> Iterator[_Result]:
    """Yield the examination of every readable image, and its share of the seconds that the batch took."""
    start = time.perf_counter()
    examinations = classifier.examine(chunk.pixels())
    share = (time.perf_counter() - start) / max(1, len(examinations))
    return ((examination, share) for examination in examinations)


def _invoke(chunk: SerializedChunk, classifier: EndpointClassifier) -> Iterator[_Result]:
    for image, data in zip(chunk.readable, chunk.contents(), strict=True):
        start = time.perf_counter()
        result: Examination | Rejected
        try:
            probabilities = classifier.predict(data, image.content_type or "application/octet-stream")
            result = Examination(probabilities, None)  # An endpoint returns no embedding.
        except Rejected as rejected:
            result = rejected
        yield result, time.perf_counter() - start
