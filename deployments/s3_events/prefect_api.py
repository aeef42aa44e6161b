"""The part of the Prefect server's API that the listener uses. Prefect itself is not imported."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import httpx

from deployments.s3_events.events import Event

__all__ = ["PrefectApi", "RejectedByServer", "Unavailable"]

# Statuses that concern the events themselves. After any other status, the same request may succeed later.
_PERMANENT = frozenset(
    {httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.UNPROCESSABLE_ENTITY}
)
_TEXT = 200  # characters of a response in an error message


class Unavailable(Exception):
    """The server did not accept the events but may do so later: it is down, busy, or rejects the credentials."""


class RejectedByServer(Exception):
    """The server will never accept these events."""


class PrefectApi:
    """A client of the Prefect server's events API.

    ``url`` is PREFECT_API_URL. ``auth`` is PREFECT_API_AUTH_STRING, and takes precedence over the API ``key``, as in
    Prefect.
    """

    def __init__(self, url: str, auth: str | None = None, key: str | None = None, timeout: float = 10.0) -> None:
        user, _, password = (auth or "").partition(":")
        bearer = {"Authorization": f"Bearer {key}"} if key and not auth else None
        self._client = httpx.Client(
            auth=httpx.BasicAuth(user, password) if auth else None, headers=bearer, timeout=timeout
        )
        self._events = f"{url.rstrip('/')}/events"

    def post(self, events: Sequence[Event]) -> None:
        """Publish the events. Raises :class:`Unavailable` or :class:`RejectedByServer`."""
        try:
            response = self._client.post(self._events, json=list(events))
        except httpx.HTTPError as error:
            raise Unavailable(f"{self._events}: {type(error).__name__}: {error}".removesuffix(": ")) from error
        if response.is_success:
            return
        text = " ".join(response.text.split())[:_TEXT]
        message = f"{self._events}: {response.status_code} {response.reason_phrase}: {text}".removesuffix(": ")
        raise (RejectedByServer if response.status_code in _PERMANENT else Unavailable)(message)

    def __enter__(self) -> PrefectApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
