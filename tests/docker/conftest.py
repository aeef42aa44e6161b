"""The system started by ``make up`` on a Docker engine; the tests are skipped if there is none."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.docker.stack import ROOT, Stack, free_port

PROJECT = "sightline-test"
NAMES = {
    "COMPOSE_PROJECT_NAME": PROJECT,
    "SIGHTLINE_NETWORK": PROJECT,
    "SIGHTLINE_CACHE": f"{PROJECT}-cache",
}


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
    """Build the images and run ``make up`` under a separate project name; remove everything at the end."""
    ports = {name: str(free_port()) for name in ("PREFECT_PORT", "API_PORT", "AWS_PORT")}
    ui = f"http://ward.example:{ports['PREFECT_PORT']}"
    file = tmp_path_factory.mktemp("stack") / "test.env"
    stack = Stack({**NAMES, **ports, "ENV": str(file)}, ui, auth="ward:d00r")

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            stack.alerts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("0.0.0.0", 0), Webhook) as webhook:
        threading.Thread(target=webhook.serve_forever, daemon=True).start()
        extra = {
            **NAMES,
            **ports,
            "SLACK_WEBHOOK_URL": f"json://host.docker.internal:{webhook.server_port}/",
            "UPLOAD_TRANSCRIBER": "pocketsphinx",
            "PREFECT_UI_URL": ui,
            "PREFECT_SERVER_API_AUTH_STRING": stack.auth,
            "PREFECT_API_AUTH_STRING": stack.auth,
        }
        lines = [f"{name}={value}" for name, value in extra.items()]
        file.write_text((ROOT / "deployments" / "local.env").read_text() + "\n".join(lines) + "\n")
        try:
            stack.make("up")
            yield stack
        finally:
            stack.make("down")
            volumes = [NAMES["SIGHTLINE_CACHE"], f"{PROJECT}_database", f"{PROJECT}_aws"]
            subprocess.run(["docker", "volume", "rm", "--force", *volumes], stdout=subprocess.DEVNULL, check=True)
            webhook.shutdown()
