"""The system with the flows for fault injection, and the number of attempts.

``CHAOS=short`` injects the faults that need no long wait, once each. ``CHAOS=long`` injects all, five times, or twenty
times if that is quick; ``REPEAT`` sets another number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.clip import build_clip
from tests.docker.chaos.alerts import Inbox, receive_alerts
from tests.docker.chaos.measure import Chaos
from tests.docker.chaos.system import ChaosStack
from tests.docker.chaos.verdict import Table
from tests.docker.conftest import started
from tests.docker.stack import ROOT, Stack, docker, free_port, names_of

PROJECT = "sightline-chaos"
IMAGE = "sightline:chaos"
NAMES = names_of(PROJECT)
SETTINGS = {
    "SIGHTLINE_IMAGE": IMAGE,
    "SMTP_SERVER": "host.docker.internal",
    "SMTP_TYPE": "INSECURE",
    "ALERT_EMAIL_TO": json.dumps(["ward@example.org"]),
    "ALERT_EMAIL_FROM": "sightline@example.org",
    "UPLOAD_TRANSCRIBER": "pocketsphinx",
    "CRASH_RETRY_SECONDS": json.dumps([5, 10, 20]),
    # The timeout of the flow that hangs. The trainings that sessions start take a few seconds.
    "TRAINING_TIMEOUT_SECONDS": "60",
    "DOCKER_RUNS_AT_ONCE": "20",
}
IS_SHORT = os.environ.get("CHAOS", "short") == "short"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    left_out = [item for item in here if IS_SHORT and not _marker(item).kwargs.get("short")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if any(
        "chaos" in report.keywords
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    ):
        terminalreporter.write(f"\n{Table().render()}")


def _marker(item: pytest.Item) -> pytest.Mark:
    marker = item.get_closest_marker("chaos")
    assert marker, f"{item.nodeid} has no mark chaos"
    return marker


@pytest.fixture
def attempts(request: pytest.FixtureRequest) -> int:
    """The number of attempts of this test."""
    if repeat := os.environ.get("REPEAT"):
        return int(repeat)
    return 1 if IS_SHORT else int(_marker(request.node).kwargs["attempts"])


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A video with a person and speech."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return build_clip(path, ROOT / "demo" / "speech.ogg", seconds=6, size=(480, 270)).read_bytes()


@pytest.fixture(scope="session")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """Start the system under a separate project name, with the flows for fault injection.

    The terminal shows the table at the end.
    """
    port, inbox = free_port(), Inbox()
    ui = f"http://ward.example:{port}"
    _build_image()
    with receive_alerts(inbox) as (webhook, mails):
        settings = {
            **SETTINGS,
            # Temporary files of flows can be put into a small file system, which can be filled.
            "COMPOSE_FILE": f"compose.yaml:{Path(__file__).with_name('compose.chaos.yaml')}",
            "PREFECT_PORT": str(port),
            "PREFECT_UI_URL": ui,
            "SLACK_WEBHOOK_URL": f"json://host.docker.internal:{webhook}/",
            "SMTP_PORT": str(mails),
        }
        with started(tmp_path_factory.mktemp("chaos"), NAMES, settings) as started_stack:
            stack = ChaosStack(started_stack.environment, ui, started_stack.auth, inbox=inbox)
            _deploy(stack)
            yield Chaos(stack, is_short=IS_SHORT)


def _build_image() -> None:
    Stack({"ENV": str(ROOT / "deployments" / "local.env")}, "", "").make("images")
    docker("build", "--quiet", "--tag", IMAGE, str(Path(__file__).parent / "workload"))


def _deploy(stack: ChaosStack) -> None:
    docker(
        "run", "--rm", "--network", PROJECT,
        "--env", "PREFECT_API_URL=http://gateway:4200/api", "--env", f"PREFECT_API_AUTH_STRING={stack.auth}",
        IMAGE, "python", "-m", "chaos.deploy",
    )  # fmt: skip
