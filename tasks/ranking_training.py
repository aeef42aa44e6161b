"""Training the running-style ranking: its stages as tasks, and what follows them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import task
from prefect.logging import get_run_logger

from sightline.errors import InvalidSetting
from sightline.ranking import ranking_record
from sightline.registry import ModelRecord, Promotion
from sightline.training.common import UnsuitableData
from sightline.training.common.stages import StageGraph, StageRun
from sightline.training.ranking import (
    SPLITS,
    RankingData,
    RankingParameters,
    open_ranking_data,
    parameters_of,
    promote_ranker,
    publish_ranker,
    ranking_graph,
    stages_root,
)
from tasks.models import open_registry
from tasks.support.policy import ON_STORAGE, PLAIN
from tasks.support.progress import progress

__all__ = ["RankingJob", "plan_ranking", "promote_ranking", "publish_ranking", "run_stage"]


class RankingJob:
    """What is trained on what. A plain object: Prefect looks through every field of a data class at each call."""

    def __init__(self, name: str, data: RankingData, parameters: RankingParameters, graph: StageGraph) -> None:
        self.name = name
        self.data = data
        self.parameters = parameters
        self.graph = graph


@task(**ON_STORAGE)
def plan_ranking(name: str, data: str | None, parameters: RankingParameters, again: str | None) -> RankingJob:
    """The data, listed and hashed, and the stages on them; or those of an earlier version, which must be the same."""
    registry = open_registry()
    registry.versions(name)
    if again is None:
        if data is None:
            raise InvalidSetting("train-ranking: needs DATA, or --again with a version to train again")
        opened = open_ranking_data(data, prepared=parameters.prepared)
    else:
        parameters, opened = _as_before(ranking_record(registry, again), data, parameters)
    return RankingJob(name, opened, parameters, ranking_graph(opened, parameters, stages_root(registry.root)))


@task(**ON_STORAGE, task_run_name="{stage}")
def run_stage(job: RankingJob, stage: str) -> StageRun:
    """One stage, run unless nothing that it depends on has changed."""
    logger = get_run_logger()
    state = next(each for each in job.graph.plan() if each.name == stage)
    if state.fresh:
        logger.info("%s is fresh: %s", stage, state.why)
        return job.graph.run(stage)
    logger.info("%s runs: %s", stage, state.why)
    with progress(stage) as report:
        return job.graph.run(stage, report)


@task(**ON_STORAGE)
def publish_ranking(job: RankingJob) -> ModelRecord:
    """A new version in the registry: the ONNX file, the figures, the plots and the manifest."""
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as folder:
        return publish_ranker(open_registry(), job.name, job.graph, job.data, job.parameters, Path(folder))


@task(**PLAIN)
def promote_ranking(job: RankingJob, record: ModelRecord) -> Promotion:
    """The version made current, where it ranks the same evaluation pictures at least as well as the current one."""
    return promote_ranker(open_registry(), record, job.graph)


def _as_before(
    record: ModelRecord, data: str | None, given: RankingParameters
) -> tuple[RankingParameters, RankingData]:
    defaults = RankingParameters()
    if changed := [name for name in RankingParameters.model_fields if getattr(given, name) != getattr(defaults, name)]:
        raise InvalidSetting(
            f"--again {record.label}: its own parameters count. Leave out {', '.join(changed)}, or leave out --again"
        )
    before = record.parameters["data"]
    parameters = parameters_of(record)
    opened = open_ranking_data(data or before["uri"], prepared=parameters.prepared)
    if other := [split for split in SPLITS if opened.version(split) != before["versions"][split]]:
        raise UnsuitableData(
            opened.uri,
            f"the data of {' and '.join(other)} are not those that {record.label} was trained on any more",
            "Put them back, or give DATA at the revision that has them",
        )
    return parameters, opened
