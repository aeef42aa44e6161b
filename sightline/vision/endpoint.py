"""Classifying by a SageMaker endpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as ConnectionFailed

from sightline.errors import InvalidSetting, SightlineError
from sightline.names import ModelName
from sightline.vision.reasons import Reason, Rejected

__all__ = ["EndpointClassifier", "InvalidAnswer"]

_THROTTLED = {
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
}


class InvalidAnswer(SightlineError):
    """An endpoint that cannot be asked, or does not answer with a probability for each class: no image is the cause."""


class EndpointClassifier:
    """A deployed model that is sent images as they are. May be used from several threads.

    ``name`` is ``endpoint://NAME``. Throttling, failures of the server (5xx) and of the connection are tried again
    ``tries`` times in all, after ``delay`` seconds, then twice as many, and so on; nothing else is. Raises
    ``InvalidSetting`` where AWS is not set up, its region missing say.
    """

    def __init__(
        self,
        name: str,
        classes: Sequence[str],
        threshold: float,
        *,
        client: Any = None,
        tries: int = 4,
        delay: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.classes = tuple(classes)
        self.threshold = threshold
        self._endpoint = ModelName.parse(name).capture_endpoint
        self._client = client or _client(name)
        self._tries, self._delay, self._sleep = tries, delay, sleep

    def predict(self, data: bytes, content_type: str) -> tuple[float, ...]:
        """The probabilities of one image file, in the order of the classes.

        Raises :class:`Rejected` where the endpoint refuses the image, or stays away; and :class:`InvalidAnswer` where
        it does not exist, must not be asked, or answers with something else than a probability for each class.
        """
        content, answer_type = self._invoke(data, content_type)
        try:
            return self._probabilities(content.decode(), answer_type)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise InvalidAnswer(
                f"{self.name}: the answer is not the probabilities of {', '.join(self.classes)}: {error}"
            ) from error

    def _invoke(self, data: bytes, content_type: str) -> tuple[bytes, str]:
        for attempt in range(1, self._tries + 1):
            try:
                answer = self._client.invoke_endpoint(
                    EndpointName=self._endpoint, Body=data, ContentType=content_type, Accept="application/json"
                )
                return answer["Body"].read(), answer.get("ContentType", "")
            except (ClientError, ConnectionFailed, HTTPClientError, IncompleteReadError) as error:
                if not _may_pass(error):
                    if _concerns_every_image(error):
                        raise InvalidAnswer(f"{self.name}: cannot be asked: {error}") from error
                    raise Rejected(Reason.ENDPOINT_REFUSED, f"{self.name}: {error}") from error
                if attempt == self._tries:
                    raise Rejected(
                        Reason.ENDPOINT_UNAVAILABLE, f"{self.name}: {error}, after {attempt} tries"
                    ) from error
            except BotoCoreError as error:
                raise InvalidAnswer(f"{self.name}: cannot be asked: {error}") from error
            self._sleep(self._delay * 2 ** (attempt - 1))
        raise AssertionError("the last try returns or raises")

    def _probabilities(self, text: str, content_type: str) -> tuple[float, ...]:
        found = text.strip().split(",") if content_type.startswith("text/csv") else json.loads(text)
        while isinstance(found, dict) or (isinstance(found, list) and len(found) == 1 and not _is_row(found)):
            found = found[0] if isinstance(found, list) else found.get("probabilities", found.get("predictions"))
        row = tuple(float(each) for each in found)
        if len(row) != len(self.classes):
            raise ValueError(f"{len(row)} numbers came, {len(self.classes)} were expected")
        if not all(0 <= each <= 1 for each in row) or not math.isclose(sum(row), 1, abs_tol=0.01):
            raise ValueError(f"{row} are no probabilities, which lie in 0 to 1 and sum to 1")
        return row


def _client(name: str) -> Any:
    import boto3

    # The retries are counted here: botocore's own would multiply them.
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=10, read_timeout=70)
    try:
        return boto3.client("sagemaker-runtime", config=config)
    except BotoCoreError as error:
        raise InvalidSetting(f"{name}: {error} Set AWS_DEFAULT_REGION, and the other AWS variables") from error


def _is_row(found: Any) -> bool:
    return isinstance(found, list) and bool(found) and all(isinstance(each, int | float) for each in found)


def _may_pass(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return True
    # The model's own server stands behind the endpoint: of its answers, these say that it is not there just now. A 500
    # is the model's, which failed on the image.
    behind = error.response.get("OriginalStatusCode") in (502, 503, 504)
    return behind or _status(error) >= 500 or _status(error) == 429 or _code(error) in _THROTTLED


def _concerns_every_image(error: Exception) -> bool:
    """Whether it is about this machine's rights or the endpoint's name."""
    return isinstance(error, ClientError) and (
        _status(error) in (401, 403) or (_code(error) == "ValidationError" and "not found" in str(error))
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
