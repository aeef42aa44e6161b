"""Steps of training the running-style ranking: its stages as tasks, publishing and promotion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from sightline.errors import InvalidSetting
from sightline.ranking import ranking_record
from sightline.registry import ModelRecord, Promotion
from sightline.training.common import UnsuitableData
from sightline.training.common.stages import StageRun
from sightline.training.ranking import (
    SPLITS,
    RankingData,
    RankingParameters,
    RankingTraining,
    model_page,
    open_ranking_data,
    open_two_folders,
    parameters_of,
    promote_ranker,
    publish_ranker,
    ranking_graph,
    stages_root,
)
from tasks.events import emit_training
from tasks.models import open_registry
from tasks.support.opaque import Opaque
from tasks.support.policy import ON_STORAGE, PLAIN, sightline_task
from tasks.support.progress import progress

__all__ = [
    "plan_ranking",
    "promote_ranking",
    "publish_ranking",
    "report_training",
    "run_stage",
]


@sightline_task(**ON_STORAGE, timeout="training_timeout_seconds")
def plan_ranking(
    name: str, data: str | None, bad: str | None, parameters: RankingParameters, again: str | None
) -> Opaque[RankingTraining]:
    """List and hash the data, and build the stages.

    ``bad``: the folder of the bad photos, if ``data`` is that of the good ones.
    ``again``: the earlier version whose data and parameters are used; its data must be unchanged.
    """
    registry = open_registry()
    registry.versions(name)
    if again is None:
        if data is None:
            raise InvalidSetting(
                "train-ranking: needs two folders, GOOD and BAD, or DATA, or --again with the version to reproduce"
            )
        opened = _open((data, bad) if bad is not None else data, parameters)
    else:
        given = (data, bad) if data is not None and bad is not None else data
        parameters, opened = _reproduced(ranking_record(registry, again), given, parameters)
    graph = ranking_graph(opened, parameters, stages_root(registry.root))
    return Opaque(RankingTraining(name, opened, parameters, graph))


@sightline_task(**ON_STORAGE, task_run_name="{stage}", timeout="training_timeout_seconds")
def run_stage(job: Opaque[RankingTraining], stage: str) -> StageRun:
    """Run one stage if an input changed."""
    logger, graph = get_run_logger(), job.value.graph
    state = next(state for state in graph.plan() if state.name == stage)
    if state.fresh:
        logger.info("%s is up to date: %s", stage, state.why)
        return graph.run(stage)
    logger.info("%s runs: %s", stage, state.why)
    with progress(stage) as report:
        return graph.run(stage, report)


@sightline_task(**ON_STORAGE, timeout="training_timeout_seconds")
def publish_ranking(job: Opaque[RankingTraining]) -> ModelRecord:
    """Publish a new version in the registry: ONNX file, metrics, plots and manifest."""
    training = job.value
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as folder:
        return publish_ranker(
            open_registry(), training.name, training.graph, training.data, training.parameters, Path(folder)
        )


@sightline_task(**PLAIN, timeout="training_timeout_seconds")
def promote_ranking(job: Opaque[RankingTraining], record: ModelRecord) -> Promotion:
    """Promote the version if it ranks the same evaluation images at least as well as the current one."""
    return promote_ranker(open_registry(), record, job.value.graph)


@sightline_task(**PLAIN)
def report_training(
    record: ModelRecord, promotion: Promotion, stages: Mapping[str, StageRun], graph: str, folder: str
) -> None:
    """Publish the model's page, and emit the events of a training. ``folder`` is the URI of the version."""
    page = model_page(record, promotion, stages, graph, folder)
    create_markdown_artifact(page, key="ranking-model", description=record.label)
    emit_training(record, promotion)


def _open(data: str | tuple[str, str], parameters: RankingParameters) -> RankingData:
    if isinstance(data, str):
        return open_ranking_data(data, prepared=parameters.prepared)
    return open_two_folders(*data, prepared=parameters.prepared)


def _reproduced(
    record: ModelRecord, data: str | tuple[str, str] | None, requested: RankingParameters
) -> tuple[RankingParameters, RankingData]:
    defaults = RankingParameters()
    if changed := [
        name for name in RankingParameters.model_fields if getattr(requested, name) != getattr(defaults, name)
    ]:
        raise InvalidSetting(
            f"--again {record.label} uses that version's parameters. Omit {', '.join(changed)}, or omit --again"
        )
    recorded = record.parameters["data"]
    parameters = parameters_of(record)
    folders = recorded.get("folders")
    opened = _open(data or (tuple(folders) if folders else recorded["uri"]), parameters)
    if changed_splits := [split for split in SPLITS if opened.version(split) != recorded["versions"][split]]:
        raise UnsuitableData(
            opened.uri,
            f"the data of {' and '.join(changed_splits)} differ from those that {record.label} was trained on",
            "Restore them, or pass DATA at the revision that contains them",
        )
    return parameters, opened
