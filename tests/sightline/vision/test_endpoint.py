"""An endpoint is invoked like SageMaker's, transient errors are retried, and responses are validated."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from sightline.errors import InvalidSetting
from sightline.vision import EndpointClassifier, InvalidResponse, Reason, Rejected
from tests.images import image_file

CLASSES = ("bicycle", "motorcycle")
GOOD = b"[0.6003, 0.3997]"


class Body(io.BytesIO):
    """The content of a response, which may be truncated."""

    def __init__(self, content: bytes, error: Exception | None = None) -> None:
        super().__init__(content)
        self._error = error

    def __str__(self) -> str:
        return f"truncated content: {self._error}"

    def read(self, *_: Any) -> bytes:
        if self._error:
            raise self._error
        return super().read()


class Client:
    """Returns its responses in turn, then repeats the last; a response that is an exception is raised."""

    def __init__(self, *responses: Any, content_type: str = "application/json") -> None:
        self.calls: list[dict[str, Any]] = []
        self._responses = list(responses)
        self._content_type = content_type

    def invoke_endpoint(self, **call: Any) -> dict[str, Any]:
        self.calls.append(call)
        response = self._responses.pop(0) if len(self._responses) > 1 else self._responses[0]
        if isinstance(response, Exception):
            raise response
        body = response if isinstance(response, Body) else Body(response)
        return {"Body": body, "ContentType": self._content_type}


def failure(code: str, status: int | None = None, message: str = "no", **more: Any) -> ClientError:
    response: dict[str, Any] = {"Error": {"Code": code, "Message": message}, **more}
    if status is not None:
        response["ResponseMetadata"] = {"HTTPStatusCode": status}
    return ClientError(response, "InvokeEndpoint")


def classifier(client: Any, waits: list[float] | None = None) -> EndpointClassifier:
    sleep = (waits if waits is not None else []).append
    return EndpointClassifier("endpoint://vehicles", CLASSES, 0.93, client=client, sleep=sleep)


def test_image_is_sent_unchanged_with_its_type() -> None:
    client = Client(GOOD)
    assert classifier(client).predict(b"\xff\xd8\xff", "image/jpeg") == (0.6003, 0.3997)
    assert client.calls == [
        {"EndpointName": "vehicles", "Body": b"\xff\xd8\xff", "ContentType": "image/jpeg", "Accept": "application/json"}
    ]


TRANSIENT_ERRORS = [
    failure("ThrottlingException", 400),
    failure("ThrottlingException"),
    failure("TooManyRequestsException", 429),
    failure("ModelNotReadyException", 429),
    failure("InternalFailure", 500),
    failure("ServiceUnavailable", 503),
    failure("InternalDependencyException", 530),
    failure("ModelError", 424, OriginalStatusCode=503),
    EndpointConnectionError(endpoint_url="https://runtime.example.org"),
    ConnectTimeoutError(endpoint_url="https://runtime.example.org"),
    ReadTimeoutError(endpoint_url="https://runtime.example.org"),
    Body(b"", ResponseStreamingError(error="broken off")),
]


@pytest.mark.parametrize("error", TRANSIENT_ERRORS, ids=str)
def test_transient_error_is_retried_with_exponential_backoff(error: Any) -> None:
    waits: list[float] = []
    client = Client(error, error, error, GOOD)
    assert classifier(client, waits).predict(b"x", "image/png") == (0.6003, 0.3997)
    assert waits == [1, 2, 4]


@pytest.mark.parametrize("error", TRANSIENT_ERRORS, ids=str)
def test_image_is_rejected_after_three_retries(error: Any) -> None:
    waits: list[float] = []
    client = Client(error)
    with pytest.raises(Rejected, match="after 4 attempts") as caught:
        classifier(client, waits).predict(b"x", "image/png")
    assert caught.value.reason is Reason.ENDPOINT_UNAVAILABLE
    assert (len(client.calls), waits) == (4, [1, 2, 4])


@pytest.mark.parametrize(
    "error",
    [
        failure("ModelError", 424),
        failure("ModelError", 424, OriginalStatusCode=400),
        failure("ModelError", 424, OriginalStatusCode=500),
        failure("ValidationError", 400, "the body is too long"),
        failure("ValidationException", 400),
        failure("UnknownCode"),
    ],
    ids=str,
)
def test_rejected_image_is_sent_once(error: ClientError) -> None:
    waits: list[float] = []
    client = Client(error, GOOD)
    with pytest.raises(Rejected) as caught:
        classifier(client, waits).predict(b"x", "image/png")
    assert caught.value.reason is Reason.ENDPOINT_REFUSED
    assert (len(client.calls), waits) == (1, [])


@pytest.mark.parametrize(
    "error",
    [
        failure("AccessDeniedException", 403),
        failure("ExpiredTokenException", 403),
        failure("ValidationError", 400, "Endpoint vehicles of account 123456789012 not found."),
        NoCredentialsError(),
        ParamValidationError(report="EndpointName"),
    ],
    ids=str,
)
def test_unusable_endpoint_fails_the_run(error: Exception) -> None:
    client = Client(error)
    with pytest.raises(InvalidResponse, match="endpoint://vehicles: cannot be invoked"):
        classifier(client).predict(b"x", "image/png")
    assert len(client.calls) == 1


@pytest.mark.parametrize(
    ("response", "content_type"),
    [
        (GOOD, "application/json"),
        (b"[[0.6003, 0.3997]]", "application/json; charset=utf-8"),
        (b'{"predictions": [[0.6003, 0.3997]]}', "application/json"),
        (b'{"predictions": [{"probabilities": [0.6003, 0.3997]}]}', "application/json"),
        (b'{"probabilities": [0.6003, 0.3997]}', ""),
        (b"0.6003,0.3997\n", "text/csv; charset=utf-8"),
    ],
)
def test_common_response_formats_are_parsed(response: bytes, content_type: str) -> None:
    assert classifier(Client(response, content_type=content_type)).predict(b"x", "image/png") == (0.6003, 0.3997)


@pytest.mark.parametrize(
    "response",
    [
        b"", b"no", b"[]", b"{}", b"7", b"null", b"[1]", b"[0.5, 0.3, 0.2]", b"[0.9, 0.9]", b"[-0.5, 1.5]",
        b"[NaN, NaN]", b'["a", "b"]', b'{"predictions": []}', b"[[0.6, 0.4], [0.1, 0.9]]", b"\xff\xfe", b"[null, 1]",
        b'{"predictions": "bicycle"}',
    ],
)  # fmt: skip
def test_response_without_one_probability_per_class_is_invalid(response: bytes) -> None:
    with pytest.raises(InvalidResponse, match="bicycle, motorcycle"):
        classifier(Client(response)).predict(b"x", "image/png")


def test_missing_region_names_the_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    with pytest.raises(InvalidSetting, match="AWS_DEFAULT_REGION"):
        EndpointClassifier("endpoint://vehicles", CLASSES, 0.93)


class _Runtime(BaseHTTPRequestHandler):
    """SageMaker's runtime, throttled at first."""

    requests: list[tuple[str, str, bytes]]

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append((self.path, self.headers["Content-Type"], content))
        first = len(self.requests) == 1
        response = json.dumps({"message": "slow down"} if first else [0.959, 0.041]).encode()
        self.send_response(400 if first else 200)
        if first:
            self.send_header("x-amzn-ErrorType", "ThrottlingException")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(response)))
        self.end_headers()
        self.wfile.write(response)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Runtime]]:
    handler = type("Runtime", (_Runtime,), {"requests": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    yield handler
    server.shutdown()
    server.server_close()


@pytest.mark.integration
def test_boto3_client_adds_no_retries_of_its_own(runtime: type[_Runtime]) -> None:
    waits: list[float] = []
    image = image_file()
    classifier = EndpointClassifier("endpoint://vehicles", CLASSES, 0.93, sleep=waits.append)
    assert classifier.predict(image, "image/png") == (0.959, 0.041)
    assert waits == [1]
    assert runtime.requests == [("/endpoints/vehicles/invocations", "image/png", image)] * 2
