"""A patient's sessions → gate → features → forest, validated → registry → promotion; or why there is no training."""

from __future__ import annotations

from typing import Annotated

from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field

from sightline.registry import ModelRecord, Promotion
from sightline.sessions import LeftOutSession
from sightline.settings import settings
from sightline.storage import uri_of
from sightline.training.emotions import GateReport, GateRow, TrainingUnderWay
from tasks.alerts import send_alert
from tasks.emotion_report import alert_of_training, publish_gate, publish_training
from tasks.emotion_training import (
    check_sessions,
    model_folder,
    noted,
    promote_patient_model,
    publish_patient_model,
    read_features,
    train_model,
    turn_of,
)
from tasks.support.flow import sightline_flow, skipped


class TrainedModel(BaseModel):
    """A version, how good it is on sessions that it had not seen, and whether it is current now, and why."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    promoted: bool
    why: str
    verdict: str
    proven: bool
    sessions: int
    videos: int
    synthetic: bool
    emotions: tuple[str, ...]
    accuracy: float
    accuracy_interval: tuple[float, float]
    dummy_accuracy: float
    logistic_accuracy: float
    p_value: float
    threshold: float
    folder: str
    plots: tuple[str, ...]

    @classmethod
    def of(cls, record: ModelRecord, promotion: Promotion) -> TrainedModel:
        """What is told of a published version."""
        folder = uri_of(model_folder(record.architecture["patient"]) / str(record.version))
        names = (
            "verdict", "proven", "videos", "accuracy", "accuracy_interval", "dummy_accuracy", "logistic_accuracy",
            "p_value",
        )  # fmt: skip
        return cls(
            name=record.name,
            version=record.version,
            promoted=promotion.promoted,
            why=promotion.why,
            sessions=record.data.samples,
            synthetic=record.data.synthetic,
            emotions=record.classes,
            threshold=record.threshold,
            **{name: record.metrics[name] for name in names},
            folder=folder,
            plots=tuple(f"{folder}/{name}" for name in record.files if name.endswith(".png")),
        )


class TrainingResult(BaseModel):
    """What the gate found and, where it let the sessions through, what they were trained to."""

    model_config = ConfigDict(frozen=True)

    patient: str
    trained: bool
    reasons: tuple[str, ...]
    """Why there was no training; empty where there was one."""
    gate: tuple[GateRow, ...]
    left_out: tuple[LeftOutSession, ...]
    model: TrainedModel | None

    @classmethod
    def of(cls, patient: str, gate: GateReport, model: TrainedModel | None = None) -> TrainingResult:
        """The result of a training, or of a gate that has not let it through."""
        return cls(
            patient=patient, trained=model is not None, reasons=gate.reasons, gate=gate.rows, left_out=gate.left_out,
            model=model,
        )  # fmt: skip


@sightline_flow(name="train-emotion", flow_run_name="train emotions of {patient}")
def train_emotion(
    patient: str,
    *,
    patients_bucket: str | None = None,
    force: bool = False,
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.6,
    repeats: Annotated[int, Field(ge=1, le=100)] = 5,
    permutations: Annotated[int, Field(ge=19, le=10_000)] = 100,
) -> TrainingResult:
    """Train a patient's emotion model if there is enough data, and report how good it is.

    Args:
        patient: Whose sessions are learnt from.
        patients_bucket: Folder or bucket of the training data. By default PATIENTS_BUCKET.
        force: Train whatever the limits in the settings say, as long as there are two emotions of three sessions each.
        threshold: The least probability at which the model is believed.
        repeats: How many times the folds of the cross-validation are cut anew.
        permutations: How many times the labels are shuffled, to tell what chance comes to.
    """
    config = settings()
    bucket = config.locate(patients_bucket or config.patients_bucket)
    try:
        with turn_of(patient) as turn:
            gate, answered = check_sessions(patient, bucket, turn, force)
            publish_gate(patient, gate)
            if not gate.passed:
                return skipped("; ".join(gate.reasons), TrainingResult.of(patient, gate))
            turn.begin([each.session for each in gate.sessions])
            with noted(gate):
                table = read_features(bucket, gate)
                forest = train_model(table, repeats, permutations)
                record = publish_patient_model(
                    patient, table, forest, turn, threshold, {**flow_run.parameters, "answered_by_people": answered},
                    f"{uri_of(bucket)}/{patient}",
                )  # fmt: skip
                promotion, trainings = promote_patient_model(record, table, forest, turn)
    except TrainingUnderWay as under_way:
        reason = str(under_way)
        nothing = TrainingResult(patient=patient, trained=False, reasons=(reason,), gate=(), left_out=(), model=None)
        return skipped(reason, nothing)
    model = TrainedModel.of(record, promotion)
    publish_training(patient, record, promotion, trainings, model.folder)
    send_alert(alert_of_training(patient, record, promotion, model.folder))
    return TrainingResult.of(patient, gate, model)
