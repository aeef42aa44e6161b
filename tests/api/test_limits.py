"""Limits of a request: bytes, pixels, images, time, and the API key."""

from __future__ import annotations

import json
import logging
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.serving import BRIGHT, DARK, JSON, Running, await_true, serving, settings_for
from tests.images import image_file, png_of_size


def problem(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["detail"]
    return response.status_code, body["reason"]


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (image_file()[:60], 422, "truncated"),
        (b"%PDF-1.7", 422, "not_an_image"),
        (b"<svg/>", 422, "not_an_image"),
        (b"", 422, "empty"),
        (png_of_size(20_000, 20_000), 422, "too_many_pixels"),
    ],
)
@pytest.mark.parametrize("path", ["/classify", "/posture", "/image-ranking/running-style", "/lower-body"])
def test_file_that_is_no_usable_image_gets_a_reason(
    content: bytes, status: int, reason: str, path: str, client: httpx.Client
) -> None:
    text = b64encode(content).decode()
    payload = {"image_base64": text} if path.endswith(("style", "body")) else {"images": [text]}
    assert problem(client.post(path, json=payload)) == (status, reason)


@pytest.mark.parametrize("path", ["/image-ranking/running-style", "/lower-body"])
def test_invalid_base64_gets_a_reason(path: str, client: httpx.Client) -> None:
    assert problem(client.post(path, json={"image_base64": "no base64!"})) == (400, "bad_base64")
    assert problem(client.post(path, json={"image_base64": 7})) == (422, "invalid_request")
    assert problem(client.post(path, json={})) == (422, "invalid_request")


@pytest.mark.parametrize("query", ["person_crop_confidence=2", "person_crop_confidence=nan", "sharpness_threshold=-1"])
def test_parameter_out_of_bounds_is_rejected(query: str, client: httpx.Client) -> None:
    assert problem(client.post(f"/lower-body?{query}", json={"image_base64": DARK})) == (422, "invalid_request")


@pytest.mark.parametrize("path", ["/classify", "/posture", "/predict", "/image-ranking/running-style", "/lower-body"])
def test_body_that_is_not_json_is_rejected(path: str, client: httpx.Client) -> None:
    for text in (b"{", b"\xff", b"[" * 100_000, b"{'a': 1}"):
        assert problem(client.post(path, content=text, headers=JSON)) == (400, "not_json")
    for text in (b"[]", b"7", b"null", b'"text"', b""):
        assert problem(client.post(path, content=text, headers=JSON)) == (422, "invalid_request")
    form = client.post(path, content=b"images=x", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert problem(form) == (415, "not_json")
    assert problem(client.post(path, content=b"{}")) == (415, "not_json")


def test_too_many_images_are_rejected_before_decoding(client: httpx.Client) -> None:
    assert problem(client.post("/classify", json={"images": [DARK] * 9})) == (422, "too_many_images")
    assert problem(client.post("/classify", json={"image_urls": ["https://example.org/"] * 9})) == (
        422,
        "too_many_images",
    )
    start = time.monotonic()
    assert problem(client.post("/classify", json={"images": [""] * 200_000})) == (422, "too_many_images")
    assert time.monotonic() - start < 5


def test_request_with_too_large_a_stated_length_is_rejected(running: Running) -> None:
    response = running.client.post("/classify", content=b"x" * 1_000_001, headers=JSON)
    assert problem(response) == (413, "body_too_large")
    assert running.metric("requests_refused_total", reason="body_too_large") >= 1


def test_request_without_a_stated_length_is_measured(client: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 100_000
            yield b"x" * 100_000

    start = time.monotonic()
    response = client.post("/classify", content=endless(), headers=JSON)
    assert problem(response) == (413, "body_too_large")
    assert time.monotonic() - start < 20  # The rest is discarded for two seconds, as fast as it arrives.
    assert sent > 1_000_000


def test_disconnected_caller_is_noticed_and_the_service_continues(running: Running) -> None:
    host, _, port = running.url.removeprefix("http://").partition(":")
    before = running.metric("requests_total", method="none", route="none", status="499")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    await_true(lambda: running.metric("requests_total", method="none", route="none", status="499") == before + 1, 10)
    assert running.client.get("/health").json() == {"status": "ok"}


def test_incomplete_request_times_out(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.guard._BODY_SECONDS", 0.3)
    host, _, port = running.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_unknown_path_and_method_are_problems(client: httpx.Client) -> None:
    assert problem(client.get("/nowhere")) == (404, "not_found")
    assert problem(client.get("/classify")) == (405, "method_not_allowed")


def test_internal_error_is_a_problem_without_details(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("api.classification.judge_image", fail)
    with caplog.at_level(logging.CRITICAL):
        response = running.client.post("/classify", json={"images": [DARK]})
    assert problem(response) == (500, "internal")
    assert "secret" not in response.text


@pytest.fixture(scope="module")
def locked(models: Path) -> Iterator[Running]:
    config = settings_for(models, api_keys=["first", "ein-schlüssel"], api_models=["vehicles"], api_max_requests=2)
    with serving(config) as service:
        yield service


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "firs"}, {"X-API-Key": "firstfirst"}])
def test_request_without_a_valid_key_is_rejected(headers: dict[str, str], locked: Running) -> None:
    for path in ("/classify", "/posture", "/predict", "/lower-body", "/image-ranking/running-style", "/nowhere"):
        response = locked.client.post(path, content=b"x" * 100, headers=headers)
        assert problem(response) == (401, "unauthorized")
    assert problem(locked.client.get("/metrics", headers=headers)) == (401, "unauthorized")


@pytest.mark.parametrize("key", ["first", "ein-schlüssel"])
def test_every_valid_key_gives_access(key: str, locked: Running) -> None:
    headers = {"X-API-Key": key.encode()}
    response = locked.client.post("/classify", json={"images": [BRIGHT]}, headers=headers)  # type: ignore[arg-type]
    assert response.json()["predictions"] == ["motorcycle"]
    assert locked.client.get("/metrics", headers=headers).status_code == 200  # type: ignore[arg-type]


def test_open_paths_need_no_key(locked: Running) -> None:
    for path in ("/", "/docs", "/openapi.json", "/health", "/ready"):
        assert locked.client.get(path).status_code == 200
    assert locked.client.get("/ready").json()["needs_key"] is True
    document = locked.client.get("/openapi.json").json()
    assert document["paths"]["/classify"]["post"]["security"] == [{"key": []}]
    assert "security" not in document["paths"]["/ready"]["get"]


def test_key_is_not_part_of_the_settings_text(locked: Running) -> None:
    assert "first" not in repr(locked.service.config)


def test_too_many_requests_are_rejected_with_retry_after(models: Path) -> None:
    config = settings_for(models, api_models=["vehicles"], api_max_requests=2)
    with serving(config) as running:
        host, _, port = running.url.removeprefix("http://").partition(":")
        held = [socket.create_connection((host, int(port))) for _ in range(2)]
        for connection in held:
            connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        await_true(lambda: running.metric("requests_in_flight") == 2, 10)
        response = running.client.post("/classify", json={"images": [DARK]})
        assert problem(response) == (503, "overloaded")
        assert response.headers["Retry-After"] == "1"
        assert running.client.get("/health").status_code == 200
        for connection in held:
            connection.close()
        await_true(lambda: running.metric("requests_in_flight") == 0, 10)
        assert running.client.post("/classify", json={"images": [DARK]}).status_code == 200


def test_body_of_a_lambda_response_is_json(client: httpx.Client) -> None:
    response = client.post("/predict", json={"images": ["no base64!"]}).json()
    assert response["statusCode"] == 400
    assert json.loads(response["body"])["reason"] == "bad_base64"
