"""Requests to S3 that are repeated until an outage is over.

botocore retries a failed request for a few seconds. An outage of minutes, such as a restart of S3's stand-in, is a
pause: a request that failed for a transient reason is repeated for up to STORAGE_OUTAGE_SECONDS.

>>> response = patiently(lambda: client.get_object(Bucket="videos", Key="ana/clip.mp4"))

The repetition is around botocore, not in its event ``needs-retry``, for three reasons: it includes what fails after the
response, a body that breaks off in the middle or a role whose credentials cannot be read; botocore's limit of attempts
and its token bucket do not matter; and only the calling thread waits, which an exception can interrupt, not the threads
of a transfer.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    SSLError,
)
from botocore.exceptions import ConnectionError as ConnectionFailed
from pydantic import Field, NonNegativeFloat
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["StorageSettings", "failing_fast", "is_transient", "patiently"]

_LONGEST_PAUSE = 10.0
_SLICE = 0.5  # An exception that is raised in a thread from outside, such as Prefect's timeout, waits for it.
_THROTTLED = {"RequestTimeout", "RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException"}
_ROLES = {"container-role", "iam-role"}  # credentials that the machine or its metadata service provides

_log = logging.getLogger(__name__)
_fails_fast: ContextVar[bool] = ContextVar("fails_fast", default=False)

Result = TypeVar("Result")


class StorageSettings(BaseSettings):
    """The settings of the storage, which is below all other settings: these name locations."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True)

    storage_outage_seconds: NonNegativeFloat = Field(
        0.0,
        allow_inf_nan=False,
        description="How long a request to S3 is repeated if S3 cannot be reached, is overloaded or has an internal "
        "error. 0: only botocore's own retries, a few seconds.",
    )


def patiently(request: Callable[[], Result]) -> Result:
    """Return the result of ``request``, which is repeated if it fails for a transient reason.

    The request must be one that can be sent again: a lost response does not show whether it was executed. The last
    exception is raised when STORAGE_OUTAGE_SECONDS have passed since the first attempt, any other exception at once.
    """
    started, attempt = time.monotonic(), 0
    while True:
        try:
            result = request()
        except Exception as error:
            if not is_transient(error):
                if isinstance(error, ClientError):  # S3 has answered.
                    _outage.end()
                raise
            remaining = started + _patience() - time.monotonic()
            if remaining <= 0:
                raise
            _outage.begin(error)
            _wait(min(remaining, random.uniform(0.5, 1) * min(2.0 ** min(attempt, 16), _LONGEST_PAUSE)))  # noqa: S311
            attempt += 1
        else:
            _outage.end()
            return result


@contextmanager
def failing_fast() -> Iterator[None]:
    """Within the block, this thread's requests do not wait for the end of an outage.

    For what is repeated anyway, or must not delay the end of the process.
    """
    token = _fails_fast.set(True)
    try:
        yield
    finally:
        _fails_fast.reset(token)


def is_transient(error: BaseException | None) -> bool:
    """Return whether the same request may succeed later: no answer, half an answer, an internal error, throttling."""
    from boto3.exceptions import RetriesExceededError, S3UploadFailedError

    match error:
        case ClientError():
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            code = error.response.get("Error", {}).get("Code")
            return status == 429 or (status >= 500 and status != 501) or code in _THROTTLED
        case S3UploadFailedError():
            return is_transient(error.__context__)
        case RetriesExceededError():  # of a download
            return isinstance(error.last_exception, ConnectionError | TimeoutError) or is_transient(
                error.last_exception
            )
        case SSLError():  # A handshake may break off, but an invalid certificate stays invalid.
            return "CERTIFICATE_VERIFY_FAILED" not in str(error)
        case CredentialRetrievalError():
            return error.kwargs.get("provider") in _ROLES
        case _:
            return isinstance(error, HTTPClientError | ConnectionFailed | IncompleteReadError)


def _patience() -> float:
    return 0.0 if _fails_fast.get() else StorageSettings().storage_outage_seconds


def _wait(seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _SLICE))


class _Outage:
    """The outage that this process is in, if any; logged once, whatever the number of threads that wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: float | None = None

    def begin(self, error: Exception) -> None:
        with self._lock:
            if self._since is not None:
                return
            self._since = time.monotonic()
        _log.warning("S3 cannot be used: %s. Requests are repeated for up to %.0f s", error, _patience())

    def end(self) -> None:
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
        if since is not None:
            _log.info("S3 can be used again, after %.0f s", time.monotonic() - since)


_outage = _Outage()
