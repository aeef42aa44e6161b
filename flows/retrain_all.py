"""Every patient → the training of their model, as far as its gate lets it."""

from __future__ import annotations

from typing import Annotated

from prefect.states import Failed
from pydantic import BaseModel, ConfigDict, Field

from flows.train_emotion import train_emotion
from sightline.settings import settings
from tasks.emotion_report import publish_sweep
from tasks.emotion_training import list_patients
from tasks.support.flow import sightline_flow


class PatientOutcome(BaseModel):
    """How a patient's training ended: trained, skipped or failed, and why."""

    model_config = ConfigDict(frozen=True)

    patient: str
    outcome: str
    why: str


class SweepResult(BaseModel):
    """How each patient's training ended."""

    model_config = ConfigDict(frozen=True)

    patients: int
    trained: int
    skipped: int
    failed: int
    outcomes: tuple[PatientOutcome, ...]


@sightline_flow(name="retrain-all", flow_run_name="retrain all patients")
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
        patients: Whose. By default everyone with a folder in the bucket.
        patients_bucket: Folder or bucket of the training data. By default PATIENTS_BUCKET.
        force: Train whatever the limits in the settings say, as far as it is possible.
        repeats: How many times the folds of the cross-validation are cut anew.
        permutations: How many times the labels are shuffled, to tell what chance comes to.
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
        done = "skipped" if state.name == "Skipped" else "trained"
        outcome = done if state.is_completed() else "failed"
        outcomes.append(PatientOutcome(patient=patient, outcome=outcome, why=state.message or ""))
    publish_sweep([each.model_dump() for each in outcomes])
    counts = {name: sum(each.outcome == name for each in outcomes) for name in ("trained", "skipped", "failed")}
    result = SweepResult(patients=len(outcomes), **counts, outcomes=tuple(outcomes))
    if failed := [each.patient for each in outcomes if each.outcome == "failed"]:
        # The others are trained, and each failure has told why itself; but nobody should take this for a good night.
        message = f"{len(failed)} of {len(outcomes)} trainings failed: {', '.join(failed)}"
        return Failed(message=message, data=result)  # type: ignore[return-value]
    return result
