"""``compose.yaml`` passes every setting to the containers, and no unknown one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.bootstrap.environment import flow_environment
from sightline.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
PREFECT = {"PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_UI_URL"}
CLOUD_ONLY = {"PREFECT_API_KEY"}  # for Prefect Cloud; compose.yaml starts its own server


def names(prefix: str) -> set[str]:
    return {name.upper() for name in Settings.model_fields if name.startswith(prefix)}


FLOWS = names("") - names("api_") - names("s3_events_") - names("prefect_")


def missing(service: str, wanted: set[str]) -> set[str]:
    return wanted - set(SERVICES[service]["environment"])


@pytest.mark.parametrize("service", ["setup", "listener", "api"])
def test_service_receives_every_setting_of_the_flows(service: str) -> None:
    assert missing(service, FLOWS) == set()


def test_bootstrap_passes_every_setting_on_to_the_flows() -> None:
    environment = dict.fromkeys(SERVICES["setup"]["environment"], "s3://some")
    assert flow_environment(environment, blocks=frozenset()).keys() >= FLOWS | {"PREFECT_UI_URL"}


def test_api_and_listener_receive_their_own_settings() -> None:
    assert missing("api", names("api_")) == set()
    assert missing("listener", names("s3_events_") | (names("prefect_") - CLOUD_ONLY)) == set()


@pytest.mark.parametrize("service", ["setup", "listener", "api"])
def test_service_receives_no_unknown_setting(service: str) -> None:
    """A renamed or misspelt setting would be ignored silently."""
    known = names("") | PREFECT
    others = ("AWS_", "SIGHTLINE_", "SLACK_", "SMTP_", "DOCKER_", "PROCESS_", "HEALTH_URL")
    assert {name for name in SERVICES[service]["environment"] if not name.startswith(others)} - known == set()
