"""``make api``: a process that prints its address, and completes requests in progress when it is stopped."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.__main__ import _listen
from tests.api.serving import BRIGHT, await_true

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.integration


@pytest.fixture
def environment(models: Path, tmp_path: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("API_")}
    chosen = {"PYTHONPATH": str(ROOT), "MODEL_BUCKET": str(models), "API_MODELS": '["vehicles"]', "BACKEND": "torch"}
    return {**inherited, **chosen, "HOME": str(tmp_path)}


@pytest.fixture
def process(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The service on a free port, and its log."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        environment["PORT"] = str(free.getsockname()[1])
    log = tmp_path / "log"
    command = [sys.executable, "-m", "api"]
    with log.open("wb") as stderr, subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=stderr) as started:
        try:
            yield started, log
        finally:
            started.kill()


@pytest.mark.slow
def test_stopped_process_completes_requests_in_progress(process: tuple[subprocess.Popen[bytes], Path]) -> None:
    started, log = process
    await_true(lambda: b"Ctrl-C" in log.read_bytes() or started.poll() is not None)
    address = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
    assert address, log.read_text()
    with httpx.Client(base_url=address[0], trust_env=False, timeout=60) as client:
        await_true(lambda: client.get("/ready").status_code == 200)

        def slow() -> Iterator[bytes]:
            yield b'{"images": ["'
            time.sleep(1.5)  # the service is stopped meanwhile
            yield BRIGHT.encode() + b'"]}'

        responses: list[httpx.Response] = []
        request = threading.Thread(
            target=lambda: responses.append(
                client.post("/classify", content=slow(), headers={"Content-Type": "application/json"})
            )
        )
        request.start()
        time.sleep(0.5)
        started.send_signal(signal.SIGTERM)
        request.join(60)
    assert responses[0].json()["predictions"] == ["motorcycle"]
    assert started.wait(60) in (0, -signal.SIGTERM)
    assert "Traceback" not in log.read_text()
    with pytest.raises(httpx.ConnectError):
        httpx.get(address[0], trust_env=False)


def test_port_in_use_is_reported_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SystemExit, match=rf"port {port} .* is not available: .*Try make api PORT={port + 1}"):
            _listen("127.0.0.1", port)


def test_response_does_not_wait_for_the_acknowledgement() -> None:
    """Head and body are written separately: Nagle's algorithm would delay the body."""
    with _listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
