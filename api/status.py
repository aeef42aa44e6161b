"""The state of the service: health, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.models import ModelState
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
        responses={503: {"model": Readiness, "description": "Models are loading or missing"}},
    )
    async def ready(response: Response) -> Readiness:
        """Return whether the models are loaded and warmed up, their versions, and problems with newer versions.

        A missing model makes the service not ready only if `API_MODELS` names it.
        """
        response.status_code = 200 if service.is_ready else 503
        return Readiness(
            ready=service.is_ready,
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
