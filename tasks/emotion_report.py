"""What people and other flows are told of the training of a patient's model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger

from sightline.affect import Training
from sightline.alerts import Alert
from sightline.registry import ModelRecord, Promotion
from sightline.training.emotions import GateReport
from tasks.support.policy import PLAIN
from tasks.training_report import announce_model, markdown_table

__all__ = ["alert_of_training", "publish_gate", "publish_sweep", "publish_training"]


@task(**PLAIN)
def publish_gate(patient: str, gate: GateReport) -> None:
    """The gate as a table in the UI: what is needed, what was found, what has passed."""
    create_table_artifact(
        [
            {
                "condition": row.name,
                "needed": row.needed,
                "found": "none" if row.found is None else round(row.found, 3),
                "passed": "yes" if row.passed else "no, forced" if row.forced else "no",
                "setting": row.setting,
                "note": row.note,
            }
            for row in gate.rows
        ],
        key="training-gate",
        description=f"{patient}: {'there is enough to train on' if gate.passed else 'not trained'}, "
        f"{len(gate.sessions)} sessions to learn from, {len(gate.left_out)} left out",
    )
    for row in gate.rows:
        get_run_logger().info("%s %s", "✓" if row.passed else "(forced)" if row.forced else "✗", row)


@task(**PLAIN)
def publish_training(
    patient: str, record: ModelRecord, promotion: Promotion, trainings: Sequence[Training], folder: str
) -> None:
    """A page about the model, the history of the patient's trainings, and the events of a trained model."""
    create_markdown_artifact(_page(patient, record, promotion, folder), key="model", description=record.label)
    create_table_artifact(
        [
            {
                "ended": f"{each.ended.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
                "outcome": each.outcome,
                "version": each.version or "",
                "sessions": len(each.sessions),
                "accuracy": "" if each.accuracy is None else f"{each.accuracy:.3f}",
                "95 % interval": "" if each.interval is None else f"{each.interval[0]:.2f} to {each.interval[1]:.2f}",
                "what": each.verdict or each.error or "",
                "started by": each.started_by,
            }
            for each in reversed(trainings)
        ],
        key="training-history",
        description=f"The trainings of {patient}, the latest first",
    )
    announce_model(record, promotion)


def alert_of_training(patient: str, record: ModelRecord, promotion: Promotion, folder: str) -> Alert:
    """What people are told of a training that came to a model."""
    metrics, data = record.metrics, record.data
    state = "now the current model" if promotion.promoted else "not promoted"
    rows = [
        {"emotion": name, "sessions": str(each["support"]), "recall": f"{each['recall']:.2f}",
         "precision": f"{each['precision']:.2f}"}
        for name, each in metrics["per_class"].items()
    ]  # fmt: skip
    return Alert(
        key=f"{record.label} {record.created.isoformat()}",
        kind="result",
        title=f"{patient}: {record.label} is {state}"
        + ("" if metrics["proven"] else ", and not shown to be any good yet"),
        facts={
            "patient": patient,
            "verdict": metrics["verdict"],
            "promotion": f"{state}: {promotion.why}",
            "sessions": f"{data.samples} of {data.groups} videos" + (", synthetic" if data.synthetic else ""),
            "model": folder,
        },
        rows=tuple(rows[:50]),
        total_items=len(rows),
        run_name=None,
        run_url=None,
        at=datetime.now(UTC),
    )


@task(**PLAIN)
def publish_sweep(rows: Sequence[dict[str, str]]) -> None:
    """How each patient's training ended, as a table in the UI."""
    create_table_artifact(list(rows), key="retraining", description=f"{len(rows)} patients")


def _page(patient: str, record: ModelRecord, promotion: Promotion, folder: str) -> str:
    metrics, data = record.metrics, record.data
    low, high = metrics["accuracy_interval"]
    among = metrics["accuracy_accepted"]
    figures = {
        "accuracy": f"{metrics['accuracy']:.3f} (95 %: {low:.2f} to {high:.2f})",
        f"always saying {metrics['dummy']}": f"{metrics['dummy_accuracy']:.3f}",
        "logistic regression": f"{metrics['logistic_accuracy']:.3f}",
        f"p-value of {metrics['permutations']} shufflings": f"{metrics['p_value']:.3f}",
        "macro-F1": f"{metrics['macro_f1']:.3f}",
        f"believed at {record.threshold:g}": f"{metrics['share_accepted']:.0%}",
        "accuracy among those": "none" if among is None else f"{among:.3f}",
        "calibration error before": f"{metrics['ece_before']:.3f}",
        f"calibration error after, temperature {record.temperature:.3g}": f"{metrics['ece_after']:.3f}",
    }
    classes = metrics["per_class"].items()
    parts = [
        f"# {patient}: {record.label}, {'now the current model' if promotion.promoted else 'not promoted'}",
        f"**{metrics['verdict'][0].upper()}{metrics['verdict'][1:]}.**",
        f"Promotion: {promotion.why}.",
        "**The sessions are synthetic: this is no model for real use.**" if data.synthetic else "",
        f"{data.samples} sessions of {data.groups} videos. Every figure is of sessions that were not learnt from, in "
        f"{metrics['folds']} folds by source video, cut {metrics['repeats']} times.",
        markdown_table(("out of fold", ""), figures.items()),
        markdown_table(
            ("emotion", "precision", "recall", "F1", "sessions"),
            (
                (name, f"{each['precision']:.2f}", f"{each['recall']:.2f}", f"{each['f1']:.2f}", each["support"])
                for name, each in classes
            ),
        ),
        markdown_table(
            ("is ↓, said to be →", *record.classes),
            ((name, *counts) for name, counts in zip(record.classes, metrics["confusion_matrix"], strict=True)),
        ),
        markdown_table(
            ("what it goes by", "loss without it"),
            ((each["feature"].replace("_", " "), f"{each['loss']:.4f}") for each in metrics["importance"]),
        ),
        "\n".join(f"- `{folder}/{name}`" for name in record.files),
    ]
    return "\n\n".join(filter(None, parts))
