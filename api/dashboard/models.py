"""A model: its versions, the history of the current version, its reports, and the reviewers' answers."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from sightline import storage
from sightline.affect import TASK as EMOTION
from sightline.monitoring import FIGURES, PAGE, MonitoringReport
from sightline.names import ModelName
from sightline.registry import ModelDamaged, ModelNotFound, ModelRecord, Move, Pointer, Registry
from sightline.reviews import Agreement, Reviews, by_model
from sightline.storage import Location

__all__ = ["ModelRow", "ModelView", "ReportRow", "VersionRow", "list_models", "report_page", "view_model"]

_VERSIONS, _REPORTS = 20, 10  # most that are shown, the latest
_READERS = 8
_METRICS = ("accuracy_interval", "per_class", "verdict")  # shown in addition to the numbers


class ModelRow(BaseModel):
    """One model of the registry."""

    name: str
    task: str | None
    version: int | None = Field(description="The current version; null if there is none.")
    versions: int
    created: AwareDatetime | None
    accuracy: float | None
    patient: str | None = Field(description="The patient, if this is a model of emotions.")
    waiting: int = Field(description="The number of questions without an answer.")
    problem: str | None = Field(description="Why the model cannot be read.")


class VersionRow(BaseModel):
    """One version."""

    version: int
    created: AwareDatetime
    current: bool
    metrics: dict[str, Any]
    samples: int
    reviewed: int = Field(description="The number of samples labelled by reviewers.")
    synthetic: bool


class ReportRow(BaseModel):
    """One monitoring report on the model's predictions in a window."""

    name: str
    since: AwareDatetime | None
    until: AwareDatetime | None
    version: str | None
    events: int | None
    low_confidence: int | None
    rejected: int | None
    mean_confidence: float | None
    expected_accuracy: float | None
    drift: bool
    headline: str


class ModelView(BaseModel):
    """One model."""

    name: str
    task: str
    version: int | None
    patient: str | None
    classes: list[str]
    threshold: float
    created: AwareDatetime
    code_version: str
    data: dict[str, Any]
    metrics: dict[str, Any]
    parameters: dict[str, Any]
    versions: list[VersionRow] = Field(description="The latest first, at most 20.")
    versions_in_all: int
    history: list[Move] = Field(description="How versions became current, the latest first.")
    reports: list[ReportRow] = Field(description="The latest first, at most 10.")
    waiting: int
    waiting_since: AwareDatetime | None
    answered: int
    agreement: dict[str, Agreement] = Field(
        description="By version: how far reviewers agree with its uncertain predictions."
    )


def list_models(registry: Registry, reviews: Reviews) -> list[ModelRow]:
    """Return all models of the registry. One that cannot be read has a row with the problem."""
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(lambda name: _row(registry, reviews, name), registry.names()))


def view_model(registry: Registry, reviews: Reviews, results: Location, name: str) -> ModelView:
    """Return one model, described by its current version, or by its newest one if none is current.

    Raises ``ModelNotFound``, and ``ModelDamaged`` if a record cannot be read.
    """
    numbers = registry.versions(name)
    if not numbers:
        raise ModelNotFound(f"{name}: there is no such model. The models are: {', '.join(registry.names()) or 'none'}")
    pointer = registry.current(name)
    with ThreadPoolExecutor(_READERS) as pool:
        records = list(pool.map(lambda number: registry.record(name, number), numbers[: -_VERSIONS - 1 : -1]))
    shown = registry.record(name, pointer.version) if pointer else records[0]
    waiting, answered = reviews.waiting(name), reviews.answered(name)
    return ModelView(
        name=name,
        task=shown.task,
        version=pointer.version if pointer else None,
        patient=_patient(shown),
        classes=list(shown.classes),
        threshold=shown.threshold,
        created=shown.created,
        code_version=shown.code_version,
        data=shown.data.model_dump(),
        metrics=_metrics(shown),
        parameters={key: shown.parameters[key] for key in ("preset", "reviews") if key in shown.parameters},
        versions=[_version(record, pointer) for record in records],
        versions_in_all=len(numbers),
        history=list(reversed(pointer.history)) if pointer else [],
        reports=_reports(results, name),
        waiting=len(waiting),
        waiting_since=waiting[0].queued if waiting else None,
        answered=len(answered),
        agreement=by_model(answered),
    )


def report_page(results: Location, name: str, report: str) -> bytes:
    """Return the page of one of the model's reports. Raises ``FileNotFoundError`` if there is none."""
    for folder in _report_folders(results, name):
        if report in storage.folder_names(folder):
            return storage.read_bytes(folder / report / PAGE)
    raise FileNotFoundError(report)


def _row(registry: Registry, reviews: Reviews, name: str) -> ModelRow:
    fields: dict[str, Any] = dict.fromkeys(ModelRow.model_fields)
    fields |= {"name": name, "versions": 0, "waiting": reviews.count_waiting(name)}
    try:
        pointer, versions = registry.current(name), registry.versions(name)
        record = registry.record(name, pointer.version if pointer else versions[-1])
        fields |= {
            "task": record.task,
            "version": pointer.version if pointer else None,
            "versions": len(versions),
            "created": record.created,
            "accuracy": record.metrics.get("accuracy"),
            "patient": _patient(record),
        }
    except (ModelDamaged, ModelNotFound) as error:
        fields["problem"] = str(error)
    return ModelRow(**fields)


def _version(record: ModelRecord, pointer: Pointer | None) -> VersionRow:
    return VersionRow(
        version=record.version,
        created=record.created,
        current=pointer is not None and pointer.version == record.version,
        metrics={key: value for key, value in _metrics(record).items() if isinstance(value, float)},
        samples=record.data.samples,
        reviewed=record.data.reviewed or len(record.parameters.get("answered_by_people", ())),
        synthetic=record.data.synthetic,
    )


def _metrics(record: ModelRecord) -> dict[str, Any]:
    return {key: value for key, value in record.metrics.items() if isinstance(value, float) or key in _METRICS}


def _patient(record: ModelRecord) -> str | None:
    return record.architecture.get("patient") if record.task == EMOTION else None


def _reports(results: Location, name: str) -> list[ReportRow]:
    places = [folder / report for folder in _report_folders(results, name) for report in storage.folder_names(folder)]
    # A report's folder is named after its window: sorted by name, the latest is the last.
    latest = sorted(places, key=lambda place: place.name)[: -_REPORTS - 1 : -1]
    with ThreadPoolExecutor(_READERS) as pool:
        return [row for row in pool.map(lambda place: _report(place, name), latest) if row]


def _report_folders(results: Location, name: str) -> Iterable[Location]:
    root, model = results / "monitoring", ModelName.parse(name)
    for folder in storage.folder_names(root):
        if model.has_folder(folder):
            yield root / folder


def _report(place: Location, model: str) -> ReportRow | None:
    row: dict[str, Any] = dict.fromkeys(ReportRow.model_fields) | {"name": place.name, "drift": False}
    try:
        report = MonitoringReport.model_validate_json(storage.read_bytes(place / FIGURES))
    except FileNotFoundError:  # The report is being written.
        return None
    except ValidationError as error:
        return ReportRow(
            **row | {"headline": f"cannot be read: {FIGURES} was written by another version ({error.title})"}
        )
    if report.model != model:  # In version 0.1 two models could share a folder.
        return None
    row |= {key: getattr(report, key) for key in row if key in MonitoringReport.model_fields and key != "drift"}
    estimate = report.expected_accuracy
    return ReportRow(
        **row
        | {"expected_accuracy": estimate and estimate.value, "drift": bool(report.drift), "headline": report.headline}
    )
