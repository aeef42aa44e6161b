"""``sightline stages``: what of a training would be run again, and why. Nothing is run, and nothing recorded."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict

from sightline.registry import ModelNotFound, ModelRecord, Registry
from sightline.training.ranking import (
    RankingParameters,
    open_ranking_data,
    parameters_of,
    ranking_graph,
    stages_root,
)
from sightline.training.stages import StageState
from tasks.models import open_registry

__all__ = ["Stages", "stages"]

_DEFAULTS = RankingParameters()


class Stages(BaseModel):
    """The stages of a training in order, and the graph as a Mermaid flowchart. ``data``: None where none is named."""

    model_config = ConfigDict(frozen=True)

    pipeline: str
    data: str | None
    stages: tuple[StageState, ...]
    mermaid: str

    def __str__(self) -> str:
        rows = [(each.name, "fresh" if each.fresh else "stale", _after(each), each.why) for each in self.stages]
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
    model: str = "running-style",
    mermaid: bool = False,
    parameters: Annotated[RankingParameters, Parameter(name="*")] = _DEFAULTS,
) -> Stages:
    """Show the stages of a training: which are up to date, which would run, and why.

    Args:
        pipeline: Whose stages.
        data: As of train-ranking. By default that of the current model, with its parameters.
        model: The model that those are taken from.
        mermaid: Print the graph as a Mermaid flowchart.
        parameters: As of train-ranking.
    """
    registry = open_registry()
    record = None if data else _current(registry, model)
    if record:
        data = record.parameters["data"]["uri"]
        given = {name: getattr(parameters, name) for name in parameters.model_fields_set}
        parameters = parameters_of(record).model_copy(update=given)
    opened = open_ranking_data(data, prepared=parameters.prepared) if data else None
    graph = ranking_graph(opened, parameters, stages_root(registry.root))
    kind = _Mermaid if mermaid else Stages
    return kind(
        pipeline=pipeline, data=opened.uri if opened else None, stages=tuple(graph.plan()), mermaid=graph.mermaid()
    )


def _current(registry: Registry, model: str) -> ModelRecord | None:
    try:
        record = registry.record(model)
    except ModelNotFound:
        return None
    return record if "data" in record.parameters else None


def _after(state: StageState) -> str:
    return f"after {', '.join(state.inputs)}" if state.inputs else ""
