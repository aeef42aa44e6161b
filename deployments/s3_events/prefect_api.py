"""The part of the Prefect server's API that the listener uses. Prefect itself is not imported."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
from pydantic import AwareDatetime, BaseModel, ValidationError

from deployments.s3_events.events import Event
from sightline.uploads import Upload

__all__ = ["Failing", "PrefectApi", "RejectedByServer", "Unavailable"]

# Statuses that concern the request itself. After any other status, the same request may succeed later.
_PERMANENT = frozenset(
    {
        httpx.codes.BAD_REQUEST,
        httpx.codes.CONFLICT,
        httpx.codes.REQUEST_ENTITY_TOO_LARGE,
        httpx.codes.UNPROCESSABLE_ENTITY,
    }
)
_WITHOUT_CSRF = frozenset({httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY})
_TEXT = 200  # characters of a response in an error message


_Model = TypeVar("_Model", bound=BaseModel)


class Unavailable(Exception):
    """The server did not accept the request but may do so later: it is down, busy, or rejects the credentials."""


class Failing(Unavailable):
    """The server is ready, but has an internal error with this request."""


class RejectedByServer(Exception):
    """The server will never accept this request."""


class _Created(BaseModel):
    """The part of a deployment or a run in a response that is used."""

    id: UUID


class _CsrfToken(BaseModel):
    token: str
    expiration: AwareDatetime


class _Csrf:
    """The CSRF token of this client, if the server has CSRF protection; it expires after an hour by default."""

    def __init__(self) -> None:
        self.client = uuid4()
        self._token: _CsrfToken | None = None
        self._is_known = False

    @property
    def headers(self) -> dict[str, str]:
        token = self._token
        return {"Prefect-Csrf-Token": token.token, "Prefect-Csrf-Client": str(self.client)} if token else {}

    def is_due(self, now: datetime) -> bool:
        return not self._is_known or (self._token is not None and self._token.expiration <= now)

    def accept(self, token: _CsrfToken | None) -> None:
        self._token, self._is_known = token, True

    def forget(self) -> None:
        self._token, self._is_known = None, False


class PrefectApi:
    """A client of the Prefect server's API that creates flow runs and publishes events.

    ``url`` is PREFECT_API_URL, ``deployment`` is the deployment that processes uploads, as FLOW/NAME. ``auth`` is
    PREFECT_API_AUTH_STRING, and takes precedence over the API ``key``, as in Prefect.
    """

    def __init__(
        self, url: str, deployment: str, auth: str | None = None, key: str | None = None, timeout: float = 10.0
    ) -> None:
        user, _, password = (auth or "").partition(":")
        bearer = {"Authorization": f"Bearer {key}"} if key and not auth else None
        self._client = httpx.Client(
            auth=httpx.BasicAuth(user, password) if auth else None, headers=bearer, timeout=timeout
        )
        self._url = url.rstrip("/")
        self._deployment = deployment
        self._deployment_id: UUID | None = None
        self._csrf = _Csrf()

    def create_run(self, upload: Upload) -> UUID:
        """Create the flow run of an upload, or find the existing one, and return its id.

        The run is in the server's database afterwards. Raises :class:`Unavailable`, also if there is no deployment
        yet, :class:`Failing` or :class:`RejectedByServer`.
        """
        body = {
            "parameters": {"uri": upload.uri, "object_version": upload.version, "kind": upload.kind},
            "idempotency_key": str(upload.id),
        }
        response = self._create_run(body)
        if response.status_code == httpx.codes.NOT_FOUND:  # the deployment was replaced by another one
            self._deployment_id = None
            response = self._create_run(body)
        self._check(response)
        return self._read(response, _Created).id

    def post(self, events: Sequence[Event]) -> None:
        """Publish the events. Raises :class:`Unavailable`, :class:`Failing` or :class:`RejectedByServer`.

        The server keeps new events in memory at first, so a killed server may lose them.
        """
        self._check(self._change("/events", list(events)))

    def _create_run(self, body: dict[str, Any]) -> httpx.Response:
        return self._change(f"/deployments/{self._find_deployment()}/create_flow_run", body)

    def _find_deployment(self) -> UUID:
        if self._deployment_id is None:
            response = self._send("GET", f"/deployments/name/{quote(self._deployment)}")
            if response.status_code == httpx.codes.NOT_FOUND:
                raise Unavailable(
                    f"{response.url}: there is no deployment {self._deployment} yet. It is created by the setup; "
                    "S3_EVENTS_DEPLOYMENT names another"
                )
            self._deployment_id = self._read(response, _Created).id
        return self._deployment_id

    def _change(self, path: str, body: Any) -> httpx.Response:
        """Send a POST with a CSRF token; if the server rejects the token, send it once more with a new one."""
        response = self._send("POST", path, json=body, headers=self._csrf_headers())
        if response.status_code == httpx.codes.FORBIDDEN and "CSRF token" in response.text:
            self._csrf.forget()
            response = self._send("POST", path, json=body, headers=self._csrf_headers())
        return response

    def _csrf_headers(self) -> dict[str, str]:
        if self._csrf.is_due(datetime.now(UTC)):
            response = self._send("GET", f"/csrf-token?client={self._csrf.client}")
            # Without CSRF protection the server has no tokens.
            is_protected = response.status_code not in _WITHOUT_CSRF
            self._csrf.accept(self._read(response, _CsrfToken) if is_protected else None)
        return self._csrf.headers

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        url = f"{self._url}{path}"
        try:
            return self._client.request(method, url, **content)
        except httpx.HTTPError as error:
            raise Unavailable(f"{url}: {type(error).__name__}: {error}".removesuffix(": ")) from error

    def _read(self, response: httpx.Response, model: type[_Model]) -> _Model:
        if not response.is_success:
            raise Unavailable(_describe(response))
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            raise Unavailable(f"the response is not from a Prefect server: {_describe(response)}") from error

    def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        message = _describe(response)
        if response.status_code in _PERMANENT:
            raise RejectedByServer(message)
        if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and self._send("GET", "/ready").is_success:
            raise Failing(message)
        raise Unavailable(message)

    def __enter__(self) -> PrefectApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()


def _describe(response: httpx.Response) -> str:
    text = " ".join(response.text.split())[:_TEXT]
    return f"{response.url}: {response.status_code} {response.reason_phrase}: {text}".removesuffix(": ")
