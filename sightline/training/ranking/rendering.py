"""The page about a trained ranking, for the Prefect UI."""

from __future__ import annotations

from collections.abc import Mapping

from sightline import markdown
from sightline.registry import ModelRecord, Promotion
from sightline.training.common import rendering
from sightline.training.common.stages import StageRun

__all__ = ["model_page"]

_METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc")


def model_page(
    record: ModelRecord, promotion: Promotion, stages: Mapping[str, StageRun], graph: str, folder: str
) -> str:
    """Return a page about a trained version: its data, metrics, stages and files.

    Args:
        record: The version.
        promotion: Whether it is the current version, and why.
        stages: The stages of its training, by name.
        graph: The graph of the stages, in Mermaid's language.
        folder: The URI of the version in the registry.
    """
    data, architecture = record.data, record.architecture
    weights = "ImageNet weights" if architecture["pretrained"] else "random weights, without pretraining"
    metrics = [(name.replace("_", " "), *_metric(record, name)) for name in _METRICS]
    return markdown.page(
        f"# {record.label}: {rendering.outcome_of(promotion)}",
        f"{architecture['backbone']} ({weights}) with a linear head. {rendering.promotion_sentence(promotion)}",
        rendering.synthetic_warning(record, "photos"),
        f"{data.samples} lower bodies from {data.source}: {data.train} for training, {data.validation} for validation, "
        f"{data.test} for evaluation, from {data.groups} source photos, each in one split only.",
        markdown.table(("on the evaluation photos", "", "95 %"), metrics),
        markdown.table(("dropped", "count"), list(record.parameters["dropped"].items())),
        markdown.table(
            ("stage", "", "why"), [(name, "ran" if run.ran else "fresh", run.why) for name, run in stages.items()]
        ),
        f"```mermaid\n{graph}\n```",
        rendering.files_of(record, folder),
    )


def _metric(record: ModelRecord, name: str) -> tuple[str, str]:
    value, interval = record.metrics[name], record.metrics[f"{name}_interval"]
    text = "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
    return "not defined" if value is None else f"{value:.4f}", text
