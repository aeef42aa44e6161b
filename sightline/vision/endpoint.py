"""Classification by a SageMaker endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as ConnectionFailed

from sightline.errors import InvalidSetting, SightlineError
from sightline.names import ModelName
from sightline.vision.answer_reader import read_answer
from sightline.vision.answers import InvalidAnswer
from sightline.vision.reasons import Reason, Rejected

__all__ = ["EndpointClassifier", "InvalidResponse"]

_THROTTLED = {
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
}


class InvalidResponse(SightlineError):
    """An endpoint cannot be invoked, or does not return a probability per class; the cause is not the image."""


class EndpointClassifier:
    """A deployed model, which receives images unchanged. May be used from several threads.

    ``name`` is ``endpoint://NAME``. Throttling, server errors (5xx) and connection errors are retried, up to
    ``attempts`` attempts with exponential backoff from ``delay`` seconds; other errors are not. Raises
    ``InvalidSetting`` if AWS is not configured, for example if the region is missing.
    """

    def __init__(
        self,
        name: str,
        classes: Sequence[str],
        threshold: float,
        *,
        client: Any = None,
        attempts: int = 4,
        delay: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.classes = tuple(classes)
        self.threshold = threshold
        self._endpoint = ModelName.parse(name).capture_endpoint
        self._client = client or _client(name)
        self._attempts, self._delay, self._sleep = attempts, delay, sleep

    def predict(self, data: bytes, content_type: str) -> tuple[float, ...]:
        """Return the probabilities of one image file, in the order of the classes.

        Raises :class:`Rejected` if the endpoint rejects the image or remains unavailable. Raises
        :class:`InvalidResponse` if it does not exist, this machine may not invoke it, or it does not return a
        probability per class.
        """
        content, response_type = self._invoke(data, content_type)
        try:
            return read_answer(content, response_type).for_classes(self.classes, self.name)
        except InvalidAnswer as error:
            raise InvalidResponse(
                f"{self.name}: the response does not contain the probabilities of {', '.join(self.classes)}: {error}"
            ) from error

    def _invoke(self, data: bytes, content_type: str) -> tuple[bytes, str]:
        for attempt in range(1, self._attempts + 1):
            try:
                response = self._client.invoke_endpoint(
                    EndpointName=self._endpoint, Body=data, ContentType=content_type, Accept="application/json"
                )
                return response["Body"].read(), response.get("ContentType", "")
            except (ClientError, ConnectionFailed, HTTPClientError, IncompleteReadError) as error:
                if not _is_transient(error):
                    if _concerns_every_image(error):
                        raise InvalidResponse(f"{self.name}: cannot be invoked: {error}") from error
                    raise Rejected(Reason.ENDPOINT_REFUSED, f"{self.name}: {error}") from error
                if attempt == self._attempts:
                    raise Rejected(
                        Reason.ENDPOINT_UNAVAILABLE, f"{self.name}: {error}, after {attempt} attempts"
                    ) from error
            except BotoCoreError as error:
                raise InvalidResponse(f"{self.name}: cannot be invoked: {error}") from error
            self._sleep(self._delay * 2 ** (attempt - 1))
        raise AssertionError("the last attempt returns or raises")


def _client(name: str) -> Any:
    import boto3
    from botocore.config import Config

    # botocore's own retries would multiply those of this class.
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=10, read_timeout=70)
    try:
        return boto3.client("sagemaker-runtime", config=config)
    except BotoCoreError as error:
        raise InvalidSetting(f"{name}: {error} Set AWS_DEFAULT_REGION, and the other AWS variables") from error


def _is_transient(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return True
    # The status of the model's own server behind the endpoint. These mean that it is temporarily unavailable; 500 means
    # that the model failed on the image.
    unavailable = error.response.get("OriginalStatusCode") in (502, 503, 504)
    return unavailable or _status(error) >= 500 or _status(error) == 429 or _code(error) in _THROTTLED


def _concerns_every_image(error: Exception) -> bool:
    """Return whether the cause is this machine's permissions or the endpoint's name."""
    return isinstance(error, ClientError) and (
        _status(error) in (401, 403) or (_code(error) == "ValidationError" and "not found" in str(error))
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
