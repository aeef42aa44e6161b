"""Classifying by a SageMaker endpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from sightline.errors import SightlineError
from sightline.vision.reasons import Reason, Rejected

__all__ = ["ENDPOINT", "EndpointClassifier", "InvalidAnswer"]

ENDPOINT = "endpoint://"

_THROTTLED = {
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
}


class InvalidAnswer(SightlineError):
    """An endpoint does not answer with a probability for each class."""


class EndpointClassifier:
    """A deployed model that is sent images as they are. May be used from several threads.

    ``name`` is ``endpoint://NAME``. Throttling, failures of the server (5xx) and of the connection are tried again
    ``tries`` times in all, after ``delay`` seconds, then twice as many, and so on; nothing else is.
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
        import boto3

        self.name = name
        self.classes = tuple(classes)
        self.threshold = threshold
        self._endpoint = name.removeprefix(ENDPOINT)
        # The retries are counted here: botocore's own would multiply them.
        config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, read_timeout=70)
        self._client = client or boto3.client("sagemaker-runtime", config=config)
        self._tries, self._delay, self._sleep = tries, delay, sleep

    def predict(self, data: bytes, content_type: str) -> tuple[float, ...]:
        """The probabilities of one image file, in the order of the classes.

        Raises :class:`Rejected` where the endpoint refuses the image, or stays away; and :class:`InvalidAnswer` where
        what it answers is not a probability for each class, of which no image can be the cause.
        """
        answer = self._invoke(data, content_type)
        try:
            return self._probabilities(answer["Body"].read().decode(), answer.get("ContentType", ""))
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise InvalidAnswer(
                f"{self.name}: the answer is not the probabilities of {', '.join(self.classes)}: {error}"
            ) from error

    def _invoke(self, data: bytes, content_type: str) -> dict[str, Any]:
        for attempt in range(1, self._tries + 1):
            try:
                answer: dict[str, Any] = self._client.invoke_endpoint(
                    EndpointName=self._endpoint, Body=data, ContentType=content_type, Accept="application/json"
                )
            except (ClientError, ConnectionError, HTTPClientError) as error:
                if not _may_pass(error):
                    raise Rejected(Reason.ENDPOINT_REFUSED, f"{self.name}: {error}") from error
                if attempt == self._tries:
                    raise Rejected(
                        Reason.ENDPOINT_UNAVAILABLE, f"{self.name}: {error}, after {attempt} tries"
                    ) from error
                self._sleep(self._delay * 2 ** (attempt - 1))
            except BotoCoreError as error:
                raise InvalidAnswer(f"{self.name}: cannot be asked: {error}") from error
            else:
                return answer
        raise AssertionError("the last try returns or raises")

    def _probabilities(self, text: str, content_type: str) -> tuple[float, ...]:
        found = text.strip().split(",") if content_type.startswith("text/csv") else json.loads(text)
        while isinstance(found, dict | list) and not _is_row(found):
            found = found[0] if isinstance(found, list) else found.get("probabilities", found.get("predictions"))
        row = tuple(float(each) for each in found)
        if len(row) != len(self.classes):
            raise ValueError(f"{len(row)} numbers came, {len(self.classes)} were expected")
        if not all(0 <= each <= 1 for each in row) or not math.isclose(sum(row), 1, abs_tol=0.01):
            raise ValueError(f"{row} are no probabilities, which lie in 0 to 1 and sum to 1")
        return row


def _is_row(found: Any) -> bool:
    return isinstance(found, list) and bool(found) and all(isinstance(each, int | float) for each in found)


def _may_pass(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return True
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return bool(status >= 500 or status == 429 or error.response["Error"]["Code"] in _THROTTLED)
