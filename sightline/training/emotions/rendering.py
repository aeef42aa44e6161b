"""Pages, tables and alerts about patients' emotion models, for the Prefect UI and the alert channels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from sightline import markdown
from sightline.affect import Training
from sightline.alerts import Alert
from sightline.registry import ModelRecord, Promotion
from sightline.training.common import rendering
from sightline.training.emotions.gate import GateReport

__all__ = ["gate_lines", "gate_rows", "gate_summary", "model_page", "training_alert", "training_rows"]


def gate_rows(gate: GateReport) -> list[dict[str, str | float]]:
    """Return a row for each condition of the gate: the limit, the measured value, and whether it passed."""
    return [
        {
            "condition": row.name,
            "needed": row.needed,
            "found": "none" if row.found is None else round(row.found, 3),
            "passed": "yes" if row.passed else "no, forced" if row.forced else "no",
            "setting": row.setting,
            "note": row.note,
        }
        for row in gate.rows
    ]


def gate_summary(patient: str, gate: GateReport) -> str:
    """Return the result of the gate in a sentence."""
    outcome = "the gate passed" if gate.passed else "the gate did not pass, no model is trained"
    return f"{patient}: {outcome}. {len(gate.sessions)} sessions for training, {len(gate.left_out)} left out."


def gate_lines(gate: GateReport) -> list[str]:
    """Return a log line for each condition of the gate."""
    return [f"{'✓' if row.passed else '(forced)' if row.forced else '✗'} {row}" for row in gate.rows]


def training_rows(trainings: Sequence[Training]) -> list[dict[str, str | int]]:
    """Return a row for each training of a patient's model, latest first."""
    return [
        {
            "ended": f"{training.ended.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            "outcome": training.outcome,
            "version": training.version or "",
            "sessions": len(training.sessions),
            "accuracy": "" if training.accuracy is None else f"{training.accuracy:.3f}",
            "95 % interval": "" if training.interval is None else "{:.2f} to {:.2f}".format(*training.interval),
            "verdict or error": training.verdict or training.error or "",
            "started by": training.started_by,
        }
        for training in reversed(trainings)
    ]


def model_page(patient: str, record: ModelRecord, promotion: Promotion, folder: str) -> str:
    """Return a page about a trained version: its verdict, data, out-of-fold metrics, feature importance and files.

    Args:
        patient: The patient.
        record: The version of the patient's model.
        promotion: Whether it is the current version, and why.
        folder: The URI of the version in the registry.
    """
    metrics, data = record.metrics, record.data
    importance = [(row["feature"].replace("_", " "), f"{row['loss']:.4f}") for row in metrics["importance"]]
    return markdown.page(
        f"# {markdown.escape(patient)}: {record.label}, {rendering.outcome_of(promotion)}",
        f"**{metrics['verdict'][0].upper()}{metrics['verdict'][1:]}.**",
        f"Promotion: {promotion.why}.",
        rendering.synthetic_warning(record, "sessions"),
        f"{data.samples} sessions from {data.groups} videos. All metrics are out-of-fold: {metrics['folds']} folds, "
        f"grouped by source video, repeated {metrics['repeats']} times.",
        markdown.table(("out of fold", ""), list(_metrics(record).items())),
        rendering.class_table(record, "emotion", "sessions", decimals=2),
        rendering.confusion_table(record),
        markdown.table(("feature", "loss without it"), importance),
        rendering.files_of(record, folder),
    )


def training_alert(patient: str, record: ModelRecord, promotion: Promotion, folder: str) -> Alert:
    """Return the alert about a training that produced a model; ``folder`` is the URI of the version."""
    metrics, data = record.metrics, record.data
    outcome = rendering.outcome_of(promotion)
    unproven = "" if metrics["proven"] else ", no evidence yet that it distinguishes emotions"
    return Alert.listing(
        [
            {
                "emotion": name,
                "sessions": str(report["support"]),
                "recall": f"{report['recall']:.2f}",
                "precision": f"{report['precision']:.2f}",
            }
            for name, report in metrics["per_class"].items()
        ],
        key=f"{record.label} {record.created.isoformat()}",
        title=f"{patient}: {record.label} is {outcome}{unproven}",
        facts={
            "patient": patient,
            "verdict": metrics["verdict"],
            "promotion": f"{outcome}: {promotion.why}",
            "sessions": f"{data.samples} from {data.groups} videos" + (", synthetic" if data.synthetic else ""),
            "model": folder,
        },
    )


def _metrics(record: ModelRecord) -> dict[str, str]:
    metrics = record.metrics
    low, high = metrics["accuracy_interval"]
    accepted = metrics["accuracy_accepted"]
    return {
        "accuracy": f"{metrics['accuracy']:.3f} (95 %: {low:.2f} to {high:.2f})",
        f"always predicting {metrics['dummy']}": f"{metrics['dummy_accuracy']:.3f}",
        "logistic regression": f"{metrics['logistic_accuracy']:.3f}",
        f"p-value of {metrics['permutations']} permutations": f"{metrics['p_value']:.3f}",
        "macro-F1": f"{metrics['macro_f1']:.3f}",
        f"accepted at {record.threshold:g}": f"{metrics['share_accepted']:.0%}",
        "accuracy of accepted sessions": "none accepted" if accepted is None else f"{accepted:.3f}",
        "calibration error before scaling": f"{metrics['ece_before']:.3f}",
        f"calibration error after, temperature {record.temperature:.3g}": f"{metrics['ece_after']:.3f}",
    }
