"""``compose.yaml`` passes every setting to the containers, and no secret, and hardens every container."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.bootstrap.environment import flow_environment
from deployments.docker_proxy import Rules
from deployments.secret_files import GROUPS, NAMES
from sightline.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return content


COMPOSE, REDIS = read("compose.yaml"), read("compose.redis.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]
ALL = {**SERVICES, **{name: service for name, service in REDIS["services"].items() if "image" in service}}
ONE_SHOT = {"secrets", "database-files", "migration", "setup"}
PREFECT = {"PREFECT_API_URL", "PREFECT_UI_URL", "PREFECT_CLIENT_MAX_RETRIES", "PREFECT_CLIENT_RETRY_EXTRA_CODES"}
CLOUD_ONLY = {"PREFECT_API_KEY"}  # for Prefect Cloud; compose.yaml starts its own server
POOLS = {"SUPERVISED"}  # set by the work pools


def names(prefix: str) -> set[str]:
    return {name.upper() for name in Settings.model_fields if name.startswith(prefix)}


RECONCILER = names("reconciler_") | names("crash_retry_") | names("late_run_")
WORKSTATION = names("local_server")  # for commands without PREFECT_API_URL
FLOWS = names("") - names("api_") - names("s3_events_") - names("prefect_") - RECONCILER - POOLS - WORKSTATION
QUEUE = {"S3_EVENTS_QUEUE_URL", "S3_EVENTS_DEAD_LETTER_QUEUE_URL"}


def environment(service: str) -> dict[str, Any]:
    variables: dict[str, Any] = ALL[service].get("environment", {})
    return variables


def missing(service: str, wanted: set[str]) -> set[str]:
    return wanted - set(environment(service))


@pytest.mark.parametrize("service", ["setup", "listener", "reconciler", "api"])
def test_service_receives_every_setting_of_the_flows(service: str) -> None:
    assert missing(service, FLOWS) == set()


def test_bootstrap_passes_every_setting_on_to_the_flows() -> None:
    variables = dict.fromkeys(environment("setup"), "s3://some")
    assert flow_environment(variables, blocks=frozenset()).keys() >= FLOWS | {"PREFECT_UI_URL"}


def test_services_receive_their_own_settings() -> None:
    assert missing("api", names("api_") - NAMES) == set()
    assert (
        missing("listener", names("s3_events_") | (names("prefect_") - CLOUD_ONLY - NAMES - {"PREFECT_UI_URL"}))
        == set()
    )
    assert missing("reconciler", RECONCILER | QUEUE) == set()


@pytest.mark.parametrize("service", ["setup", "listener", "reconciler", "api"])
def test_service_receives_no_unknown_setting(service: str) -> None:
    """A renamed or misspelt setting would be ignored silently."""
    known = names("") | PREFECT
    others = ("AWS_", "SIGHTLINE_", "SMTP_", "DOCKER_", "PROCESS_", "FLOWS_ROLE_ARN", "HEALTH_URL")
    assert {name for name in environment(service) if not name.startswith(others)} - known == set()


@pytest.mark.parametrize("service", ALL)
def test_no_secret_is_a_variable_of_a_container(service: str) -> None:
    """`docker inspect` shows them."""
    assert environment(service).keys() & NAMES == set()
    assert not re.search("|".join(NAMES), re.sub(r"/run/secrets/\w+", "", str(ALL[service])))


def test_each_service_reads_the_secrets_of_one_group() -> None:
    readers = {}
    for name, service in ALL.items():
        mounted = [volume for volume in map(str, service.get("volumes", [])) if volume.startswith("secrets-")]
        if name == "secrets":
            assert mounted == [f"secrets-{group}:/run/output/{group}" for group in GROUPS]
        elif mounted:
            [volume] = mounted
            readers[name] = volume
    assert {name: volume for name, volume in readers.items() if name not in ("database", "database-files")} == {
        "server": "secrets-server:/run/secrets:ro",
        "migration": "secrets-server:/run/secrets:ro",
        "services": "secrets-server:/run/secrets:ro",
        "setup": "secrets-setup:/run/secrets:ro",
        "worker": "secrets-client:/run/secrets:ro",
        "housekeeper": "secrets-client:/run/secrets:ro",
        "reconciler": "secrets-flows:/run/secrets:ro",
        "listener": "secrets-flows:/run/secrets:ro",
        "api": "secrets-api:/run/secrets:ro",
    }


@pytest.mark.parametrize("service", ALL)
def test_every_container_is_hardened_and_limited(service: str) -> None:
    settings = ALL[service]
    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert 0 < settings["pids_limit"] <= 4096
    assert re.fullmatch(r"\$\{\w+:-\d+g\}", settings["mem_limit"])
    assert not {"privileged", "pid", "ipc", "devices"} & settings.keys()
    if service in ONE_SHOT:
        assert "restart" not in settings
    else:
        assert settings["restart"] == "unless-stopped"


def test_capabilities_are_those_that_prepare_files_without_a_network() -> None:
    added = {name: set(service["cap_add"]) for name, service in ALL.items() if "cap_add" in service}
    assert added == {
        "secrets": {"CHOWN", "DAC_OVERRIDE"},
        "database-files": {"CHOWN", "DAC_OVERRIDE", "FOWNER"},
    }
    assert all(ALL[name]["network_mode"] == "none" for name in added)


def test_only_the_proxy_has_the_docker_socket_and_only_its_clients_reach_it() -> None:
    socket = [name for name, service in ALL.items() if "docker.sock" in str(service.get("volumes", ""))]
    assert socket == ["docker-proxy"]
    network = [name for name, service in ALL.items() if "docker" in service.get("networks", [])]
    assert set(network) == {"docker-proxy", "worker", "housekeeper", "reconciler"}
    assert ALL["docker-proxy"]["networks"] == ["docker"]
    assert COMPOSE["networks"]["docker"]["internal"] is True


def test_only_the_server_reaches_the_database() -> None:
    network = {name for name, service in ALL.items() if "database" in service.get("networks", [])}
    assert network == {"database", "redis", "migration", "server", "services"}
    assert ALL["database"]["networks"] == ALL["redis"]["networks"] == ["database"]
    assert COMPOSE["networks"]["database"]["internal"] is True


def test_ports_are_published_on_the_loopback_interface() -> None:
    ports = {name: service["ports"] for name, service in ALL.items() if "ports" in service}
    assert ports.keys() == {"gateway", "api", "aws"}
    assert all(port.startswith("127.0.0.1:") for published in ports.values() for port in published)


def test_docker_proxy_receives_its_rules() -> None:
    rules = Rules.from_environment({name: f"some-{name}" for name in environment("docker-proxy")})
    assert rules.network == "some-SIGHTLINE_NETWORK"
