"""Classifying images: serialize → classify → filter, one chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger

from sightline import monitoring, storage, vision
from sightline.monitoring import CaptureEvent
from sightline.names import ModelName
from sightline.runs import Chunk, Job, SkippedFile
from sightline.settings import settings
from sightline.vision import (
    ClassificationRun,
    FinishedClassification,
    ImagePrediction,
    ImageRef,
    Listing,
    SerializedChunk,
)
from tasks.events import emit_images_classified, emit_images_uncertain
from tasks.models import ModelSpec, classifier_of
from tasks.runs import image_limits, output_folder
from tasks.support.opaque import Opaque
from tasks.support.policy import ON_STORAGE, sightline_task

__all__ = [
    "ClassificationJob",
    "ClassifiedChunk",
    "classify",
    "filter_low_confidence",
    "list_images",
    "plan",
    "publish_results",
    "serialize",
    "warn_if_unchecked",
]


class ClassificationJob(Job[FinishedClassification]):
    """The plan of a run that classifies images. ``capture``: the location of the capture files."""

    model: ModelSpec
    capture: str

    @property
    def run(self) -> ClassificationRun:
        """The progress and the results of the run."""
        return ClassificationRun(storage.locate(self.output), self.key)

    def finish(self) -> FinishedClassification:
        """Write the results of all chunks."""
        model = self.model
        return self.run.finish(
            self.chunks,
            model.classes,
            model.name,
            model.threshold,
            fixed=self.fixed,
            familiarity_checked=model.checks_familiarity,
            skipped=self.skipped,
        )


@dataclass(frozen=True)
class ClassifiedChunk:
    """The predictions of a chunk's images, in order."""

    number: int
    predictions: tuple[ImagePrediction, ...]


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def list_images(source: str | list[str] | dict[str, Any]) -> Listing:
    """Return the images that the source names, in order, and the files below it that are skipped."""
    return vision.list_source(source)


def plan(
    images: Sequence[ImageRef],
    model: ModelSpec,
    chunk_size: int,
    output: str | None,
    capture: str | None,
    skipped: tuple[SkippedFile, ...] = (),
) -> ClassificationJob:
    """Return the plan of a run that classifies ``images``; its result also names the files that are ``skipped``."""
    config = settings()
    key = vision.run_key(images, model.name, model.threshold, chunk_size, image_limits(), skipped)
    return ClassificationJob(
        key=key,
        model=model,
        images=len(images),
        chunk_size=chunk_size,
        fixed=all(image.is_fixed for image in images),
        output=output_folder(output, ModelName.parse(model.name), key),
        capture=storage.uri_of(config.locate(capture or config.capture_bucket)),
        skipped=skipped,
    )


def warn_if_unchecked(model: ModelSpec) -> None:
    """Log a warning, once per run, if nothing checks whether the images are of the kind that the model knows."""
    if not model.checks_familiarity:
        get_run_logger().warning(
            "%s: nothing checks whether an image is of the kind that this model knows, so images of another kind can "
            "be accepted. Train the model again to add the check",
            model.name,
        )


@sightline_task(**ON_STORAGE, task_run_name="serialize-{chunk.value.number}", timeout="flow_timeout_seconds")
def serialize(chunk: Opaque[Chunk[ImageRef]], job: ClassificationJob, folder: Path) -> Opaque[SerializedChunk]:
    """Fetch and decode the chunk's images. An image that cannot be read gets a reason."""
    number, images = chunk.value.number, chunk.value.items
    return Opaque(vision.serialize_chunk(images, job.model.input, image_limits(), folder, number))


@sightline_task(**ON_STORAGE, task_run_name="classify-{chunk.value.number}", timeout="flow_timeout_seconds")
def classify(chunk: Opaque[SerializedChunk], job: ClassificationJob) -> Opaque[ClassifiedChunk]:
    """Predict the probabilities of the chunk's images, and capture every inference whatever its outcome."""
    serialized = chunk.value
    # A chunk that is repeated, by a retry or by a resumed run, captures the same events in the same file.
    at = job.run.started(serialized.number)
    file_id = uuid5(UUID(job.key), f"{serialized.number} {at.isoformat()}")
    predictions = vision.classify_chunk(serialized, classifier_of(job.model))
    monitoring.write_capture(
        storage.locate(job.capture),
        job.model.endpoint,
        job.model.variant,
        _events(serialized, predictions, file_id),
        at=at,
        file_id=file_id,
    )
    serialized.discard()
    return Opaque(ClassifiedChunk(serialized.number, tuple(predictions)))


def _events(chunk: SerializedChunk, predictions: Sequence[ImagePrediction], file_id: UUID) -> Iterator[CaptureEvent]:
    """Yield an event for every inference; an image that an endpoint refused has none."""
    contents = chunk.contents()
    for place, (image, prediction) in enumerate(zip(chunk.items, predictions, strict=True)):
        if image.reason is not None:
            continue
        data = next(contents)
        if prediction.probabilities is not None:
            yield CaptureEvent(
                event_id=uuid5(file_id, str(place)),
                inference_time=prediction.at,
                content_type=image.content_type or "application/octet-stream",
                data=data,
                probabilities=prediction.probabilities,
                uri=prediction.uri,
                seconds=prediction.timings["classify"],
                strangeness=prediction.strangeness,
            )


@sightline_task(**ON_STORAGE, task_run_name="filter-{chunk.value.number}", timeout="flow_timeout_seconds")
def filter_low_confidence(chunk: Opaque[ClassifiedChunk], job: ClassificationJob) -> int:
    """Compare the chunk's images with the threshold, store their records, and return the number of images."""
    model, predictions = job.model, chunk.value.predictions
    records = (vision.record_of(prediction, model.classes, model.name, model.threshold) for prediction in predictions)
    job.run.keep(chunk.value.number, records)
    return len(predictions)


@sightline_task(**ON_STORAGE)
def publish_results(job: ClassificationJob, run: FinishedClassification) -> None:
    """Show the least certain images and the counts in the UI, and emit the events of the run."""
    results = job.files["results"]
    create_table_artifact(
        vision.least_certain_rows(run), key="least-certain", description=vision.classification_summary(run, results)
    )
    emit_images_classified(run, results)
    if run.summary.low_confidence:
        emit_images_uncertain(run, results)
