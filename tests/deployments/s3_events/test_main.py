"""The listener's process: its imports, settings, logs and exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployments.s3_events.sqs import Queue
from tests.deployments.s3_events.fake import FakePrefect, await_true, s3_message

ROOT = Path(__file__).resolve().parents[3]


def start(environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "deployments.s3_events"]
    environment = {"PATH": os.environ["PATH"], "S3_EVENTS_HEALTH_PORT": "0", **environment}
    with log.open("wb") as stderr:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=stderr)


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_listener_imports_neither_prefect_nor_a_heavy_library() -> None:
    """The small image does not contain them."""
    code = "import sys, deployments.s3_events.__main__ as _; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {"av", "cv2", "fastapi", "flows", "mediapipe", "numpy", "prefect", "sklearn", "tasks", "torch"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "S3_EVENTS_QUEUE_URL is not set"),
        ({"S3_EVENTS_QUEUE_URL": "http://127.0.0.1:1/q"}, "PREFECT_API_URL is not set"),
        (
            {"S3_EVENTS_QUEUE_URL": "http://127.0.0.1:1/q", "PREFECT_API_URL": "http://127.0.0.1:1/api"},
            "No rule of UPLOAD_RULES refers to an S3 bucket",
        ),
        ({"UPLOAD_RULES": '[{"kind": "video", "suffixes": []}]'}, "UPLOAD_RULES"),
        ({"S3_EVENTS_DEPLOYMENT": "process-upload"}, "S3_EVENTS_DEPLOYMENT"),
    ],
)
def test_missing_or_invalid_setting_is_rejected_by_name(tmp_path: Path, environment: dict[str, str], name: str) -> None:
    process = start(environment, tmp_path / "log")
    assert process.wait(60) == 2
    assert name in lines(tmp_path / "log")[-1]["message"]


def test_sigterm_finishes_the_held_message_and_exits_with_0(
    queue: Queue, fake: FakePrefect, api: str, tmp_path: Path, s3_environment: dict[str, str]
) -> None:
    fake.delay = 1.0
    environment = {
        **s3_environment,
        "S3_EVENTS_QUEUE_URL": queue.url,
        "S3_EVENTS_DEAD_LETTER_QUEUE_URL": str(queue.dead_letters),
        "S3_EVENTS_WAIT_SECONDS": "1",
        "PREFECT_API_URL": api,
        "PREFECT_API_AUTH_STRING": "me:secret",
        "VIDEO_BUCKET": "s3://videos",
    }
    queue.client.send_message(QueueUrl=queue.url, MessageBody=s3_message("ana/a.mp4"))
    process = start(environment, tmp_path / "log")
    try:
        await_true(lambda: fake.count("/create_flow_run"), 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
    assert fake.uris == ["s3://videos/ana/a.mp4"]
    assert fake.requests[0]["authorization"].startswith("Basic ")
    assert [line["message"] for line in lines(tmp_path / "log")] == [
        "Listening", "An upload has its run", "Stopped",
    ]  # fmt: skip
    assert "secret" not in (tmp_path / "log").read_text()
