"""The state of the service: health, readiness and metrics."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.models import ModelState
from api.problems import ProblemBody
from api.schemas import Health, ModelStatus, Readiness
from api.service import Service

__all__ = ["status_routes"]


def status_routes(service: Service) -> APIRouter:
    """Return the routes ``/health``, ``/ready`` and ``/metrics``."""
    router = APIRouter(tags=["status"])

    @router.get("/health", summary="Is the process alive?")
    async def health() -> Health:
        """Return `ok` if the process responds to requests."""
        return Health(status="ok")

    @router.get(
        "/ready",
        summary="Are the models ready?",
        responses={
            404: {"model": ProblemBody, "description": "A model that is not served"},
            422: {"model": ProblemBody, "description": "An invalid name"},
            503: {"model": Readiness, "description": "Models are loading, or the named ones are not in use"},
        },
    )
    async def ready(
        response: Response,
        model: Annotated[tuple[str, ...], Query(description="Models that must be in use; may be repeated.")] = (),
    ) -> Readiness:
        """Return whether requests are processed, the models' versions, what is not served, and why.

        The service is ready once it has tried to load every model and one is in use. A model that is missing, damaged
        or loading is named in `not_served`, and does not keep the others from being used. `?model=posture` asks about
        certain models: the service is ready only if all of them are in use.
        """
        is_ready = all([service.is_ready, *map(service.models.is_in_use, model)])
        response.status_code = 200 if is_ready else 503
        return Readiness(
            ready=is_ready,
            not_served=service.not_served,
            needs_key=bool(service.config.api_keys),
            models=[_status(state) for state in service.models.states()],
        )

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Return requests, latencies, batches, queues, versions and errors. Needs an API key if keys are configured."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router


def _status(state: ModelState) -> ModelStatus:
    record = state.record
    return ModelStatus(
        name=state.name,
        version=record.version if record else None,
        task=record.task if record else None,
        classes=list(record.classes) if record else [],
        threshold=record.threshold if record else None,
        problem=state.problem,
    )
