"""What people and other flows are told of a trained ranking, and of ranked photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.events import emit_event

from sightline.ranking import FinishedRanking
from sightline.registry import ModelRecord, Promotion
from sightline.training.common.stages import StageRun
from tasks.ranking import RankingSpec
from tasks.support.policy import ON_STORAGE, PLAIN
from tasks.training_report import markdown_table

__all__ = ["publish_ranked", "report_ranking"]

_FIGURES = ("accuracy", "precision", "recall", "f1", "roc_auc")


@task(**PLAIN)
def report_ranking(
    record: ModelRecord, promotion: Promotion, stages: Mapping[str, StageRun], graph: str, folder: str
) -> None:
    """A page in the UI about the model, and the events ``sightline.model.trained`` and ``sightline.model.promoted``."""
    page = _page(record, promotion, stages, graph, folder)
    create_markdown_artifact(page, key="ranking-model", description=record.label)
    resource = {
        "prefect.resource.id": f"sightline.model.{record.name}.{record.version}",
        "prefect.resource.name": record.label,
        "sightline.model": record.name,
    }
    payload = {
        "version": record.version,
        "samples": record.data.samples,
        "synthetic": record.data.synthetic,
        "promoted": promotion.promoted,
        "why": promotion.why,
        **{name: record.metrics[name] for name in _FIGURES},
    }
    emit_event("sightline.model.trained", resource=resource, payload=payload)
    if promotion.promoted:
        moved = {"version": record.version, "previous": promotion.previous, "why": promotion.why}
        emit_event("sightline.model.promoted", resource=resource, payload=moved)


@task(**ON_STORAGE)
def publish_ranked(spec: RankingSpec, ended: FinishedRanking) -> None:
    """A table in the UI of the best, under the counts, and the event ``sightline.images.ranked``."""
    summary = ended.summary
    create_table_artifact(
        [
            {
                "place": place,
                "image": each.uri,
                "person": each.person,
                "ranking": f"{each.ranking:.4f}",
                "score": f"{each.score:.4f}",
                "arms above the head": "yes" if each.arms_above_head else "",
            }
            for place, each in enumerate(summary.best, start=1)
        ],
        key="best-ranked",
        description=f"{summary.images:,} photos, {summary.ranked:,} people ranked, {summary.low_confidence:,} of low "
        f"confidence, {summary.rejected:,} not to be ranked. The best, by {ended.model}. "
        f"All of them: `{spec.files['results']}`, in pictures: `{spec.files['sheet']}`",
    )
    emit_event(
        "sightline.images.ranked",
        resource={"prefect.resource.id": f"sightline.ranking.{spec.key}", "sightline.model": ended.model},
        payload={**summary.model_dump(mode="json", exclude={"best"}), "results": spec.files["results"]},
    )


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
