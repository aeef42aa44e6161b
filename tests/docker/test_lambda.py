"""The image for AWS Lambda answers the original function's event, with Lambda's restrictions."""

from __future__ import annotations

import json
import subprocess
import uuid
from base64 import b64encode
from contextlib import suppress

import pytest

from tests.docker.stack import ROOT, docker
from tests.images import image_file
from tests.runtime_api import RuntimeApi

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_image_serves_the_bundled_posture_model() -> None:
    subprocess.run(["make", "lambda"], cwd=ROOT, check=True)
    api, name = RuntimeApi(address="0.0.0.0"), f"sightline-lambda-{uuid.uuid4().hex[:8]}"
    docker(
        "run", "--detach", "--name", name, "--read-only", "--tmpfs", "/tmp", "--user", "993:990", "--cap-drop", "ALL",
        "--memory", "1g", "--add-host", "host.docker.internal:host-gateway",
        "--env", f"AWS_LAMBDA_RUNTIME_API=host.docker.internal:{api.server.server_port}",
        "--env", "AWS_LAMBDA_FUNCTION_NAME=posture", "sightline-lambda:local",
    )  # fmt: skip
    try:
        kind, result = api.invoke({"images": [b64encode(image_file(1, (58, 130), "JPEG")).decode()]})
        assert (kind.rpartition("/")[2], result["statusCode"]) == ("response", 200)
        body = json.loads(result["body"])
        assert body["model"].startswith("posture/")
        assert body["images"][0]["reason"] == "OUT_OF_DISTRIBUTION"  # it is a picture of noise
    finally:
        with suppress(Exception):
            docker("rm", "--force", name)
        api.server.shutdown()
