"""Every patient → the training of their model, if it passes the gate."""

from __future__ import annotations

from typing import Annotated

from prefect.states import Failed
from pydantic import BaseModel, ConfigDict, Field

from flows.train_emotion import train_emotion
from sightline.settings import settings
from tasks.emotion_training import list_patients, publish_sweep
from tasks.support.flow import sightline_flow


class PatientOutcome(BaseModel):
    """How a patient's training ended: trained, skipped or failed, and why."""

    model_config = ConfigDict(frozen=True)

    patient: str
    outcome: str
    why: str


class SweepResult(BaseModel):
    """How the trainings of all patients ended."""

    model_config = ConfigDict(frozen=True)

    patients: int
    trained: int
    skipped: int
    failed: int
    outcomes: tuple[PatientOutcome, ...]


@sightline_flow(name="retrain-all", flow_run_name="retrain all patients", timeout="training_timeout_seconds")
def retrain_all(
    patients: list[str] | None = None,
    *,
    patients_bucket: str | None = None,
    force: bool = False,
    repeats: Annotated[int, Field(ge=1, le=100)] = 5,
    permutations: Annotated[int, Field(ge=19, le=10_000)] = 100,
) -> SweepResult:
    """Train the emotion model of every patient with enough data, and list the trainings that failed.

    Args:
        patients: The patients. By default all with a folder in the bucket.
        patients_bucket: Folder or bucket of the training data. By default PATIENTS_BUCKET.
        force: Ignore the limits in the settings, except the hard minimums of training.
        repeats: Number of repetitions of the cross-validation, with new folds.
        permutations: Number of permutations of the labels in the test against chance.
    """
    config = settings()
    bucket = config.locate(patients_bucket or config.patients_bucket)
    outcomes = []
    for patient in list_patients(bucket, patients or []):
        state = train_emotion(
            patient,
            patients_bucket=patients_bucket,
            force=force,
            repeats=repeats,
            permutations=permutations,
            return_state=True,
        )
        completed = "skipped" if state.name == "Skipped" else "trained"
        outcome = completed if state.is_completed() else "failed"
        outcomes.append(PatientOutcome(patient=patient, outcome=outcome, why=state.message or ""))
    publish_sweep([row.model_dump() for row in outcomes])
    counts = {name: sum(row.outcome == name for row in outcomes) for name in ("trained", "skipped", "failed")}
    result = SweepResult(patients=len(outcomes), **counts, outcomes=tuple(outcomes))
    if failed := [f"{row.patient}: {row.why}" for row in outcomes if row.outcome == "failed"]:
        # The alert about this run is the only one about its trainings, so it has all reasons.
        message = f"{len(failed)} of {len(outcomes)} trainings failed. {'; '.join(failed)}"
        return Failed(message=message, data=result)  # type: ignore[return-value]
    return result
