"""The application: routes, request checks, and error responses."""

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
from api.guard import KEY_HEADER, OPEN_PATHS, RequestGuard
from api.invocations import INVOCATIONS
from api.pages import page_routes
from api.problems import Problem, ProblemBody, problem_response
from api.ranking import ranking_routes
from api.service import Service
from api.status import status_routes
from sightline.settings import Settings

__all__ = ["create_app"]

_DESCRIPTION = """Classifies images with the models of the registry, and ranks the running style of people in photos.

An error response has a `reason` from a fixed list and a `detail` for people. Images are fetched only from the hosts in
`API_URL_HOSTS` and the buckets in `API_BUCKETS`, and never from private addresses, even by a name or a redirect."""

_PROBLEMS = {
    400: "Not JSON, not base64, or no images",
    401: "The key is missing or wrong",
    403: "A host, bucket or address that is not allowed",
    404: "The model is not served, or the photo shows nobody",
    408: "The request took too long to arrive",
    413: "The request, or the file of an image, is too large",
    415: "Not sent as application/json",
    422: "Not an image, too many pixels, too many images, or an invalid field",
    424: "The server or bucket of an image did not respond",
    500: "An internal error",
    503: "The model is missing or loading, or too many requests are waiting",
}
_REASONS = {400: "not_json", 404: "not_found", 405: "method_not_allowed"}


def create_app(config: Settings) -> FastAPI:
    """Return the service. Its lifespan loads the models. Raises ``InvalidModelName`` for an invalid setting."""
    service = Service.create(config)

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
            {"name": "classes", "description": "Classify images, in the formats of the original services."},
            {"name": "running style", "description": "Find people in photos, and rank their running style."},
            {"name": "dashboard", "description": "Models and patients. A browser gets HTML pages."},
            {"name": "status", "description": "The state of the service."},
        ],
    )
    app.state.service = service
    app.add_middleware(RequestGuard, config=config, metrics=service.metrics)
    problems: dict[int | str, dict[str, Any]] = {
        status: {"model": ProblemBody, "description": text} for status, text in _PROBLEMS.items()
    }
    app.include_router(classification_routes(service), responses=problems)
    app.include_router(ranking_routes(service), responses=problems)
    app.include_router(status_routes(service))
    app.include_router(dashboard_routes(service), responses=problems)
    app.include_router(page_routes())
    _add_handlers(app, service)
    _complete_openapi(app, with_key=bool(config.api_keys))
    return app


def _add_handlers(app: FastAPI, service: Service) -> None:
    def respond(problem: Problem) -> JSONResponse:
        service.metrics.refused.labels(problem.reason).inc()
        return problem_response(problem)

    async def on_problem(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)  # noqa: S101 - Starlette passes only these
        return respond(error)

    async def on_invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return respond(_invalid(request, error))

    async def on_http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        reason = _REASONS.get(error.status_code, "refused")
        return respond(Problem(error.status_code, reason, str(error.detail), headers=error.headers))

    async def on_fault(_: Request, error: Exception) -> JSONResponse:
        return respond(Problem(500, "internal", f"the service failed ({type(error).__name__}); see its log"))

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
        return Problem(415, "not_json", f"send the request as application/json, not as {media_type or 'nothing'}")
    place = ".".join(map(str, first["loc"]))
    return Problem(422, "invalid_request", f"{place}: {first['msg']}")


def _complete_openapi(app: FastAPI, *, with_key: bool) -> None:
    """Add to the OpenAPI document what FastAPI does not know: the media type of problems, and the API key."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _correct_problems(operation["responses"], as_lambda=path in ("/predict", INVOCATIONS))
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
                content["application/json"] = {"schema": {"$ref": "#/components/schemas/LambdaResponse"}}
