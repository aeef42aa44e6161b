"""``prefect.yaml`` says what the catalogue says, and a server takes all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.events import DeploymentTriggerTypes
from pydantic import TypeAdapter

from deployments.bootstrap import bootstrap
from deployments.prefect_file import DEPLOYMENT, FILE, PROCESSES, deployments, in_pool, main, render
from flows.catalogue import CATALOGUE, FlowEntry

SPECS: dict[str, dict[str, Any]] = {
    ":".join(spec["entrypoint"].rsplit(".", 1)): spec for spec in yaml.safe_load(FILE.read_text("utf-8"))["deployments"]
}
every_flow = pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)


def test_prefect_yaml_is_what_the_catalogue_renders() -> None:
    assert FILE.read_text("utf-8") == render()
    assert deployments() == SPECS


def test_check_fails_on_a_file_edited_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edited = tmp_path / "prefect.yaml"
    edited.write_text(FILE.read_text("utf-8").replace("limit: 2", "limit: 3"), "utf-8")
    monkeypatch.setattr("deployments.prefect_file.FILE", edited)
    monkeypatch.setattr("sys.argv", ["prefect_file", "--check"])
    assert main() == 1
    assert "make catalogue" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["prefect_file"])
    assert main() == 0
    assert edited.read_text("utf-8") == FILE.read_text("utf-8").replace("limit: 3", "limit: 2")
    monkeypatch.setattr("sys.argv", ["prefect_file", "--check"])
    assert main() == 0


@every_flow
def test_every_flow_is_a_deployment_described_as_in_the_catalogue(entry: FlowEntry) -> None:
    spec = SPECS[entry.target]
    assert (spec["name"], spec["description"], tuple(spec["tags"])) == (DEPLOYMENT, entry.summary, entry.tags)


def test_every_deployment_is_a_flow_of_the_catalogue() -> None:
    assert set(SPECS) == {entry.target for entry in CATALOGUE}


@pytest.mark.parametrize("target", SPECS)
def test_a_deployment_runs_in_a_container_with_a_limit_of_its_memory(target: str) -> None:
    spec = SPECS[target]
    assert spec["work_pool"]["name"] == "media-docker"
    assert spec["work_pool"]["job_variables"]["mem_limit"].endswith("g")
    assert spec["pull"] == [{"prefect.deployments.steps.set_working_directory": {"directory": "/opt/sightline"}}]


@pytest.mark.parametrize("target", [target for target, spec in SPECS.items() if "concurrency_limit" in spec])
def test_a_limit_is_one_that_prefect_does_not_drop_in_silence(target: str) -> None:
    limit = ConcurrencyLimitConfig.model_validate(SPECS[target]["concurrency_limit"])
    assert limit.limit >= 1
    assert set(SPECS[target]["concurrency_limit"]) == {"limit", "collision_strategy", "grace_period_seconds"}


@every_flow
def test_a_trigger_is_valid_and_gives_parameters_that_the_flow_has(entry: FlowEntry) -> None:
    triggers: list[dict[str, Any]] = SPECS[entry.target].get("triggers", [])
    fields = entry.load().parameters
    for spec in triggers:
        TypeAdapter(DeploymentTriggerTypes).validate_python(spec)
        given = set(spec["parameters"])
        assert set(fields.required) <= given <= set(fields.properties), spec["name"]
        assert all(event.startswith("sightline.") for event in spec["expect"])


@every_flow
def test_what_runs_by_the_clock_is_given_what_it_needs(entry: FlowEntry) -> None:
    fields = entry.load().parameters
    for each in SPECS[entry.target].get("schedules", []):
        assert set(fields.required) <= set(each.get("parameters", {})) <= set(fields.properties), each["slug"]


def test_in_the_pool_of_processes_the_deployments_run_in_this_folder_without_a_container() -> None:
    for spec in yaml.safe_load(in_pool(PROCESSES))["deployments"]:
        assert spec["work_pool"] == {"name": PROCESSES, "work_queue_name": "default"}
        [step] = spec["pull"]
        assert step == {"prefect.deployments.steps.set_working_directory": {"directory": str(FILE.parent)}}


def test_in_another_pool_of_containers_the_deployments_are_as_they_were() -> None:
    for spec in yaml.safe_load(in_pool("media-docker-gpu"))["deployments"]:
        before = SPECS[":".join(spec["entrypoint"].rsplit(".", 1))]
        assert spec["work_pool"] == {**before["work_pool"], "name": "media-docker-gpu"}
        assert spec["pull"] == before["pull"]


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.soak
def test_everything_is_deployed_to_a_fresh_server(prefect_server: str) -> None:
    """``prefect --no-prompt deploy --all``, twice: forms, limits, triggers and schedules are there, once each."""
    list(bootstrap({}))
    environment = {**os.environ, "PREFECT_API_URL": prefect_server}
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
            cwd=FILE.parent, env=environment, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with httpx.Client(base_url=prefect_server, trust_env=False, timeout=60) as api:
            found = {
                entry.target: api.get(f"/deployments/name/{entry.name}/{DEPLOYMENT}").raise_for_status().json()
                for entry in CATALOGUE
            }
            automations = api.post("/automations/filter", json={}).raise_for_status().json()
        for target, spec in SPECS.items():
            made = found[target]
            assert made["description"] == spec["description"]
            assert all(field.get("description") for field in made["parameter_openapi_schema"]["properties"].values())
            assert [each["schedule"]["cron"] for each in made["schedules"]] == [
                each["cron"] for each in spec.get("schedules", [])
            ]
            if limit := spec.get("concurrency_limit"):
                assert made["global_concurrency_limit"]["limit"] == limit["limit"]
                assert made["concurrency_options"]["collision_strategy"] == limit["collision_strategy"]
            runs = [a for a in automations if any(x.get("deployment_id") == made["id"] for x in a["actions"])]
            assert sorted(each["name"] for each in runs) == sorted(each["name"] for each in spec.get("triggers", []))
