"""The routes ``/models`` and ``/patients``: HTML pages, or JSON if the client accepts JSON and not HTML."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel

from api.dashboard import models, patients
from api.dashboard.pages import render
from api.problems import Problem, problem_of_error
from api.service import Service
from sightline.errors import SightlineError
from sightline.registry import Registry
from sightline.reviews import Reviews

__all__ = ["dashboard_routes"]

_T = TypeVar("_T")

_REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""The policy of a report, which is a file from storage: no script runs, and nothing is loaded from servers."""


class ModelList(BaseModel):
    """All models of the registry."""

    models: list[models.ModelRow]


class PatientList(BaseModel):
    """All patients with sessions."""

    patients: list[patients.PatientRow]


def dashboard_routes(service: Service) -> APIRouter:
    """Return the routes of the pages about models and patients."""
    config = service.config
    results, videos, people = config.results, config.videos, config.patients
    registry, reviews = Registry(config.models), Reviews(config.reviews)
    router = APIRouter(tags=["dashboard"])

    # Plain functions, which run on threads: reading storage in a coroutine would block all other requests.
    @router.get("/models.json", summary="List the models")
    def models_json() -> ModelList:
        """Return all models of the registry: the current version, its accuracy, and the number of waiting questions."""
        return ModelList(models=_read(lambda: models.list_models(registry, reviews)))

    @router.get("/models/{name}.json", summary="Describe one model")
    def model_json(name: str) -> models.ModelView:
        """Return one model: versions, history of the current version, reports, waiting questions, and answers."""
        return _read(lambda: models.view_model(registry, reviews, results, name))

    @router.get("/patients.json", summary="List the patients")
    def patients_json() -> PatientList:
        """Return all patients with sessions."""
        return PatientList(patients=_read(lambda: patients.list_patients(people, registry)))

    @router.get("/patients/{patient}.json", summary="Describe one patient")
    def patient_json(patient: str) -> patients.PatientView:
        """Return one patient: sessions with their spoken, predicted and reviewed emotions, and the trainings."""
        return _read(lambda: patients.view_patient(videos, people, registry, reviews, patient))

    @router.get("/models", include_in_schema=False)
    def models_page(request: Request) -> Response:
        model_list = models_json()
        if _wants_json(request):
            return _json(model_list)
        return render("models.html.j2", models=model_list.models, patients=patients_json().patients)

    @router.get("/models/{name}", include_in_schema=False)
    def model_page(name: str, request: Request) -> Response:
        model = model_json(name)
        return _json(model) if _wants_json(request) else render("model.html.j2", model=model)

    @router.get("/models/{name}/reports/{report}", include_in_schema=False)
    def report_page(name: str, report: str) -> Response:
        try:
            page = _read(lambda: models.report_page(results, name, report))
        except FileNotFoundError as error:
            raise Problem(404, "not_found", f"{name} has no report {report}") from error
        headers = {"Content-Security-Policy": _REPORT_POLICY, "X-Content-Type-Options": "nosniff"}
        return HTMLResponse(page, headers=headers)

    @router.get("/patients", include_in_schema=False)
    def patients_page(request: Request) -> Response:
        return _json(patients_json()) if _wants_json(request) else RedirectResponse("/models")

    @router.get("/patients/{patient}", include_in_schema=False)
    def patient_page(patient: str, request: Request) -> Response:
        view = patient_json(patient)
        return (
            _json(view)
            if _wants_json(request)
            else render("patient.html.j2", patient=view, prefect_ui=(config.prefect_ui_url or "").rstrip("/"))
        )

    return router


def _read(read: Callable[[], _T]) -> _T:
    """Return the result of ``read``. Raises :class:`Problem` for data that is missing or cannot be read."""
    try:
        return read()
    except SightlineError as error:
        raise problem_of_error(error) from error


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def _json(view: BaseModel) -> Response:
    return JSONResponse(view.model_dump(mode="json", by_alias=True))
