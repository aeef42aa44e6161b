"""The Prefect server's API, as far as the listener needs it; Prefect itself is not imported."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import httpx

from deployments.s3_events.events import Event

__all__ = ["Away", "PrefectApi", "Refused"]

# What the server says of the events themselves; any other answer may be another one later.
_OF_THE_CONTENT = frozenset(
    {httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.UNPROCESSABLE_ENTITY}
)
_TEXT = 200


class Away(Exception):
    """The server did not take the events, and may do so later: it is down, busy, or wants other credentials."""


class Refused(Exception):
    """The server will never take these events."""


class PrefectApi:
    """``url`` as in PREFECT_API_URL; ``auth`` as in PREFECT_API_AUTH_STRING goes before ``key``, as in Prefect."""

    def __init__(self, url: str, auth: str | None = None, key: str | None = None, timeout: float = 10.0) -> None:
        user, _, password = (auth or "").partition(":")
        bearer = {"Authorization": f"Bearer {key}"} if key and not auth else None
        self._client = httpx.Client(
            auth=httpx.BasicAuth(user, password) if auth else None, headers=bearer, timeout=timeout
        )
        self._events = f"{url.rstrip('/')}/events"

    def post(self, events: Sequence[Event]) -> None:
        """Have the server publish the events. Raises :class:`Away` or :class:`Refused`."""
        try:
            answer = self._client.post(self._events, json=list(events))
        except httpx.HTTPError as error:
            raise Away(f"{self._events}: {type(error).__name__}: {error}".removesuffix(": ")) from error
        if answer.is_success:
            return
        told = f"{self._events}: {answer.status_code} {answer.reason_phrase}: {' '.join(answer.text.split())[:_TEXT]}"
        raise (Refused if answer.status_code in _OF_THE_CONTENT else Away)(told.removesuffix(": "))

    def __enter__(self) -> PrefectApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
