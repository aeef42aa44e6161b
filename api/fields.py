"""The fields of requests: an unknown one is refused, because a request with a typing error has no right answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from difflib import get_close_matches
from typing import Any

from fastapi import Request

from api.problems import Problem
from api.schemas import ImagesPayload
from sightline.errors import InvalidInput
from sightline.vision.payloads import envelope_content
from sightline.vision.refs import shortened

__all__ = ["check_query", "model_of"]

_PAYLOAD = frozenset(ImagesPayload.model_fields)
_IMAGE = frozenset({"image_data", "s3_bucket", "s3_key", "inferences"})
# The other fields of the events that Lambda gets from API gateways (payload formats 1.0 and 2.0) and load balancers.
_ENVELOPE = frozenset(
    {
        "cookies", "headers", "httpMethod", "multiValueHeaders", "multiValueQueryStringParameters", "path",
        "pathParameters", "queryStringParameters", "rawPath", "rawQueryString", "requestContext", "resource",
        "routeKey", "stageVariables", "version",
    }
)  # fmt: skip


async def check_query(request: Request) -> None:
    """Raise :class:`Problem` for a query parameter that the route does not have."""
    known = {parameter.alias for parameter in request.scope["route"].dependant.query_params}
    _check_names(request.query_params, known, "query")


def model_of(payload: Mapping[str, Any], query: str | None, default: str, max_images: int) -> str:
    """Return the model that a request names in its query or its payload, by default ``default``.

    Raises :class:`Problem` if they name different ones, for a name that is not text, and for an unknown field: in the
    payload, in the body of an envelope, or in one of the first ``max_images`` images.
    """
    _check_names(payload, _PAYLOAD | _ENVELOPE, "body")
    try:
        content = envelope_content(payload)
    except InvalidInput as error:
        raise Problem(400, "no_images", str(error)) from error
    named = [query, payload.get("model")]
    if content is not None:
        _check_names(content, _PAYLOAD, "body.body")
        named.append(content.get("model"))
    images = (payload if content is None else content).get("images")
    for place, image in enumerate(images[:max_images] if isinstance(images, list) else [images]):
        if isinstance(image, Mapping):
            _check_names(image, _IMAGE, f"body.images.{place}")
    return _only([name for name in named if name is not None], default)


def _only(named: list[Any], default: str) -> str:
    for name in named:
        if not isinstance(name, str):
            raise Problem(422, "invalid_request", f"body.model: {shortened(name)} is not the name of a model")
        if name != named[0]:
            raise Problem(
                422, "invalid_request", f"model: the request names both {shortened(named[0])} and {shortened(name)}"
            )
    return str(named[0]) if named else default


def _check_names(names: Iterable[str], known: Set[str], place: str) -> None:
    unknown = next((name for name in names if name not in known), None)
    if unknown is None:
        return
    close = get_close_matches(unknown[:80], known, 1)
    fix = f"Did you mean {close[0]}?" if close else f"The known ones are {', '.join(sorted(known - _ENVELOPE))}"
    raise Problem(422, "invalid_request", f"{place}.{unknown[:80]}: is not a known field. {fix}")
