"""Steps of every chunked run: the results of earlier attempts, the remaining chunks, the limits and the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from sightline import storage
from sightline.names import ModelName
from sightline.runs import Chunk, FinishedRun, Job
from sightline.settings import settings
from sightline.vision import ImageRef, Limits
from tasks.support.policy import ON_STORAGE, sightline_task

__all__ = ["chunks_to_do", "find_finished", "finish_run", "image_limits", "output_folder"]

# A task cannot be generic, so typed functions call it.
Finished = TypeVar("Finished", bound=FinishedRun[Any])


def find_finished(job: Job[Finished]) -> Finished | None:
    """Return the same run if it finished before, otherwise None."""
    return cast("Finished | None", _find_finished(job))


def finish_run(job: Job[Finished]) -> Finished:
    """Write the results of all chunks, and return the finished run."""
    return cast("Finished", _finish_run(job))


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def chunks_to_do(job: Job[Any], images: Sequence[ImageRef]) -> list[Chunk[ImageRef]]:
    """Return the chunks that no earlier attempt of this run completed."""
    return job.remaining(images)


@sightline_task(**ON_STORAGE, name="find_finished")
def _find_finished(job: Job[Any]) -> object:
    return job.run.finished()


@sightline_task(**ON_STORAGE, name="finish_run", timeout="flow_timeout_seconds")
def _finish_run(job: Job[Any]) -> object:
    return job.finish()


def image_limits() -> Limits:
    """Return the limits of an image that the settings define."""
    config = settings()
    return Limits(
        config.max_image_pixels, config.max_image_bytes, frozenset(config.image_hosts), white=config.image_white
    )


def output_folder(output: str | None, model: ModelName, key: str) -> str:
    """Return the URI of the folder of a run's results: ``output``, by default one under RESULTS_BUCKET."""
    config = settings()
    if output:
        return storage.uri_of(config.locate(output))
    earlier = config.results / model.earlier_folder / key[:12]
    # A run that version 0.1 began is continued where it is.
    is_begun = next(iter(storage.walk(earlier)), None) is not None
    return storage.uri_of(earlier if is_begun else config.results / model.folder / key[:12])
