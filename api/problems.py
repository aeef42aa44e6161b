"""Problems: error responses with a status, a reason from a fixed list, and a text for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from sightline.errors import InvalidInput, SightlineError, StorageError
from sightline.registry import InvalidModelName, ModelDamaged, ModelNotFound
from sightline.vision import Reason, Rejected

__all__ = [
    "AsciiJSONResponse",
    "Problem",
    "ProblemBody",
    "RejectedImage",
    "problem_of_error",
    "problem_of_images",
    "problem_response",
]

_STATUS = {
    Reason.BAD_BASE64: 400,
    Reason.UNSUPPORTED_URI: 400,
    Reason.FORBIDDEN_ADDRESS: 403,
    Reason.NOT_ALLOWED: 403,
    Reason.TOO_LARGE: 413,
    Reason.UNREACHABLE: 424,
    Reason.BAD_RESPONSE: 424,
}
_UNUSABLE = 422


class RejectedImage(BaseModel):
    """One image of the request that cannot be used."""

    uri: str = Field(description="The URI of the image, or `inline:N` for the image at that place of the request.")
    reason: str = Field(examples=["not_an_image"])
    detail: str


class ProblemBody(BaseModel):
    """The reason why there is no result."""

    reason: str = Field(description="A reason from a fixed list, for programs.", examples=["bad_base64"])
    detail: str = Field(description="An explanation for people.", examples=["inline:0: not base64: Incorrect padding"])
    images: list[RejectedImage] | None = Field(None, description="The rejected images, if they are the reason.")


class Problem(Exception):
    """A request that gets an error response. ``headers`` are added to the response."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        images: Sequence[RejectedImage] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, reason, detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.images = list(images)
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object of the response."""
        return ProblemBody(reason=self.reason, detail=self.detail, images=self.images or None).model_dump(
            exclude_none=True
        )


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII: it can return half a surrogate pair that a caller sent, which UTF-8 cannot encode."""

    def render(self, content: Any) -> bytes:
        """Return the response's bytes."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def problem_response(problem: Problem) -> JSONResponse:
    """Return the response for a problem, with the media type of RFC 9457."""
    return AsciiJSONResponse(problem.body, problem.status, problem.headers, "application/problem+json")


def problem_of_images(images: Sequence[tuple[str, Rejected]]) -> Problem:
    """Return the problem of a request without a usable image. Its reason is that of the first image."""
    uri, first = images[0]
    return Problem(
        _STATUS.get(first.reason, _UNUSABLE),
        first.reason.value,
        f"{uri}: {first.detail}",
        images=[RejectedImage(uri=uri, reason=image.reason.value, detail=image.detail) for uri, image in images],
    )


def problem_of_error(error: SightlineError) -> Problem:
    """Return the problem of a stored model or session that is missing (404) or cannot be read (503).

    Raises ``error`` itself if it is of another kind.
    """
    if isinstance(error, (InvalidModelName, ModelNotFound, InvalidInput)):
        return Problem(404, "not_found", str(error))
    if isinstance(error, (ModelDamaged, StorageError)):
        return Problem(503, "unreadable", str(error))
    raise error
