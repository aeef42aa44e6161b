"""Ranking the people in photos, one chunk of photos at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence

from prefect.artifacts import create_table_artifact

from sightline import storage, vision
from sightline.errors import InvalidInput
from sightline.names import ModelName
from sightline.ranking import (
    PHOTOS,
    FinishedRanking,
    PrepareParameters,
    Preparer,
    RankedPhoto,
    Ranker,
    RankingRun,
    best_rows,
    load_ranker,
    rank_photos,
    ranking_record,
    ranking_summary,
    read_photos,
)
from sightline.registry import Registry
from sightline.runs import Chunk, Job, SkippedFile
from sightline.settings import settings
from sightline.vision import ImageRef
from tasks.events import emit_images_ranked
from tasks.models import open_registry
from tasks.runs import image_limits, output_folder
from tasks.support.loading import loaded_once
from tasks.support.opaque import Opaque
from tasks.support.policy import ON_STORAGE, sightline_task

__all__ = ["RankingJob", "copy_best_photos", "plan_photos", "publish_ranked", "rank", "resolve_ranker"]


class RankingJob(Job[FinishedRanking]):
    """The plan of a run that ranks the people in photos.

    ``model``: a version's label. ``registry``: its location. ``bonus``: the bonus for raised arms.
    """

    model: str
    registry: str
    parameters: PrepareParameters
    bonus: float

    @property
    def run(self) -> RankingRun:
        """The progress and the results of the run."""
        return RankingRun(storage.locate(self.output), self.key)

    def ranked_photos(self) -> list[RankedPhoto]:
        """Return the photos of the finished run, best first."""
        table = self.run.output / PHOTOS
        try:
            return read_photos(storage.read_bytes(table))
        except FileNotFoundError as error:
            raise InvalidInput(
                storage.uri_of(table), "does not exist: an earlier version ranked the photos", "Give another --output"
            ) from error

    def finish(self) -> FinishedRanking:
        """Write the results of all chunks: records, table and contact sheet."""
        return self.run.finish(self.chunks, self.images, self.model, fixed=self.fixed, skipped=self.skipped)


@sightline_task(**ON_STORAGE)
def resolve_ranker(model: str) -> tuple[str, float]:
    """Return the label of the version that ``model`` names now, and its bonus. The run uses this version to its end."""
    record = ranking_record(open_registry(), model)
    return record.label, float(record.parameters["arms_bonus"])


def plan_photos(
    photos: Sequence[ImageRef],
    model: str,
    parameters: PrepareParameters,
    bonus: float,
    chunk_size: int,
    output: str | None,
    skipped: tuple[SkippedFile, ...] = (),
) -> RankingJob:
    """Return the plan of a run that ranks the people in ``photos``; its result also names the ``skipped`` files."""
    identity = json.dumps([model, parameters.model_dump(mode="json")])
    key = vision.run_key(photos, identity, bonus, chunk_size, image_limits(), skipped)
    return RankingJob(
        key=key,
        model=model,
        registry=storage.uri_of(open_registry().root),
        parameters=parameters,
        bonus=bonus,
        images=len(photos),
        chunk_size=chunk_size,
        fixed=all(photo.is_fixed for photo in photos),
        output=output_folder(output, ModelName.parse(model), key),
        skipped=skipped,
    )


@sightline_task(**ON_STORAGE, task_run_name="rank-{chunk.value.number}", timeout="flow_timeout_seconds")
def rank(chunk: Opaque[Chunk[ImageRef]], job: RankingJob) -> int:
    """Find, crop and score the people in the chunk's photos, store them, and return the number of photos."""
    photos = chunk.value.items
    ranked = rank_photos(
        photos,
        _ranker(job.registry, job.model),
        _preparer(),
        job.parameters,
        bonus=job.bonus,
        limits=image_limits(),
    )
    job.run.keep(chunk.value.number, ranked)
    return len(photos)


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def publish_ranked(job: RankingJob, run: FinishedRanking) -> None:
    """Show the best ranked people and the counts in the UI, and emit the event of the run."""
    results, sheet = job.files["results"], job.files["sheet"]
    create_table_artifact(best_rows(run), key="best-ranked", description=ranking_summary(run, results, sheet))
    emit_images_ranked(run, results)


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def copy_best_photos(job: RankingJob, photos: Sequence[ImageRef], count: int, folder: str | None) -> tuple[str, ...]:
    """Copy the best photos, one per picture, into ``folder``, and return their URIs, best first.

    ``folder`` is by default ``best`` in the results. The names begin with the place and the ranking. Raises
    ``InvalidInput`` for a run that finished with an earlier version, which has no list of photos.
    """
    target = settings().locate(folder) if folder else job.run.output / "best"
    refs = {photo.shown: photo for photo in photos}
    chosen = [photo for photo in job.ranked_photos() if photo.best_of_group and photo.ranking is not None][:count]
    copies = []
    for number, photo in enumerate(chosen, start=1):
        name = photo.uri.rpartition("/")[2].replace(":", "-")
        copy = target / f"{number:0{len(str(len(chosen)))}d}_{photo.ranking:.3f}_{name}"
        storage.write_bytes(copy, vision.fetch(refs[photo.uri], image_limits()))
        copies.append(storage.uri_of(copy))
    return tuple(copies)


class _PerThread(threading.local):
    preparer: Preparer | None = None


_this_thread = _PerThread()


def _preparer() -> Preparer:
    """Return this thread's pose models, loaded once."""
    if _this_thread.preparer is None:
        _this_thread.preparer = Preparer()
    return _this_thread.preparer


@loaded_once
def _ranker(registry: str, model: str) -> Ranker:
    return load_ranker(Registry(storage.locate(registry)), model)
