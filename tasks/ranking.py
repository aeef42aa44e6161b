"""Ranking the people of many photos, some photos at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import lru_cache

from prefect import task
from pydantic import BaseModel, ConfigDict

from sightline import storage, vision
from sightline.names import ModelName
from sightline.ranking import (
    SHEET,
    FinishedRanking,
    PrepareParameters,
    Preparer,
    Ranker,
    RankingRun,
    load_ranker,
    rank_photos,
    ranking_record,
)
from sightline.registry import Registry
from sightline.settings import settings
from sightline.vision import RESULTS, TABLE, ImageRef
from tasks.images import Chunk, image_limits
from tasks.models import open_registry
from tasks.support.policy import ON_STORAGE

__all__ = ["RankingSpec", "find_ranking", "finish_ranking", "plan_photos", "rank", "resolve_ranker"]


class RankingSpec(BaseModel):
    """What one run ranks, by what, and where it is kept; small enough to be handed from task to task."""

    model_config = ConfigDict(frozen=True)

    key: str
    model: str
    registry: str
    parameters: PrepareParameters
    bonus: float
    images: int
    chunk_size: int
    fixed: bool
    """Whether every photo's version is known, so that the same run started again is known to have the same photos."""
    output: str

    @property
    def chunks(self) -> int:
        """How many chunks the photos make."""
        return -(-self.images // self.chunk_size)

    @property
    def run(self) -> RankingRun:
        """What the run has done so far."""
        return RankingRun(storage.locate(self.output), self.key)

    @property
    def files(self) -> dict[str, str]:
        """Where the results are."""
        names = {"results": RESULTS, "table": TABLE, "sheet": SHEET}
        return {each: storage.uri_of(storage.locate(self.output) / file) for each, file in names.items()}


@task(**ON_STORAGE)
def resolve_ranker(model: str) -> tuple[str, float]:
    """The version that ``model`` names now, so that a whole run uses one, and its own bonus."""
    record = ranking_record(open_registry(), model)
    return record.label, float(record.parameters["arms_bonus"])


def plan_photos(
    photos: Sequence[ImageRef],
    model: str,
    parameters: PrepareParameters,
    bonus: float,
    chunk_size: int,
    output: str | None,
) -> RankingSpec:
    """The work of one run."""
    config, registry = settings(), open_registry()
    asked = json.dumps([model, parameters.model_dump(mode="json")])
    key = vision.run_key(photos, asked, bonus, chunk_size, image_limits())
    results = config.results / ModelName.parse(model).folder / key[:12]
    return RankingSpec(
        key=key,
        model=model,
        registry=storage.uri_of(registry.root),
        parameters=parameters,
        bonus=bonus,
        images=len(photos),
        chunk_size=chunk_size,
        fixed=all(photo.version is not None or photo.data is not None for photo in photos),
        output=storage.uri_of(config.locate(output) if output else results),
    )


@task(**ON_STORAGE)
def find_ranking(spec: RankingSpec) -> FinishedRanking | None:
    """The same run as it ended before."""
    return spec.run.finished()


@task(**ON_STORAGE, task_run_name="rank-{chunk.number}")
def rank(chunk: Chunk, spec: RankingSpec) -> int:
    """Find, crop and score the people of the chunk's photos, and keep them; how many photos there were."""
    ranked = rank_photos(
        chunk.refs,
        _ranker(spec.registry, spec.model),
        _preparer(),
        spec.parameters,
        bonus=spec.bonus,
        limits=image_limits(),
    )
    spec.run.keep(chunk.number, ranked)
    return len(chunk.refs)


@task(**ON_STORAGE)
def finish_ranking(spec: RankingSpec) -> FinishedRanking:
    """The results of all chunks, whole: records, table and contact sheet."""
    return spec.run.finish(spec.chunks, spec.images, spec.model, fixed=spec.fixed)


class _PerThread(threading.local):
    preparer: Preparer | None = None


_own = _PerThread()
_loading = threading.Lock()


def _preparer() -> Preparer:
    """The thread's own pose models, loaded once."""
    if _own.preparer is None:
        _own.preparer = Preparer()
    return _own.preparer


def _ranker(registry: str, model: str) -> Ranker:
    """The model, loaded and checked once a process, however many chunks ask for it at the same time."""
    with _loading:
        return _load(registry, model)


@lru_cache(maxsize=4)
def _load(registry: str, model: str) -> Ranker:
    return load_ranker(Registry(storage.locate(registry)), model)
