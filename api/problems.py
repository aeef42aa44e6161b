"""What is answered in place of a result: a status, a reason from a fixed list, and a text for a person."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from sightline.vision import Reason, Rejected

__all__ = ["AsciiJSONResponse", "Problem", "ProblemBody", "RejectedImage", "problem_of", "problem_response"]

_STATUS = {
    Reason.BAD_BASE64: 400,
    Reason.UNSUPPORTED_URI: 400,
    Reason.FORBIDDEN_ADDRESS: 403,
    Reason.NOT_ALLOWED: 403,
    Reason.TOO_LARGE: 413,
    Reason.UNREACHABLE: 424,
}
_UNUSABLE = 422


class RejectedImage(BaseModel):
    """One image of the request that could not be used."""

    uri: str = Field(description="Its URI, or `inline:N` by its place.")
    reason: str = Field(examples=["not_an_image"])
    detail: str


class ProblemBody(BaseModel):
    """Why there is no result."""

    reason: str = Field(description="From a fixed list, for programs.", examples=["bad_base64"])
    detail: str = Field(description="For a person.", examples=["inline:0: not base64: Incorrect padding"])
    images: list[RejectedImage] | None = Field(None, description="Where images are the reason: each with its own.")


class Problem(Exception):
    """A request that is answered with an error. ``headers`` are sent along."""

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
        """The answer's JSON object."""
        return ProblemBody(reason=self.reason, detail=self.detail, images=self.images or None).model_dump(
            exclude_none=True
        )


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII: what a caller sent may hold half a surrogate pair, which no other encoding can send back."""

    def render(self, content: Any) -> bytes:
        """The answer's bytes."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def problem_response(problem: Problem) -> JSONResponse:
    """The answer for a problem, of the type that RFC 9457 has for them."""
    return AsciiJSONResponse(problem.body, problem.status, problem.headers, "application/problem+json")


def problem_of(images: Sequence[tuple[str, Rejected]]) -> Problem:
    """The problem of a request none of whose images can be used; the first one's reason is the answer's."""
    uri, first = images[0]
    return Problem(
        _STATUS.get(first.reason, _UNUSABLE),
        first.reason.value,
        f"{uri}: {first.detail}",
        images=[RejectedImage(uri=uri, reason=each.reason.value, detail=each.detail) for uri, each in images],
    )
