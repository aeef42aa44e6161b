"""Training a patient's model of emotions: the steps from session records to a promoted model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefect import task
from prefect.runtime import flow_run

from sightline import affect, reviews, sessions, storage
from sightline.affect import Training
from sightline.names import PatientName
from sightline.registry import ModelRecord, Promotion
from sightline.settings import settings
from sightline.storage import Location
from sightline.training import emotions
from sightline.training.emotions import GateLimits, GateReport, SessionTable, TrainedForest, TrainingTurn
from tasks.models import open_registry, open_reviews
from tasks.support.policy import ON_STORAGE, PLAIN
from tasks.support.progress import progress

__all__ = [
    "Sessions",
    "check_sessions",
    "list_patients",
    "model_folder",
    "noted",
    "promote_patient_model",
    "publish_patient_model",
    "read_features",
    "train_model",
    "turn_of",
]


class Sessions:
    """The table of features, in a plain object: Prefect looks through every field of a data class at each call."""

    def __init__(self, table: SessionTable) -> None:
        self.table = table


class Forest:
    """The trained forest, likewise."""

    def __init__(self, trained: TrainedForest) -> None:
        self.trained = trained


def model_folder(patient: str) -> Location:
    """The patient's folder in the registry."""
    return open_registry().root / PatientName.parse(patient).model.name


@contextmanager
def turn_of(patient: str) -> Iterator[TrainingTurn]:
    """This run's turn to train the patient's model. Raises ``TrainingUnderWay`` where it is another's."""
    with emotions.training_turn(model_folder(patient), f"flow run {flow_run.name or 'without a name'}") as turn:
        yield turn


@task(**ON_STORAGE)
def check_sessions(
    patient: str, patients_bucket: Location, turn: TrainingTurn, force: bool
) -> tuple[GateReport, list[dict[str, Any]]]:
    """The patient's sessions, under the emotion that people saw where they were asked, held against the limits.

    With it come the sessions whose emotion is a person's answer, for the model's record.
    """
    answers = open_reviews().answered(PatientName.parse(patient).model.name)
    records, refused, answered = reviews.relabelled(sessions.read_sessions(patients_bucket, patient), answers)
    limits = GateLimits.of(settings())
    gate = emotions.check_gate(records, limits, turn.last_ended, datetime.now(UTC), force=force)
    return gate.model_copy(update={"left_out": (*refused, *gate.left_out)}), answered


@contextmanager
def noted(gate: GateReport) -> Iterator[None]:
    """Whatever fails within is told with the gate's table."""
    try:
        yield
    except Exception as error:
        error.add_note("\n".join(map(str, gate.rows)))
        raise


@task(**ON_STORAGE)
def read_features(patients_bucket: Location, gate: GateReport) -> Sessions:
    """The features of each session that the gate lets through."""
    with progress("features") as report:
        return Sessions(emotions.read_session_table(patients_bucket, gate.sessions, report))


@task(**PLAIN)
def train_model(found: Sessions, repeats: int, permutations: int) -> Forest:
    """The forest, validated against its rivals and fitted on all sessions."""
    with progress("train") as report:
        return Forest(emotions.train_forest(found.table, repeats=repeats, permutations=permutations, progress=report))


@task(**ON_STORAGE)
def publish_patient_model(
    patient: str, found: Sessions, forest: Forest, turn: TrainingTurn, threshold: float, parameters: dict[str, Any],
    source: str,
) -> ModelRecord:  # fmt: skip
    """A new version in the registry: forest, record, sessions, plots and the archive of them all."""
    turn.check()
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as folder:
        return emotions.publish_forest(
            open_registry(), patient, found.table, forest.trained, Path(folder), threshold=threshold,
            parameters=parameters, source=source,
        )  # fmt: skip


@task(**ON_STORAGE)
def promote_patient_model(
    record: ModelRecord, found: Sessions, forest: Forest, turn: TrainingTurn
) -> tuple[Promotion, list[Training]]:
    """The version made current, where it is no worse than that one; and the patient's trainings, this one last."""
    turn.check()
    promotion = emotions.promote_forest(open_registry(), record, found.table, forest.trained)
    validation = forest.trained.validation
    turn.finish(
        promoted=promotion.promoted,
        version=record.version,
        accuracy=validation.accuracy,
        interval=validation.accuracy_interval,
        verdict=validation.verdict,
    )
    return promotion, affect.read_trainings(open_registry().root / record.name)


@task(**ON_STORAGE)
def list_patients(patients_bucket: Location, only: Sequence[str]) -> list[str]:
    """The patients with a folder in the bucket, or those of ``only``."""
    return sorted({PatientName.parse(each).text for each in only or storage.folder_names(patients_bucket)})
