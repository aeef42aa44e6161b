"""``/models`` and ``/patients``: a page for a person, JSON for a program that asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel

from api.dashboard import patients, watched
from api.dashboard.pages import render
from api.problems import Problem
from api.service import Service
from sightline.errors import InvalidInput, StorageError
from sightline.registry import InvalidModelName, ModelDamaged, ModelNotFound, Registry
from sightline.reviews import Reviews

__all__ = ["dashboard_routes"]

_Found = TypeVar("_Found")

_REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""A report is a file from storage: whatever is in it, nothing of it runs and nothing is fetched."""


class ModelList(BaseModel):
    """Every model of the registry."""

    models: list[watched.ModelRow]


class PatientList(BaseModel):
    """Every patient with sessions."""

    patients: list[patients.PatientRow]


def dashboard_routes(service: Service) -> APIRouter:
    """Models and patients, as pages and as JSON."""
    config = service.config
    results, videos, people = config.results, config.videos, config.patients
    registry, reviews = Registry(config.models), Reviews(config.reviews)
    router = APIRouter(tags=["dashboard"])

    # Not coroutines: what they do is reading storage, which would keep every other request waiting.
    @router.get("/models.json")
    def models_json() -> ModelList:
        """Every model of the registry: its current version, its accuracy, and how many questions wait."""
        return ModelList(models=_told(lambda: watched.list_models(registry, reviews)))

    @router.get("/models/{name}.json")
    def model_json(name: str) -> watched.ModelView:
        """One model: versions, how the current one became it, reports, the queue of questions, and the answers."""
        return _told(lambda: watched.view_model(registry, reviews, results, name))

    @router.get("/patients.json")
    def patients_json() -> PatientList:
        """Everyone with sessions."""
        return PatientList(patients=_told(lambda: patients.list_patients(people)))

    @router.get("/patients/{patient}.json")
    def patient_json(patient: str) -> patients.PatientView:
        """One patient: sessions with what was said, predicted and answered, and the trainings of their model."""
        return _told(lambda: patients.view_patient(videos, people, registry, reviews, patient))

    @router.get("/models", include_in_schema=False)
    def models_page(request: Request) -> Response:
        listed = models_json()
        if _wants_json(request):
            return _json(listed)
        return render("models.html.j2", models=listed.models, patients=patients_json().patients)

    @router.get("/models/{name}", include_in_schema=False)
    def model_page(name: str, request: Request) -> Response:
        found = model_json(name)
        return _json(found) if _wants_json(request) else render("model.html.j2", model=found)

    @router.get("/models/{name}/reports/{report}", include_in_schema=False)
    def report_page(name: str, report: str) -> Response:
        try:
            page = _told(lambda: watched.report_page(results, name, report))
        except FileNotFoundError as error:
            raise Problem(404, "not_found", f"{name} has no report {report}") from error
        headers = {"Content-Security-Policy": _REPORT_POLICY, "X-Content-Type-Options": "nosniff"}
        return HTMLResponse(page, headers=headers)

    @router.get("/patients", include_in_schema=False)
    def patients_page(request: Request) -> Response:
        return _json(patients_json()) if _wants_json(request) else RedirectResponse("/models")

    @router.get("/patients/{patient}", include_in_schema=False)
    def patient_page(patient: str, request: Request) -> Response:
        found = patient_json(patient)
        return _json(found) if _wants_json(request) else render("patient.html.j2", patient=found)

    return router


def _told(found: Callable[[], _Found]) -> _Found:
    """What it gives; what keeps it from that becomes an answer."""
    try:
        return found()
    except (InvalidModelName, ModelNotFound, InvalidInput) as error:
        raise Problem(404, "not_found", str(error)) from error
    except (ModelDamaged, StorageError) as error:
        raise Problem(503, "unreadable", str(error)) from error


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def _json(found: BaseModel) -> Response:
    return JSONResponse(found.model_dump(mode="json"))
