"""Parts of the pages about trained models that all kinds of models share."""

from __future__ import annotations

from sightline import markdown
from sightline.registry import ModelRecord, Promotion

__all__ = ["class_table", "confusion_table", "files_of", "outcome_of", "promotion_sentence", "synthetic_warning"]

_METRIC_NAMES = {"macro_f1": "macro-F1", "roc_auc": "ROC-AUC"}


def outcome_of(promotion: Promotion) -> str:
    """Return whether the version is the current one, as a predicate: ``not promoted``."""
    return "now the current model" if promotion.promoted else "not promoted"


def promotion_sentence(promotion: Promotion) -> str:
    """Return the metric of the version, that of the version that was current before, and the decision."""
    current = "" if promotion.current_value is None else f", that of the current model is {promotion.current_value:.4f}"
    metric = _METRIC_NAMES.get(promotion.metric, promotion.metric)
    return f"Its {metric} is {promotion.value:.4f}{current}: {promotion.why}."


def synthetic_warning(record: ModelRecord, items: str) -> str:
    """Return the warning that the training data, called ``items``, are synthetic; empty if they are not."""
    return f"**The {items} are synthetic: do not use this model in practice.**" if record.data.synthetic else ""


def class_table(record: ModelRecord, label: str, items: str, decimals: int) -> str:
    """Return precision, recall and F1 by class. ``label`` and ``items`` are the names of the classes and samples."""
    return markdown.table(
        (label, "precision", "recall", "F1", items),
        [
            (name, *(f"{report[metric]:.{decimals}f}" for metric in ("precision", "recall", "f1")), report["support"])
            for name, report in record.metrics["per_class"].items()
        ],
    )


def confusion_table(record: ModelRecord) -> str:
    """Return the confusion matrix: a row for each true class, a column for each predicted one."""
    rows = zip(record.classes, record.metrics["confusion_matrix"], strict=True)
    return markdown.table(("true ↓, predicted →", *record.classes), [(name, *counts) for name, counts in rows])


def files_of(record: ModelRecord, folder: str) -> str:
    """Return the list of the version's files. ``folder`` is the URI of the version."""
    return markdown.file_list(f"{folder}/{name}" for name in record.files)
