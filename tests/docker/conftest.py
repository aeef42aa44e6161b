"""The system started by ``make up`` on a Docker engine; the tests are skipped if there is none."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.docker.stack import ROOT, Stack, docker, free_port, names_of

PROJECT = "sightline-test"
NAMES = names_of(PROJECT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    if here and (reason := _missing_engine()):
        for item in here:
            item.add_marker(pytest.mark.skip(reason=reason))


def _missing_engine() -> str | None:
    if shutil.which("docker") is None:
        return "Docker is not installed"
    info = subprocess.run(["docker", "info"], check=False, capture_output=True, text=True)
    if info.returncode:
        return "no Docker engine responds"
    compose = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode == 0
    return None if compose or shutil.which("docker-compose") else "Docker Compose is not installed"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run :func:`started` with an address of the UI, a webhook for alerts and keys for S3."""
    folder = tmp_path_factory.mktemp("stack")
    port = free_port()
    ui = f"http://ward.example:{port}"
    alerts: list[dict[str, Any]] = []
    with receive(alerts) as webhook:
        settings = {
            "PREFECT_PORT": str(port),
            "PREFECT_UI_URL": ui,
            "SLACK_WEBHOOK_URL": f"json://host.docker.internal:{webhook}/",
            "UPLOAD_TRANSCRIBER": "pocketsphinx",
            "CRASH_RETRY_SECONDS": "[5, 10, 20]",
            "AWS_ACCESS_KEY_ID": "AKIATESTONLY0000",
            "AWS_SECRET_ACCESS_KEY": "secret-key-of-the-test",
            "API_KEYS": '["key-of-the-test"]',
        }
        with started(folder, NAMES, settings) as stack:
            stack.ui, stack.alerts = ui, alerts
            yield stack


@contextmanager
def started(folder: Path, names: dict[str, str], settings: dict[str, str]) -> Iterator[Stack]:
    """Build the images and run ``make up`` with a generated login; remove everything at the end."""
    ports = {name: str(free_port()) for name in ("PREFECT_PORT", "API_PORT", "AWS_PORT")}
    file, secrets = folder / "test.env", folder / "secrets"
    extra = {**names, **ports, "SIGHTLINE_SECRETS": str(secrets), **settings}
    lines = [f"{name}={value}" for name, value in extra.items()]
    file.write_text((ROOT / "deployments" / "local.env").read_text() + "\n".join(lines) + "\n")
    stack = Stack({**ports, **settings, **names, "ENV": str(file), "SIGHTLINE_SECRETS": str(secrets)}, "", "")
    try:
        stack.output = stack.make("up")
        stack.auth = (secrets / "PREFECT_API_AUTH_STRING").read_text()
        yield stack
    finally:
        stack.make("down")
        label = f"label=com.docker.compose.project={names['COMPOSE_PROJECT_NAME']}"
        docker("volume", "rm", "--force", *docker("volume", "ls", "--quiet", "--filter", label).split())


@contextmanager
def receive(alerts: list[dict[str, Any]]) -> Iterator[int]:
    """Receive alerts of a webhook inside the context; yield its port."""

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            alerts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("0.0.0.0", 0), Webhook) as webhook:
        threading.Thread(target=webhook.serve_forever, daemon=True).start()
        yield webhook.server_port
        webhook.shutdown()
