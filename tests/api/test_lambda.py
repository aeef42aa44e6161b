"""The original function's event, through Lambda's runtime and through the path of its emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.lambda_function import LambdaFunction
from sightline.errors import SightlineError
from tests.api.serving import BRIGHT, DARK, settings_for
from tests.runtime_api import RuntimeApi

ROOT = Path(__file__).resolve().parents[2]
INVOCATIONS = "/2015-03-31/functions/function/invocations"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}  # what `curl -d` states


@contextmanager
def runtime(models: Path) -> Iterator[RuntimeApi]:
    """Run the function as Lambda does: a process that asks the runtime API for events."""
    api = RuntimeApi()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("API_", "MODEL_"))},
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "posture",
        "MODEL_BUCKET_NAME": str(models),
        "DEVICE": "cpu",
        "BACKEND": "torch",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "awslambdaric", "api.lambda_function.handler"]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield api
    finally:
        process.kill()
        process.wait()
        api.server.shutdown()


@pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric is built for Linux")
def test_events_get_results_through_the_runtime(models: Path) -> None:
    with runtime(models) as api:
        kind, result = api.invoke({"images": [DARK, BRIGHT]})
        assert (kind.rpartition("/")[2], result["statusCode"]) == ("response", 200)
        assert json.loads(result["body"])["predictions"] == ["left", "right"]
        # The result of an invalid event is the function's, not an error of the runtime; the next event is processed.
        kind, result = api.invoke({"images": []})
        assert (kind.rpartition("/")[2], result["statusCode"]) == ("response", 400)
        kind, result = api.invoke({"body": json.dumps({"images": [BRIGHT]}), "httpMethod": "POST"})
        assert json.loads(result["body"])["predictions"] == ["right"]


@pytest.fixture
def function(models: Path) -> Iterator[LambdaFunction]:
    function = LambdaFunction(settings_for(models, api_keys=("secret",), api_max_body_bytes=1_000_000))
    yield function
    function.close()


@pytest.mark.parametrize(
    ("event", "status", "reason"),
    [
        ({"images": ["no base64!"]}, 400, "bad_base64"),
        ({"image_urls": ["http://169.254.169.254/latest/meta-data"]}, 403, "not_allowed"),
        ({"images": ["A" * 2_000_000]}, 413, "body_too_large"),
        (["images"], 422, "invalid_request"),
        ({"images": ["\ud800"]}, 400, "bad_base64"),
    ],
)
def test_refused_event_has_its_status_and_reason(
    event: Any, status: int, reason: str, function: LambdaFunction
) -> None:
    result = function.invoke(event)
    assert (result["statusCode"], json.loads(result["body"])["reason"]) == (status, reason)


def test_function_with_another_model(models: Path) -> None:
    function = LambdaFunction(settings_for(models, api_models=("vehicles",)))
    assert json.loads(function.invoke({"images": [DARK]})["body"])["predictions"] == ["bicycle"]
    function.close()


def test_missing_model_fails_the_initialization(tmp_path: Path) -> None:
    with pytest.raises(SightlineError, match="the registry has no model nothing"):
        LambdaFunction(settings_for(tmp_path, api_models=("nothing",)))


def test_the_original_curl_command_works_unchanged(client: httpx.Client) -> None:
    response = client.post(INVOCATIONS, content=json.dumps({"images": [DARK]}), headers=FORM)
    assert response.status_code == 200
    assert json.loads(response.json()["body"])["predictions"] == ["left"]
    refused = client.post(INVOCATIONS, content=json.dumps({"images": []}), headers=FORM)
    assert (refused.status_code, refused.json()["statusCode"]) == (200, 400)


@pytest.mark.parametrize(
    ("content", "headers", "status", "reason"),
    [
        ("images=1", {}, 400, "not_json"),
        ("[" * 100_000, {}, 400, "not_json"),
        ("[]", {}, 422, "invalid_request"),
        ("{}", {"Origin": "http://elsewhere.example"}, 403, "cross_origin"),
        ("{}", {"Origin": "null"}, 403, "cross_origin"),
    ],
)
def test_invalid_invocation_is_refused(
    content: str, headers: dict[str, str], status: int, reason: str, client: httpx.Client
) -> None:
    response = client.post(INVOCATIONS, content=content, headers=FORM | headers)
    assert (response.status_code, response.json()["reason"]) == (status, reason)
