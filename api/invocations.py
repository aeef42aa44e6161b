"""Events sent to the path of Lambda's Invoke operation, as to the emulator in Lambda's images."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request

from api.problems import Problem

__all__ = ["INVOCATIONS", "event_of"]

INVOCATIONS = "/2015-03-31/functions/function/invocations"
"""The path, with the name that the emulator gives to its only function."""


async def event_of(request: Request) -> dict[str, Any]:
    """Return the event in the request's body.

    Raises :class:`Problem` if it is not a JSON object, and if a page of another origin sent it: a browser asks nobody
    before it sends a request of an arbitrary media type.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(403, "cross_origin", "pages of other origins cannot invoke the function")
    try:
        event = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Problem(400, "not_json", f"the event is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise Problem(422, "invalid_request", f"the event is a {type(event).__name__}, not an object")
    return event
