"""The handler of AWS Lambda: an event of the original function becomes the response of ``POST /predict``.

::

    python -m awslambdaric api.lambda_function.handler

The model is the first of ``API_MODELS``, by default posture. It is loaded before the first event, in Lambda's
initialization phase. Lambda authorizes the callers, so ``API_KEYS`` are not needed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx

from api.app import create_app
from api.service import Service
from sightline.errors import SightlineError
from sightline.settings import Settings, settings

__all__ = ["LambdaFunction", "handler"]

_LOADING_SECONDS = 300.0
_EVENT_SECONDS = 900.0  # the longest time that Lambda gives an event
_DEFAULT_MODEL = "posture"


class LambdaFunction:
    """The HTTP service in this process, without a port. Its tasks run while an event is processed."""

    def __init__(self, config: Settings) -> None:
        """Load the model. Raises :class:`SightlineError` if it cannot be used."""
        self._model = (config.api_models or (_DEFAULT_MODEL,))[0]
        app = create_app(config.model_copy(update={"api_keys": (), "api_models": (self._model,)}))
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://lambda", timeout=_EVENT_SECONDS
        )
        self._lifespan = app.router.lifespan_context(app)
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._start(app.state.service))

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response to an event: ``statusCode``, ``headers`` and ``body``, which is JSON text."""
        return self._loop.run_until_complete(self._predict(event))

    def close(self) -> None:
        """Stop the service."""
        self._loop.run_until_complete(self._stop())
        self._loop.close()

    async def _start(self, service: Service) -> None:
        await self._lifespan.__aenter__()
        async with asyncio.timeout(_LOADING_SECONDS):
            while not service.is_ready:
                if reason := next(filter(None, (state.problem for state in service.models.states())), None):
                    await self._stop()
                    raise SightlineError(reason)
                await asyncio.sleep(0.01)

    async def _stop(self) -> None:
        await self._client.aclose()
        await self._lifespan.__aexit__(None, None, None)

    async def _predict(self, event: Mapping[str, Any]) -> dict[str, Any]:
        content = json.dumps(event).encode()
        headers = {"Content-Type": "application/json"}
        response = await self._client.post("/predict", params={"model": self._model}, content=content, headers=headers)
        result: dict[str, Any] = response.json()
        if "statusCode" in result:
            return result
        # A request that the service refuses before it is read, such as one that is too large.
        return {"statusCode": response.status_code, "headers": headers, "body": json.dumps(result)}


@cache
def _function() -> LambdaFunction:
    logging.getLogger().setLevel(logging.INFO)  # the runtime adds a handler that writes to CloudWatch
    return LambdaFunction(settings())


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Process one event of the original function. ``context`` is Lambda's and is not used."""
    del context
    return _function().invoke(event)


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    _function()  # Lambda's initialization phase, whose failure it reports
