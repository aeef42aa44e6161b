"""What people and other flows are told of a trained ranking, and of ranked photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact

from sightline.registry import ModelRecord, Promotion
from sightline.training.common.stages import StageRun
from tasks.events import emit_model_promoted, emit_model_trained
from tasks.support.policy import PLAIN
from tasks.training_report import markdown_table

__all__ = ["report_ranking"]

_FIGURES = ("accuracy", "precision", "recall", "f1", "roc_auc")


@task(**PLAIN)
def report_ranking(
    record: ModelRecord, promotion: Promotion, stages: Mapping[str, StageRun], graph: str, folder: str
) -> None:
    """A page in the UI about the model, and the events ``sightline.model.trained`` and ``sightline.model.promoted``."""
    page = _page(record, promotion, stages, graph, folder)
    create_markdown_artifact(page, key="ranking-model", description=record.label)
    emit_model_trained(record, promotion)
    if promotion.promoted:
        emit_model_promoted(record, promotion)


def _page(record: ModelRecord, promotion: Promotion, stages: Mapping[str, StageRun], graph: str, folder: str) -> str:
    data, made, dropped = record.data, record.architecture, record.parameters["dropped"]
    weights = "ImageNet weights" if made["pretrained"] else "random weights, that is without anything learnt"
    against = "" if promotion.rival is None else f", the current one's is {promotion.rival:.4f}"
    parts = [
        f"# {record.label}: {'now the current model' if promotion.promoted else 'not promoted'}",
        f"{made['backbone']} ({weights}) with a linear head. Its ROC-AUC is {promotion.value:.4f}{against}: "
        f"{promotion.why}.",
        "**The photos are synthetic: this is no model for real use.**" if data.synthetic else "",
        f"{data.samples} lower bodies of {data.source}: {data.train} train, {data.validation} validate, {data.test} "
        f"evaluate, {data.groups} source photos, none of which is on two sides.",
        markdown_table(
            ("on the evaluation photos", "", "95 %"),
            [(name.replace("_", " "), *_figure(record.metrics, name)) for name in _FIGURES],
        ),
        markdown_table(("dropped", "how many"), dropped.items()) if dropped else "",
        markdown_table(
            ("stage", "", "why"), [(name, "ran" if run.ran else "fresh", run.why) for name, run in stages.items()]
        ),
        f"```mermaid\n{graph}\n```",
        "\n".join(f"- `{folder}/{name}`" for name in record.files),
    ]
    return "\n\n".join(filter(None, parts))


def _figure(metrics: Mapping[str, Any], name: str) -> tuple[str, str]:
    value, interval = metrics[name], metrics[f"{name}_interval"]
    told = "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
    return "nothing to tell it from" if value is None else f"{value:.4f}", told
