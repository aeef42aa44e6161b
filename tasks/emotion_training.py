"""Steps of training a patient's emotion model, from session records to a promoted version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from sightline import affect, reviews, storage
from sightline.affect import Training, model_of
from sightline.emotion import load_keywords, load_languages
from sightline.names import PatientName
from sightline.registry import ModelRecord, Promotion
from sightline.sessions import LeftOutSession, SessionStore
from sightline.settings import settings
from sightline.storage import Location
from sightline.training import emotions
from sightline.training.emotions import GateLimits, GateReport, SessionTable, TrainedForest, TrainingLease
from tasks.events import emit_training
from tasks.models import open_registry, open_reviews
from tasks.support.opaque import Opaque
from tasks.support.policy import ON_STORAGE, PLAIN, sightline_task
from tasks.support.progress import progress

__all__ = [
    "check_sessions",
    "gate_noted",
    "list_patients",
    "model_folder",
    "promote_patient_model",
    "publish_gate",
    "publish_patient_model",
    "publish_sweep",
    "read_features",
    "report_training",
    "train_model",
    "training_lease",
]


def model_folder(patient: str) -> Location:
    """Return the folder of the patient's model in the registry."""
    registry = open_registry()
    return registry.root / model_of(registry, patient).name


@contextmanager
def training_lease(patient: str) -> Iterator[TrainingLease]:
    """Hold the lease on training the patient's model. Raise ``TrainingInProgress`` if another run holds it."""
    with emotions.training_lease(model_folder(patient), f"flow run {flow_run.name or 'without a name'}") as lease:
        yield lease


@sightline_task(**ON_STORAGE, timeout="training_timeout_seconds")
def check_sessions(
    patient: str, patients_bucket: Location, lease: TrainingLease, force: bool
) -> tuple[GateReport, list[dict[str, Any]], int]:
    """Check the patient's sessions, relabelled with people's answers, against the gate.

    Answers about who the patient is, and which names are theirs, are applied to the stored sessions first. A session
    without such an answer that needs one is left out, and its question is queued if it is not.

    Return the gate's report, the sessions whose emotion is a person's answer, for the model's record, and the number of
    sessions that wait for an answer about the patient.
    """
    config = settings()
    store, queue = SessionStore(config.videos, patients_bucket), open_reviews()
    stored = reviews.apply_answers(
        store,
        queue,
        load_keywords(config.emotion_keywords),
        patient,
        languages=load_languages(config.language_tables),
    )
    reviews.queue_unknown(store, queue, stored)
    usable = [record for record in stored if record.unusable is None]
    unusable = [
        LeftOutSession(session=record.session, emotion=record.emotion, reason=record.unusable)
        for record in stored
        if record.unusable is not None
    ]
    answers = queue.answered(PatientName.parse(patient).model.name)
    records, refused, answered = reviews.relabelled(usable, answers)
    limits = GateLimits.of(settings())
    gate = emotions.check_gate(records, limits, lease.last_ended, datetime.now(UTC), force=force)
    if gate.passed and any(record.valid_seconds is None for record in records):
        # Sessions of earlier versions do not state it. Their tracks are read only if there may be a training.
        records = emotions.measure_sessions(patients_bucket, records)
        gate = emotions.check_gate(records, limits, lease.last_ended, datetime.now(UTC), force=force)
    waiting = reviews.count_unknown(queue, patient, stored)
    return gate.model_copy(update={"left_out": (*unusable, *refused, *gate.left_out)}), answered, waiting


@contextmanager
def gate_noted(gate: GateReport) -> Iterator[None]:
    """Add the gate's table as a note to any exception raised inside."""
    try:
        yield
    except Exception as error:
        error.add_note("\n".join(map(str, gate.rows)))
        raise


@sightline_task(**ON_STORAGE, timeout="training_timeout_seconds")
def read_features(patients_bucket: Location, gate: GateReport) -> Opaque[SessionTable]:
    """Compute the features of every session that passed the gate."""
    with progress("features") as report:
        return Opaque(emotions.read_session_table(patients_bucket, gate.sessions, report))


@sightline_task(**PLAIN, timeout="training_timeout_seconds")
def train_model(table: Opaque[SessionTable], repeats: int, permutations: int) -> Opaque[TrainedForest]:
    """Cross-validate the forest against the baselines, and fit it on all sessions."""
    with progress("train") as report:
        return Opaque(emotions.train_forest(table.value, repeats=repeats, permutations=permutations, progress=report))


@sightline_task(**ON_STORAGE, timeout="training_timeout_seconds")
def publish_patient_model(
    patient: str,
    table: Opaque[SessionTable],
    forest: Opaque[TrainedForest],
    lease: TrainingLease,
    threshold: float,
    parameters: dict[str, Any],
    source: str,
) -> ModelRecord:
    """Publish a new version in the registry: forest, record, sessions, plots and an archive of them."""
    lease.check()
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as folder:
        return emotions.publish_forest(
            open_registry(), patient, table.value, forest.value, Path(folder), threshold=threshold,
            parameters=parameters, source=source,
        )  # fmt: skip


@sightline_task(**ON_STORAGE, timeout="training_timeout_seconds")
def promote_patient_model(
    record: ModelRecord, table: Opaque[SessionTable], forest: Opaque[TrainedForest], lease: TrainingLease
) -> tuple[Promotion, list[Training]]:
    """Promote the version if it is no worse than the current one; return the patient's trainings too, latest last."""
    lease.check()
    promotion = emotions.promote_forest(open_registry(), record, table.value, forest.value)
    validation = forest.value.validation
    lease.finish(
        promoted=promotion.promoted,
        version=record.version,
        accuracy=validation.accuracy,
        interval=validation.accuracy_interval,
        verdict=validation.verdict,
    )
    return promotion, affect.read_trainings(open_registry().root / record.name)


@sightline_task(**ON_STORAGE)
def list_patients(patients_bucket: Location, only: Sequence[str]) -> list[str]:
    """List ``only``, or if it is empty, the patients with a folder in the bucket."""
    return sorted({PatientName.parse(patient).text for patient in only or storage.folder_names(patients_bucket)})


@sightline_task(**PLAIN)
def publish_gate(patient: str, gate: GateReport, waiting: str) -> None:
    """Publish the conditions of the gate as a table, and log them.

    ``waiting`` states how many sessions wait for an answer; empty if none do.
    """
    create_table_artifact(
        emotions.gate_rows(gate), key="training-gate", description=emotions.gate_summary(patient, gate)
    )
    logger = get_run_logger()
    for line in emotions.gate_lines(gate):
        logger.info("%s", line)
    if waiting:
        logger.warning("%s", waiting)


@sightline_task(**PLAIN)
def report_training(
    patient: str, record: ModelRecord, promotion: Promotion, trainings: Sequence[Training], folder: str
) -> None:
    """Publish the model's page and the patient's trainings, and emit the events of a training.

    ``folder`` is the URI of the version.
    """
    page = emotions.model_page(patient, record, promotion, folder)
    create_markdown_artifact(page, key="model", description=record.label)
    create_table_artifact(
        emotions.training_rows(trainings),
        key="training-history",
        description=f"The trainings of {patient}'s model, latest first",
    )
    emit_training(record, promotion)


@sightline_task(**PLAIN)
def publish_sweep(rows: Sequence[dict[str, str]]) -> None:
    """Publish a table of how every patient's training ended."""
    create_table_artifact(list(rows), key="retraining", description=f"Trainings of {len(rows)} patients")
