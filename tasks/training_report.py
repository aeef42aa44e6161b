"""What the Prefect UI, the log and other flows are told of a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.events import emit_event
from prefect.logging import get_run_logger

from sightline.names import ModelName
from sightline.registry import ModelRecord, Promotion
from sightline.training.images import ComparisonRow, Unusable
from tasks.events import emit_model_rolled_back
from tasks.support.policy import PLAIN

__all__ = [
    "announce_model",
    "markdown_table",
    "model_resource",
    "publish_comparison",
    "report_rollback",
    "report_training",
]

_LISTED = 20  # pictures left out that a page names


@task(**PLAIN)
def publish_comparison(rows: Sequence[ComparisonRow]) -> None:
    """The model-selection table, in the UI and in the log."""
    cells = [_comparison_cells(row) for row in rows]
    create_table_artifact(cells, key="model-selection", description="Backbones and heads on the validation set")
    logger = get_run_logger()
    for line in _aligned(cells):
        logger.info("%s", line)


@task(**PLAIN)
def report_training(record: ModelRecord, promotion: Promotion, unusable: Sequence[Unusable], folder: str) -> None:
    """A page in the UI about the model, and the events ``sightline.model.trained`` and ``sightline.model.promoted``."""
    create_markdown_artifact(_page(record, promotion, unusable, folder), key="model", description=record.label)
    announce_model(record, promotion)


def announce_model(record: ModelRecord, promotion: Promotion) -> None:
    """Emit ``sightline.model.trained`` and, where it is current now, ``sightline.model.promoted``."""
    payload = {
        "version": record.version,
        "samples": record.data.samples,
        "synthetic": record.data.synthetic,
        "reviewed": record.data.reviewed,
        "promoted": promotion.promoted,
        "why": promotion.why,
        **{name: record.metrics[name] for name in ("accuracy", "macro_f1", "ece_after", "share_accepted")},
    }
    emit_event("sightline.model.trained", resource=model_resource(record.name, record.version), payload=payload)
    if promotion.promoted:
        moved = {"version": record.version, "previous": promotion.previous, "why": promotion.why}
        emit_event("sightline.model.promoted", resource=model_resource(record.name, record.version), payload=moved)


@task(**PLAIN)
def report_rollback(model: ModelName, previous: int | None) -> None:
    """Emit ``sightline.model.rolled-back`` for the version that is current now."""
    emit_model_rolled_back(model, previous)


def model_resource(name: str, version: int | None) -> dict[str, str]:
    """What events about a version, or about a model that has none, are of."""
    parts = [name] if version is None else [name, str(version)]
    return {
        "prefect.resource.id": f"sightline.model.{'.'.join(parts)}",
        "prefect.resource.name": "/".join(parts),
        "sightline.model": name,
    }


def _comparison_cells(row: ComparisonRow) -> dict[str, str]:
    return {
        "backbone": row.backbone,
        "weights": "ImageNet" if row.pretrained else "from scratch",
        "head": row.head,
        "accuracy": f"{row.accuracy:.4f}",
        "macro-F1": f"{row.macro_f1:.4f}",
        "train s": f"{row.train_seconds:.1f}",
        "predict s": f"{row.predict_seconds:.2f}",
        "chosen": "yes" if row.chosen else "",
    }


def _aligned(rows: Sequence[dict[str, str]]) -> list[str]:
    """A heading and a line a row, in columns."""
    table = [list(rows[0]), *(list(row.values()) for row in rows)] if rows else []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def _page(record: ModelRecord, promotion: Promotion, unusable: Sequence[Unusable], folder: str) -> str:
    data, metrics, made = record.data, record.metrics, record.architecture
    weights = "ImageNet weights" if made["pretrained"] else "trained from scratch"
    against = "" if promotion.rival is None else f", the current one's is {promotion.rival:.4f}"
    parts = [
        f"# {record.label}: {'now the current model' if promotion.promoted else 'not promoted'}",
        f"{made['backbone']} ({weights}) with a head of {made['head']}. Its {promotion.metric} is "
        f"{promotion.value:.4f}{against}: {promotion.why}.",
        "**The pictures are synthetic: this is no model for real use.**" if data.synthetic else "",
        f"{data.samples} pictures of {data.source}{_groups(data.groups)}: {data.train} train, {data.validation} "
        f"validate, {data.test} test. {len(unusable)} could not be used.{_reviewed(data.reviewed)}",
        markdown_table(("on the test set", ""), _figures(record).items()),
        markdown_table(
            ("class", "precision", "recall", "F1", "pictures"),
            (
                (name, f"{each['precision']:.3f}", f"{each['recall']:.3f}", f"{each['f1']:.3f}", each["support"])
                for name, each in metrics["per_class"].items()
            ),
        ),
        _confusion(record),
        _cross_validation(metrics.get("cross_validation")),
        _left_out(unusable),
        "\n".join(f"- `{folder}/{name}`" for name in record.files),
    ]
    return "\n\n".join(filter(None, parts))


def _figures(record: ModelRecord) -> dict[str, str]:
    metrics = record.metrics
    low, high = metrics["accuracy_interval"]
    among = metrics["accuracy_accepted"]
    return {
        "accuracy": f"{metrics['accuracy']:.4f} (95 %: {low:.3f} to {high:.3f})",
        "macro-F1": f"{metrics['macro_f1']:.4f}",
        f"accepted at {record.threshold:g}": f"{metrics['share_accepted']:.1%}",
        "accuracy among the accepted": "none accepted" if among is None else f"{among:.4f}",
        "calibration error before": f"{metrics['ece_before']:.4f}",
        f"calibration error after, temperature {record.temperature:.3g}": f"{metrics['ece_after']:.4f}",
        "seconds of training": f"{metrics['training_seconds']:.0f}",
    }


def _confusion(record: ModelRecord) -> str:
    if len(record.classes) > _LISTED:  # Then it is in the plot.
        return ""
    rows = zip(record.classes, record.metrics["confusion_matrix"], strict=True)
    return markdown_table(("is ↓, said to be →", *record.classes), ((name, *counts) for name, counts in rows))


def _cross_validation(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    kind = "grouped" if found["grouped"] else "not grouped"
    return (
        f"{len(found['folds'])} folds, {kind}: accuracy {found['accuracy']:.4f} ± {found['accuracy_deviation']:.4f}, "
        f"macro-F1 {found['macro_f1']:.4f} ± {found['macro_f1_deviation']:.4f}."
    )


def _left_out(unusable: Sequence[Unusable]) -> str:
    if not unusable:
        return ""
    more = f"\n\nand {len(unusable) - _LISTED} more, in unusable.csv" if len(unusable) > _LISTED else ""
    return markdown_table(("left out", "why"), ((each.name, each.reason) for each in unusable[:_LISTED])) + more


def _reviewed(count: int) -> str:
    return f" The label of {count} is a person's answer." if count else ""


def _groups(groups: int | None) -> str:
    return "" if groups is None else f" in {groups} groups, none of which is on two sides"


def markdown_table(heading: Sequence[str], rows: Any) -> str:
    """A table as GitHub's markdown writes it."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in lines)
