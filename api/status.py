"""How the service is."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.models import ModelState
from api.schemas import Health, ModelStatus, Readiness
from api.service import Service

__all__ = ["status_routes"]


def status_routes(service: Service) -> APIRouter:
    """``/health``, ``/ready`` and ``/metrics``."""
    router = APIRouter(tags=["status"])

    @router.get("/health", summary="Is the process alive?")
    async def health() -> Health:
        """Whether the process answers at all."""
        return Health(status="ok")

    @router.get(
        "/ready",
        summary="Are the models ready?",
        responses={503: {"model": Readiness, "description": "Models are being loaded, or lacking"}},
    )
    async def ready(response: Response) -> Readiness:
        """Whether the models are loaded and warm, which version of each answers, and what is wrong with a newer one.

        A model that is not there keeps the service from being ready only where `API_MODELS` names it.
        """
        response.status_code = 200 if service.is_ready else 503
        return Readiness(
            ready=service.is_ready,
            needs_key=bool(service.config.api_keys),
            models=[_status(state) for state in service.models.states()],
        )

    @router.get("/metrics", summary="Figures for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Requests, latencies, batches, queues, versions and refusals. Where there are API keys, this needs one."""
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
