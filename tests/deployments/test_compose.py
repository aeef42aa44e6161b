"""``compose.yaml`` hands on every setting there is, and none that there is not."""

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
ELSEWHERE = {"PREFECT_API_KEY"}  # of Prefect Cloud, whose server nobody starts here


def names(prefix: str) -> set[str]:
    return {name.upper() for name in Settings.model_fields if name.startswith(prefix)}


FLOWS = names("") - names("api_") - names("s3_events_") - names("prefect_")


def missing(service: str, wanted: set[str]) -> set[str]:
    return wanted - set(SERVICES[service]["environment"])


@pytest.mark.parametrize("service", ["setup", "listener", "api"])
def test_every_setting_of_the_flows_is_handed_on(service: str) -> None:
    assert missing(service, FLOWS) == set()


def test_what_is_handed_on_by_the_bootstrap_reaches_the_flows() -> None:
    given = dict.fromkeys(SERVICES["setup"]["environment"], "s3://some")
    assert flow_environment(given, blocks=frozenset()).keys() >= FLOWS | {"PREFECT_UI_URL"}


def test_the_http_service_and_the_listener_are_told_theirs() -> None:
    assert missing("api", names("api_")) == set()
    assert missing("listener", names("s3_events_") | (names("prefect_") - ELSEWHERE)) == set()


@pytest.mark.parametrize("service", ["setup", "listener", "api"])
def test_a_name_that_is_no_setting_is_found_out(service: str) -> None:
    """A setting that was renamed, or misspelt, would be ignored in silence."""
    known = names("") | PREFECT
    others = ("AWS_", "SIGHTLINE_", "SLACK_", "SMTP_", "DOCKER_", "PROCESS_", "HEALTH_URL")
    assert {each for each in SERVICES[service]["environment"] if not each.startswith(others)} - known == set()
