"""The application: routes, gate, and the answers for what goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.classification import classification_routes
from api.dashboard import dashboard_routes
from api.gate import KEY_HEADER, OPEN_PATHS, Gate
from api.pages import page_routes
from api.problems import Problem, ProblemBody, problem_response
from api.ranking import ranking_routes
from api.service import Service
from api.status import status_routes
from sightline.settings import Settings

__all__ = ["create_app"]

_DESCRIPTION = """Classes of images, by every model of the registry, and the running style of people in photos.

What goes wrong is answered with `reason`, from a fixed list, and `detail`, for a person. URLs and buckets are read only
where `API_URL_HOSTS` and `API_BUCKETS` list them; private addresses are not, whatever a name or a redirect leads to."""

_PROBLEMS = {
    400: "Not JSON, not base64, or no images named",
    401: "The key is missing or wrong",
    403: "A host, bucket or address that is not read from",
    404: "No such model is served, or there is nobody in the photo",
    408: "The request took too long to arrive",
    413: "The request, or an image's file, is too large",
    415: "Not sent as application/json",
    422: "Not an image, too many pixels, too many images, or a field that is not as it must be",
    424: "A server or a bucket that holds an image did not answer",
    500: "A fault of the service",
    503: "The model is missing or being loaded, or too much is waiting",
}
_REASONS = {400: "not_json", 404: "not_found", 405: "method_not_allowed"}


def create_app(config: Settings) -> FastAPI:
    """The service, not yet running: its lifespan loads the models. Raises ``InvalidModelName`` for a setting."""
    service = Service.of(config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="sightline",
        version=version("sightline"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_tags=[
            {"name": "classes", "description": "Images in the forms of the original services."},
            {"name": "running style", "description": "People in photos, and their lower bodies."},
            {"name": "dashboard", "description": "How models and patients are doing; a browser is shown pages."},
            {"name": "status", "description": "How the service is."},
        ],
    )
    app.state.service = service
    app.add_middleware(Gate, config=config, metrics=service.metrics)
    problems: dict[int | str, dict[str, Any]] = {
        status: {"model": ProblemBody, "description": text} for status, text in _PROBLEMS.items()
    }
    app.include_router(classification_routes(service), responses=problems)
    app.include_router(ranking_routes(service), responses=problems)
    app.include_router(status_routes(service))
    app.include_router(dashboard_routes(service), responses=problems)
    app.include_router(page_routes())
    _add_handlers(app, service)
    _describe(app, with_key=bool(config.api_keys))
    return app


def _add_handlers(app: FastAPI, service: Service) -> None:
    def answer(problem: Problem) -> JSONResponse:
        service.metrics.refused.labels(problem.reason).inc()
        return problem_response(problem)

    async def on_problem(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)  # noqa: S101 - Starlette gives it only these
        return answer(error)

    async def on_invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return answer(_invalid(request, error))

    async def on_http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        reason = _REASONS.get(error.status_code, "refused")
        return answer(Problem(error.status_code, reason, str(error.detail), headers=error.headers))

    async def on_fault(_: Request, error: Exception) -> JSONResponse:
        return answer(Problem(500, "internal", f"the service failed ({type(error).__name__}); its log says more"))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_fault)


def _invalid(request: Request, error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return Problem(400, "not_json", f"the request is not JSON: {first['ctx']['error']} at byte {first['loc'][-1]}")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if first["loc"][0] == "body" and media_type != "application/json" and not media_type.endswith("+json"):
        return Problem(415, "not_json", f"send the request as application/json; it came as {media_type or 'nothing'}")
    where = ".".join(map(str, first["loc"]))
    return Problem(422, "invalid_request", f"{where}: {first['msg']}")


def _describe(app: FastAPI, *, with_key: bool) -> None:
    """Let the OpenAPI document say what FastAPI does not know of: the type of problems, and the gate's key."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = made()
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _correct_problems(operation["responses"], as_lambda=path == "/predict")
                    if with_key and path not in OPEN_PATHS:
                        operation["security"] = [{"key": []}]
            if with_key:
                key = {"type": "apiKey", "in": "header", "name": KEY_HEADER}
                document["components"]["securitySchemes"] = {"key": key}
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _correct_problems(responses: dict[str, Any], *, as_lambda: bool) -> None:
    for response in responses.values():
        content = response.get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if schema.get("$ref", "").endswith("/ProblemBody"):
            content["application/problem+json"] = content.pop("application/json")
            if as_lambda:
                content["application/json"] = {"schema": {"$ref": "#/components/schemas/LambdaAnswer"}}
