"""Classifying images: serialize → classify → filter, each over one chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from uuid import UUID, uuid5

from prefect import task
from pydantic import BaseModel, ConfigDict

from sightline import monitoring, storage, vision
from sightline.monitoring import CaptureEvent
from sightline.settings import settings
from sightline.vision import (
    RESULTS,
    REVIEW,
    TABLE,
    ClassificationRun,
    FinishedClassification,
    ImageRef,
    Limits,
    Prediction,
    SerializedChunk,
)
from tasks.models import ModelSpec, classifier_of
from tasks.support.policy import ON_STORAGE

__all__ = [
    "Chunk",
    "ChunkedJob",
    "ClassifiedChunk",
    "Job",
    "chunks_to_do",
    "classify",
    "filter_low_confidence",
    "find_finished",
    "finish_run",
    "image_limits",
    "list_images",
    "plan",
    "serialize",
]


class Job(BaseModel):
    """What one run classifies, by what, and where it is kept."""

    model_config = ConfigDict(frozen=True)

    key: str
    model: ModelSpec
    images: int
    chunk_size: int
    fixed: bool
    """Whether every image's version is known, so that the same run started again is known to have the same images."""
    output: str
    capture: str

    @property
    def chunks(self) -> int:
        """How many chunks the images make."""
        return -(-self.images // self.chunk_size)

    @property
    def run(self) -> ClassificationRun:
        """What the run has done so far."""
        return ClassificationRun(storage.locate(self.output), self.key)

    @property
    def files(self) -> dict[str, str]:
        """Where the results are."""
        names = {"results": RESULTS, "table": TABLE, "review": REVIEW}
        return {each: storage.uri_of(storage.locate(self.output) / file) for each, file in names.items()}


class Chunk(NamedTuple):
    """Some of a run's images, in their order; ``number`` counts the chunks from 0."""

    number: int
    refs: tuple[ImageRef, ...]


class _DoneSoFar(Protocol):
    def done(self) -> set[int]: ...


class ChunkedJob(Protocol):
    """A run that works chunk by chunk, whatever it does with them."""

    @property
    def chunk_size(self) -> int:
        """Images of a chunk; the last one may have fewer."""

    @property
    def chunks(self) -> int:
        """How many there are."""

    @property
    def run(self) -> _DoneSoFar:
        """What has been done so far."""


class ClassifiedChunk(BaseModel):
    """A chunk's predictions."""

    model_config = ConfigDict(frozen=True)

    number: int
    predictions: tuple[Prediction, ...]


@task(**ON_STORAGE)
def list_images(source: str | list[str] | dict[str, Any]) -> list[ImageRef]:
    """Every image that the source names, in order."""
    return vision.expand(source)


def plan(images: Sequence[ImageRef], model: ModelSpec, chunk_size: int, output: str | None, capture: str | None) -> Job:
    """The work of one run."""
    config = settings()
    key = vision.run_key(images, model.name, model.threshold, chunk_size, image_limits())
    results = config.results / model.folder / key[:12]
    return Job(
        key=key,
        model=model,
        images=len(images),
        chunk_size=chunk_size,
        fixed=all(image.version is not None or image.data is not None for image in images),
        output=storage.uri_of(config.locate(output) if output else results),
        capture=storage.uri_of(config.locate(capture or config.capture_bucket)),
    )


@task(**ON_STORAGE)
def find_finished(job: Job) -> FinishedClassification | None:
    """The same run as it ended before."""
    return job.run.finished()


@task(**ON_STORAGE)
def chunks_to_do(job: ChunkedJob, images: Sequence[ImageRef]) -> list[Chunk]:
    """The chunks that no earlier try of this run has done."""
    done, size = job.run.done(), job.chunk_size
    return [
        Chunk(number, tuple(images[number * size : (number + 1) * size]))
        for number in range(job.chunks)
        if number not in done
    ]


@task(**ON_STORAGE, task_run_name="serialize-{chunk.number}")
def serialize(chunk: Chunk, job: Job, folder: Path) -> SerializedChunk:
    """Fetch and decode the chunk's images; what cannot be read has its reason."""
    return vision.serialize_chunk(chunk.refs, job.model.input, image_limits(), folder, chunk.number)


def image_limits() -> Limits:
    """What the settings let an image cost."""
    config = settings()
    return Limits(config.max_image_pixels, config.max_image_bytes, frozenset(config.image_hosts))


@task(**ON_STORAGE, task_run_name="classify-{chunk.number}")
def classify(chunk: SerializedChunk, job: Job) -> ClassifiedChunk:
    """The probabilities of the chunk's images; every inference is captured, whatever becomes of it."""
    # A chunk that is done again, by a retry or after a kill, captures the same events in the same file.
    at = job.run.started(chunk.number)
    file_id = uuid5(UUID(job.key), f"{chunk.number} {at.isoformat()}")
    predictions = vision.classify_chunk(chunk, classifier_of(job.model))
    monitoring.write_capture(
        storage.locate(job.capture),
        job.model.endpoint,
        job.model.variant,
        _events(chunk, predictions, file_id),
        at=at,
        file_id=file_id,
    )
    chunk.discard()
    return ClassifiedChunk(number=chunk.number, predictions=tuple(predictions))


def _events(chunk: SerializedChunk, predictions: Sequence[Prediction], file_id: UUID) -> Iterator[CaptureEvent]:
    """An event for each inference; an image that an endpoint refused has none."""
    contents = iter(chunk.contents())
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
            )


@task(**ON_STORAGE, task_run_name="filter-{chunk.number}")
def filter_low_confidence(chunk: ClassifiedChunk, job: Job) -> int:
    """Judge the chunk's images and keep their records; how many there are."""
    model = job.model
    job.run.keep(
        chunk.number,
        (vision.record_of(each, model.classes, model.name, model.threshold) for each in chunk.predictions),
    )
    return len(chunk.predictions)


@task(**ON_STORAGE)
def finish_run(job: Job) -> FinishedClassification:
    """The results of all chunks, whole."""
    return job.run.finish(job.chunks, job.model.classes, job.model.name, job.model.threshold, fixed=job.fixed)
