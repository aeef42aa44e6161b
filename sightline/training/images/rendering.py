"""Pages and tables about trained image classifiers, for the Prefect UI and the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sightline import markdown
from sightline.registry import ModelRecord, Promotion
from sightline.training.common import rendering
from sightline.training.images.comparison import ComparisonRow
from sightline.training.images.manifest import Unusable
from sightline.vision import familiarity_figures

__all__ = ["aligned", "comparison_rows", "model_page"]

_MAX_ROWS = 20
"""The most unusable images, and the most classes of a confusion matrix, that a page shows."""


def comparison_rows(comparison: Sequence[ComparisonRow]) -> list[dict[str, str]]:
    """Return a row for each backbone and head that was compared."""
    return [
        {
            "backbone": row.backbone,
            "weights": "ImageNet" if row.pretrained else "from scratch",
            "head": row.head,
            "accuracy": f"{row.accuracy:.4f}",
            "macro-F1": f"{row.macro_f1:.4f}",
            "train s": f"{row.train_seconds:.1f}",
            "predict s": f"{row.predict_seconds:.2f}",
            "chosen": "yes" if row.chosen else "",
        }
        for row in comparison
    ]


def aligned(rows: Sequence[dict[str, str]]) -> list[str]:
    """Return a heading and the rows as lines of text with aligned columns."""
    table = [list(rows[0]), *(list(row.values()) for row in rows)] if rows else []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def model_page(record: ModelRecord, promotion: Promotion, unusable: Sequence[Unusable], folder: str) -> str:
    """Return a page about a trained version: its data, metrics, confusion matrix and files.

    Args:
        record: The version.
        promotion: Whether it is the current version, and why.
        unusable: The images that were left out.
        folder: The URI of the version in the registry.
    """
    architecture = record.architecture
    weights = "ImageNet weights" if architecture["pretrained"] else "trained from scratch"
    return markdown.page(
        f"# {record.label}: {rendering.outcome_of(promotion)}",
        f"{architecture['backbone']} ({weights}) with the head {architecture['head']}. "
        f"{rendering.promotion_sentence(promotion)}",
        rendering.synthetic_warning(record, "images"),
        _data(record, len(unusable)),
        markdown.table(("on the test set", ""), list(_metrics(record).items())),
        rendering.class_table(record, "class", "images", decimals=3),
        rendering.confusion_table(record) if len(record.classes) <= _MAX_ROWS else "",  # otherwise it is in the plot
        _cross_validation(record.metrics.get("cross_validation")),
        _left_out(unusable),
        rendering.files_of(record, folder),
    )


def _data(record: ModelRecord, unusable: int) -> str:
    data = record.data
    groups = "" if data.groups is None else f" in {data.groups} groups, each in one split only"
    reviewed = f" Labels from reviews: {data.reviewed}." if data.reviewed else ""
    return (
        f"{data.samples} images from {data.source}{groups}: {data.train} for training, {data.validation} for "
        f"validation, {data.test} for the test. {unusable} could not be used.{reviewed}"
    )


def _metrics(record: ModelRecord) -> dict[str, str]:
    metrics = record.metrics
    accepted = metrics["accuracy_accepted"]
    return {
        "accuracy": f"{metrics['accuracy']:.4f}" + _interval(metrics["accuracy_interval"]),
        "macro-F1": f"{metrics['macro_f1']:.4f}",
        f"accepted at {record.threshold:g}": f"{metrics['share_accepted']:.1%}"
        + _interval(metrics.get("share_accepted_interval")),
        "accuracy of accepted images": "none accepted"
        if accepted is None
        else f"{accepted:.4f}" + _interval(metrics.get("accuracy_accepted_interval")),
        "calibration error before scaling": f"{metrics['ece_before']:.4f}",
        f"calibration error after, temperature {record.temperature:.3g}": f"{metrics['ece_after']:.4f}",
        **_false_alarms(record),
        "seconds of training": f"{metrics['training_seconds']:.0f}",
    }


def _interval(limits: Sequence[float] | None) -> str:
    """Return a 95 % interval as text; empty for a record of an earlier version, which has none."""
    return f" (95 %: {limits[0]:.3f} to {limits[1]:.3f})" if limits else ""


def _false_alarms(record: ModelRecord) -> dict[str, str]:
    figures = familiarity_figures(record)
    if figures is None:
        return {}
    low, high = figures.interval
    return {"refused as images of an unknown kind": f"{figures.rate:.1%} (95 %: {low:.1%} to {high:.1%})"}


def _cross_validation(metrics: dict[str, Any] | None) -> str:
    if metrics is None:
        return ""
    kind = "grouped" if metrics["grouped"] else "not grouped"
    accuracy = f"accuracy {metrics['accuracy']:.4f} ± {metrics['accuracy_deviation']:.4f}"
    macro_f1 = f"macro-F1 {metrics['macro_f1']:.4f} ± {metrics['macro_f1_deviation']:.4f}"
    text = f"{len(metrics['folds'])} folds, {kind}: {accuracy}, {macro_f1}."
    if (pooled := metrics.get("pooled")) and pooled["accuracy_accepted"] is not None:
        text += (
            f" Of all {pooled['pictures']} images, each predicted by a model that never saw it: accuracy "
            f"{pooled['accuracy']:.4f}{_interval(pooled['accuracy_interval'])}, {pooled['share_accepted']:.1%} accepted"
            f"{_interval(pooled['share_accepted_interval'])}, {pooled['accuracy_accepted']:.4f} of those right"
            f"{_interval(pooled['accuracy_accepted_interval'])}."
        )
    return text


def _left_out(unusable: Sequence[Unusable]) -> str:
    more = f"and {len(unusable) - _MAX_ROWS} more, in unusable.csv" if len(unusable) > _MAX_ROWS else ""
    rows = [(image.name, image.reason) for image in unusable[:_MAX_ROWS]]
    return markdown.page(markdown.table(("left out", "why"), rows), more)
