"""``prefect.yaml`` agrees with the catalogue, and a server accepts it."""

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


def test_prefect_yaml_equals_the_rendered_catalogue() -> None:
    assert FILE.read_text("utf-8") == render()
    assert deployments() == SPECS


def test_check_fails_for_a_file_edited_by_hand(
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
def test_deployment_is_described_as_in_the_catalogue(entry: FlowEntry) -> None:
    spec = SPECS[entry.target]
    assert (spec["name"], spec["description"], tuple(spec["tags"])) == (DEPLOYMENT, entry.summary, entry.tags)


def test_deployments_are_the_flows_of_the_catalogue() -> None:
    assert set(SPECS) == {entry.target for entry in CATALOGUE}


@pytest.mark.parametrize("target", SPECS)
def test_deployment_runs_in_a_container_with_a_memory_limit(target: str) -> None:
    spec = SPECS[target]
    assert spec["work_pool"]["name"] == "media-docker"
    assert spec["work_pool"]["job_variables"]["mem_limit"].endswith("g")
    assert spec["pull"] == [{"prefect.deployments.steps.set_working_directory": {"directory": "/opt/sightline"}}]


@pytest.mark.parametrize("target", [target for target, spec in SPECS.items() if "concurrency_limit" in spec])
def test_concurrency_limit_has_no_field_that_prefect_ignores(target: str) -> None:
    limit = ConcurrencyLimitConfig.model_validate(SPECS[target]["concurrency_limit"])
    assert limit.limit >= 1
    assert set(SPECS[target]["concurrency_limit"]) == {"limit", "collision_strategy", "grace_period_seconds"}


@every_flow
def test_trigger_is_valid_and_sets_parameters_of_the_flow(entry: FlowEntry) -> None:
    triggers: list[dict[str, Any]] = SPECS[entry.target].get("triggers", [])
    fields = entry.load().parameters
    for spec in triggers:
        TypeAdapter(DeploymentTriggerTypes).validate_python(spec)
        parameters = set(spec["parameters"])
        assert set(fields.required) <= parameters <= set(fields.properties), spec["name"]
        assert all(event.startswith("sightline.") for event in spec["expect"])


@every_flow
def test_schedule_sets_every_required_parameter(entry: FlowEntry) -> None:
    fields = entry.load().parameters
    for schedule in SPECS[entry.target].get("schedules", []):
        parameters = set(schedule.get("parameters", {}))
        assert set(fields.required) <= parameters <= set(fields.properties), schedule["slug"]


def test_deployment_in_the_process_pool_runs_in_the_checkout() -> None:
    for spec in yaml.safe_load(in_pool(PROCESSES))["deployments"]:
        assert spec["work_pool"] == {"name": PROCESSES, "work_queue_name": "default"}
        [step] = spec["pull"]
        assert step == {"prefect.deployments.steps.set_working_directory": {"directory": str(FILE.parent)}}


def test_deployment_in_another_container_pool_differs_only_in_the_pool() -> None:
    for spec in yaml.safe_load(in_pool("media-docker-gpu"))["deployments"]:
        before = SPECS[":".join(spec["entrypoint"].rsplit(".", 1))]
        assert spec["work_pool"] == {**before["work_pool"], "name": "media-docker-gpu"}
        assert spec["pull"] == before["pull"]


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.soak
def test_all_flows_are_deployed_to_a_new_server(prefect_server: str) -> None:
    """After two runs of ``prefect deploy --all`` every form, limit, trigger and schedule exists once."""
    list(bootstrap({}))
    environment = {**os.environ, "PREFECT_API_URL": prefect_server}
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
            cwd=FILE.parent, env=environment, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with httpx.Client(base_url=prefect_server, trust_env=False, timeout=60) as api:
            deployed = {
                entry.target: api.get(f"/deployments/name/{entry.name}/{DEPLOYMENT}").raise_for_status().json()
                for entry in CATALOGUE
            }
            automations = api.post("/automations/filter", json={}).raise_for_status().json()
        for target, spec in SPECS.items():
            actual = deployed[target]
            assert actual["description"] == spec["description"]
            assert all(field.get("description") for field in actual["parameter_openapi_schema"]["properties"].values())
            assert [item["schedule"]["cron"] for item in actual["schedules"]] == [
                item["cron"] for item in spec.get("schedules", [])
            ]
            if limit := spec.get("concurrency_limit"):
                assert actual["global_concurrency_limit"]["limit"] == limit["limit"]
                assert actual["concurrency_options"]["collision_strategy"] == limit["collision_strategy"]
            triggers = [
                automation
                for automation in automations
                if any(action.get("deployment_id") == actual["id"] for action in automation["actions"])
            ]
            expected = [trigger["name"] for trigger in spec.get("triggers", [])]
            assert sorted(trigger["name"] for trigger in triggers) == sorted(expected)
