"""``sightline stages``: which stages a training would run, and why. It runs and records nothing."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from sightline.registry import ModelNotFound, ModelRecord, Registry
from sightline.training.common.stages import StageState
from sightline.training.ranking import (
    RankingData,
    RankingParameters,
    open_ranking_data,
    open_two_folders,
    parameters_of,
    ranking_graph,
    stages_root,
)
from tasks.models import open_registry

__all__ = ["Stages", "stages"]

_DEFAULTS = RankingParameters()


class Stages(BaseModel):
    """The stages of a training in order, and their graph as a Mermaid flowchart. ``data`` is None if there is none."""

    model_config = ConfigDict(frozen=True)

    pipeline: str
    data: str | None
    stages: tuple[StageState, ...]
    mermaid: str

    def __str__(self) -> str:
        rows = [(stage.name, "fresh" if stage.fresh else "stale", _after(stage), stage.why) for stage in self.stages]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3])) for row in rows
        ]
        return "\n".join([f"{self.pipeline} on {self.data or 'no data'}", *lines])


class _Mermaid(Stages):
    def __str__(self) -> str:
        return self.mermaid


def stages(
    pipeline: Literal["ranking"],
    *,
    data: str | None = None,
    bad: str | None = None,
    model: str = "running-style",
    mermaid: bool = False,
    parameters: Annotated[RankingParameters, Parameter(name="*")] = _DEFAULTS,
) -> Stages:
    """Show the stages of a training: which are up to date, which would run, and why.

    Args:
        pipeline: The training whose stages are shown.
        data: The training data, as for train-ranking. By default the data and parameters of the current model.
        bad: The folder of the bad photos, if data is that of the good ones.
        model: The model whose data and parameters are used by default.
        mermaid: Print the graph as a Mermaid flowchart.
        parameters: A parameter of train-ranking.
    """
    registry = open_registry()
    record = None if data else _current(registry, model)
    if record:
        data = record.parameters["data"]["uri"]
        overrides = {name: getattr(parameters, name) for name in parameters.model_fields_set}
        parameters = parameters_of(record).model_copy(update=overrides)
        folders = record.parameters["data"].get("folders")
    else:
        folders = (data, bad) if data and bad else None
    if folders:
        ranking_data: RankingData | None = open_two_folders(*folders, prepared=parameters.prepared)
    else:
        ranking_data = open_ranking_data(data, prepared=parameters.prepared) if data else None
    graph = ranking_graph(ranking_data, parameters, stages_root(registry.root))
    kind = _Mermaid if mermaid else Stages
    return kind(
        pipeline=pipeline,
        data=ranking_data.uri if ranking_data else None,
        stages=tuple(graph.plan()),
        mermaid=graph.mermaid(),
    )


def _current(registry: Registry, model: str) -> ModelRecord | None:
    try:
        record = registry.record(model)
    except ModelNotFound:
        return None
    return record if "data" in record.parameters else None


def _after(state: StageState) -> str:
    return f"after {', '.join(state.inputs)}" if state.inputs else ""
