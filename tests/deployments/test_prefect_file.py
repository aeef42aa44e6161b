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
from prefect.events import DeploymentTriggerTypes
from pydantic import TypeAdapter

from deployments.bootstrap import bootstrap
from deployments.prefect_file import (
    CONTAINERS,
    DEPLOYMENT,
    FILE,
    GPU_CONTAINERS,
    HOUSEKEEPING,
    POOLS,
    PROCESSES,
    deployments,
    flows_of,
    in_pool,
    main,
    render,
)
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
    edited.write_text(FILE.read_text("utf-8").replace("mem_limit: 4g", "mem_limit: 3g"), "utf-8")
    monkeypatch.setattr("deployments.prefect_file.FILE", edited)
    monkeypatch.setattr("sys.argv", ["prefect_file", "--check"])
    assert main() == 1
    assert "make catalogue" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["prefect_file"])
    assert main() == 0
    assert edited.read_text("utf-8") == render()
    monkeypatch.setattr("sys.argv", ["prefect_file", "--check"])
    assert main() == 0


@every_flow
def test_deployment_is_described_as_in_the_catalogue(entry: FlowEntry) -> None:
    spec = SPECS[entry.target]
    assert (spec["name"], spec["description"], tuple(spec["tags"])) == (DEPLOYMENT, entry.summary, entry.tags)


def test_deployments_are_the_flows_of_the_catalogue() -> None:
    assert set(SPECS) == {entry.target for entry in CATALOGUE}


@every_flow
def test_deployment_runs_in_a_container_with_a_memory_limit(entry: FlowEntry) -> None:
    spec = SPECS[entry.target]
    assert spec["work_pool"]["job_variables"] == {"mem_limit": entry.memory}
    assert spec["pull"] == [{"prefect.deployments.steps.set_working_directory": {"directory": "/opt/sightline"}}]


@every_flow
def test_deployment_has_its_own_queue_and_no_concurrency_limit(entry: FlowEntry) -> None:
    """The limit of a deployment is a lease; when the server cannot renew it, the run crashes."""
    spec = SPECS[entry.target]
    assert spec["work_pool"]["work_queue_name"] == entry.name
    assert "concurrency_limit" not in spec


def test_sweep_reminders_and_beds_do_not_wait_for_other_flows() -> None:
    pools = {entry.name: SPECS[entry.target]["work_pool"]["name"] for entry in CATALOGUE}
    assert {name for name, pool in pools.items() if pool == HOUSEKEEPING} == {
        "sweep-uploads",
        "remind-reviewers",
        "watch-posture",
    }
    assert set(pools.values()) == {CONTAINERS, HOUSEKEEPING}


def test_uploads_which_may_be_many_are_served_last() -> None:
    """A worker starts the waiting runs of one queue before those of the next."""
    for pool in (CONTAINERS, GPU_CONTAINERS, PROCESSES, "some-ecs"):
        assert flows_of(pool)[-1].name == "process-upload"


def test_every_flow_has_one_pool_of_each_kind() -> None:
    everything = {entry.name for entry in CATALOGUE}
    served = {pool: {entry.name for entry in flows_of(pool)} for pool in POOLS}
    for pool in (CONTAINERS, GPU_CONTAINERS):
        assert served[pool] | served[HOUSEKEEPING] == everything
        assert not served[pool] & served[HOUSEKEEPING]
    assert served[PROCESSES] == everything


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
    for spec, entry in zip(yaml.safe_load(in_pool(PROCESSES))["deployments"], CATALOGUE, strict=True):
        assert spec["work_pool"] == {"name": PROCESSES, "work_queue_name": entry.name}
        [step] = spec["pull"]
        assert step == {"prefect.deployments.steps.set_working_directory": {"directory": str(FILE.parent)}}


@pytest.mark.parametrize("pool", [CONTAINERS, GPU_CONTAINERS, PROCESSES, "some-ecs"])
def test_deployment_is_in_the_pool_that_has_its_queue(pool: str) -> None:
    for spec in yaml.safe_load(in_pool(pool))["deployments"]:
        work_pool = spec["work_pool"]
        assert work_pool["work_queue_name"] in {entry.name for entry in flows_of(work_pool["name"])}
        assert work_pool["name"] in {pool, HOUSEKEEPING}


def test_deployment_in_another_container_pool_differs_only_in_the_pool() -> None:
    for spec in yaml.safe_load(in_pool(GPU_CONTAINERS))["deployments"]:
        before = SPECS[":".join(spec["entrypoint"].rsplit(".", 1))]
        name = before["work_pool"]["name"]
        assert spec["work_pool"]["name"] == (HOUSEKEEPING if name == HOUSEKEEPING else GPU_CONTAINERS)
        assert spec == {**before, "work_pool": {**before["work_pool"], "name": spec["work_pool"]["name"]}}


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.soak
def test_all_flows_are_deployed_to_a_new_server(prefect_server: str) -> None:
    """After two runs of ``prefect deploy --all`` every form, queue, trigger and schedule exists once."""
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
            assert (actual["work_pool_name"], actual["work_queue_name"]) == (
                spec["work_pool"]["name"],
                spec["work_pool"]["work_queue_name"],
            )
            assert actual["global_concurrency_limit"] is None
            triggers = [
                automation
                for automation in automations
                if any(action.get("deployment_id") == actual["id"] for action in automation["actions"])
            ]
            expected = [trigger["name"] for trigger in spec.get("triggers", [])]
            assert sorted(trigger["name"] for trigger in triggers) == sorted(expected)
