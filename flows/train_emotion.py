"""A patient's sessions → gate → features → cross-validated forest → registry → promotion."""

from __future__ import annotations

from typing import Annotated

from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field

from sightline.registry import ModelRecord, Promotion
from sightline.reviews import waiting_note
from sightline.sessions import LeftOutSession
from sightline.settings import settings
from sightline.storage import uri_of
from sightline.training.emotions import GateReport, GateRow, TrainingInProgress, training_alert
from tasks.alerts import send_alert
from tasks.emotion_training import (
    check_sessions,
    gate_noted,
    model_folder,
    promote_patient_model,
    publish_gate,
    publish_patient_model,
    read_features,
    report_training,
    train_model,
    training_lease,
)
from tasks.support.flow import sightline_flow, skipped


class TrainedModel(BaseModel):
    """A version, its out-of-fold metrics, and whether and why it was promoted."""

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
        """Return the summary of a published version."""
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


class EmotionTrainingResult(BaseModel):
    """The result of the gate and, if it passed, the trained model."""

    model_config = ConfigDict(frozen=True)

    patient: str
    trained: bool
    reasons: tuple[str, ...]
    """Why there was no training; empty if there was one."""
    gate: tuple[GateRow, ...]
    left_out: tuple[LeftOutSession, ...]
    waiting: str
    """How many sessions wait for an answer about who the patient is, and where to answer; empty if none do."""
    model: TrainedModel | None

    @classmethod
    def of(
        cls, patient: str, gate: GateReport, waiting: str, model: TrainedModel | None = None
    ) -> EmotionTrainingResult:
        """Return the result of a training, or of a gate that failed."""
        return cls(
            patient=patient, trained=model is not None, reasons=gate.reasons, gate=gate.rows, left_out=gate.left_out,
            waiting=waiting, model=model,
        )  # fmt: skip


@sightline_flow(name="train-emotion", flow_run_name="train emotions of {patient}", timeout="training_timeout_seconds")
def train_emotion(
    patient: str,
    *,
    patients_bucket: str | None = None,
    force: bool = False,
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.6,
    repeats: Annotated[int, Field(ge=1, le=100)] = 5,
    permutations: Annotated[int, Field(ge=19, le=10_000)] = 100,
) -> EmotionTrainingResult:
    """Train a patient's emotion model if there is enough data, and report how good it is.

    Args:
        patient: The patient whose sessions are the training data.
        patients_bucket: Folder or bucket of the training data. By default PATIENTS_BUCKET.
        force: Ignore the limits in the settings. Two emotions with three sessions each are always required.
        threshold: The lowest confidence that the model's record accepts.
        repeats: Number of repetitions of the cross-validation, with new folds.
        permutations: Number of permutations of the labels in the test against chance.
    """
    config = settings()
    bucket = config.locate(patients_bucket or config.patients_bucket)
    try:
        with training_lease(patient) as lease:
            gate, answered, unanswered = check_sessions(patient, bucket, lease, force)
            waiting = waiting_note(patient, unanswered)
            publish_gate(patient, gate, waiting)
            if not gate.passed:
                reasons = "; ".join(filter(None, (*gate.reasons, waiting)))
                return skipped(reasons, EmotionTrainingResult.of(patient, gate, waiting))
            lease.begin([session.session for session in gate.sessions])
            with gate_noted(gate):
                table = read_features(bucket, gate)
                forest = train_model(table, repeats, permutations)
                record = publish_patient_model(
                    patient, table, forest, lease, threshold, {**flow_run.parameters, "answered_by_people": answered},
                    f"{uri_of(bucket)}/{patient}",
                )  # fmt: skip
                promotion, trainings = promote_patient_model(record, table, forest, lease)
    except TrainingInProgress as in_progress:
        reason = str(in_progress)
        result = EmotionTrainingResult(
            patient=patient, trained=False, reasons=(reason,), gate=(), left_out=(), waiting="", model=None
        )
        return skipped(reason, result)
    model = TrainedModel.of(record, promotion)
    report_training(patient, record, promotion, trainings, model.folder)
    send_alert(training_alert(patient, record, promotion, model.folder))
    return EmotionTrainingResult.of(patient, gate, waiting, model)
