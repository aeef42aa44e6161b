"""What the work pools allow a run to change, and how they confine a container."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from docker.models.containers import _create_container_args
from docker.types import ContainerConfig
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from prefect.client.base import PrefectHttpxSyncClient
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, temporary_settings
from prefect.workers.base import BaseJobConfiguration
from prefect.workers.process import ProcessJobConfiguration
from prefect_docker.worker import DockerWorker, DockerWorkerJobConfiguration
from pydantic import ValidationError

from deployments.bootstrap.environment import read_flow_environment
from deployments.docker_proxy import Denied, Rules
from deployments.docker_proxy import container as permitted
from deployments.prefect_file import CONTAINERS, GPU_CONTAINERS, HOUSEKEEPING, POOLS, PROCESSES
from flows.catalogue import CATALOGUE

pytestmark = pytest.mark.integration

OF_CONTAINERS = (CONTAINERS, GPU_CONTAINERS, HOUSEKEEPING)
in_every_pool = pytest.mark.parametrize("pool", POOLS)
in_every_container_pool = pytest.mark.parametrize("pool", OF_CONTAINERS)

ATTACKS: tuple[dict[str, Any], ...] = (
    {"image": "evil:1"},
    {"image_pull_policy": "Always"},
    {"registry_credentials": {"username": "a", "password": "b", "registry_url": "evil.org"}},
    {"command": "sh -c 'cat /host/etc/shadow'"},
    {"env": {"LD_PRELOAD": "/cache/evil.so"}},
    {"env": {"SUPERVISED": None}},
    {"env": None},
    {"env": "{{ prefect.blocks.secret.other.value }}"},
    {"env.PYTHONPATH": "/cache/evil"},
    {"volumes": ["/:/host"]},
    {"volumes": None},
    {"networks": ["host"]},
    {"network_mode": "host"},
    {"privileged": True},
    {"labels": {"io.prefect.flow-run-id": "other"}},
    {"labels.a": "b"},
    {"auto_remove": True},
    {"stream_output": False},
    {"memswap_limit": "-1"},
    {"shm_size": "64g"},
    {"working_dir": "/"},
    {"container_create_kwargs": {"privileged": True, "cap_add": ["ALL"], "pid_mode": "host", "read_only": False}},
    {"container_create_kwargs.privileged": True},
    {"container_create_kwargs.cap_add": ["SYS_ADMIN"]},
    {"container_create_kwargs": None},
    {"container_create_kwargs": {"mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]}},
    {"entrypoint": ["sh"]},
    {"prefect.blocks.flow-environment.media-docker.variables": {"A": "b"}},
)  # fmt: skip
in_every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: next(iter(attack)))


def resolve(client: SyncPrefectClient, pool: str, values: Mapping[str, Any]) -> BaseJobConfiguration:
    """Resolve the pool's job template as a worker does."""
    template = client.read_work_pool(pool).base_job_template
    kind: type[BaseJobConfiguration] = ProcessJobConfiguration if pool == PROCESSES else DockerWorkerJobConfiguration

    async def with_client() -> BaseJobConfiguration:
        async with get_client() as asynchronous:
            return cast(
                "BaseJobConfiguration",
                await kind.from_template_and_values(template, dict(values), client=asynchronous),
            )

    return asyncio.run(with_client())


def container(client: SyncPrefectClient, pool: str, **values: Any) -> dict[str, Any]:
    """Return what the Docker worker asks the engine for, in the form of Docker's API."""
    configuration = cast("DockerWorkerJobConfiguration", resolve(client, pool, values))
    configuration.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="calm heron"))
    engine = cast("Any", SimpleNamespace(version=lambda: {"Version": "27.0.0"}))
    build = cast("Callable[..., dict[str, Any]]", DockerWorker._build_container_settings)
    return dict(_create_container_args({**build(None, engine, configuration), "version": "1.43"}))


def test_pools_of_the_file_are_those_of_the_deployments(bootstrapped: SyncPrefectClient) -> None:
    assert {pool.name for pool in bootstrapped.read_work_pools()} == set(POOLS)


@pytest.fixture(scope="module")
def without_variables(bootstrapped: SyncPrefectClient) -> dict[str, BaseJobConfiguration]:
    return {pool: resolve(bootstrapped, pool, {}) for pool in POOLS}


@in_every_pool
@in_every_attack
def test_worker_ignores_every_other_job_variable(
    bootstrapped: SyncPrefectClient,
    without_variables: dict[str, BaseJobConfiguration],
    pool: str,
    attack: dict[str, Any],
) -> None:
    """The server does not check the variables of a run without a deployment."""
    assert resolve(bootstrapped, pool, attack) == without_variables[pool]


_names = st.sampled_from(
    [*DockerWorkerJobConfiguration.model_fields, "variables", "job_configuration", "entrypoint", "user", "prefect"]
)
_keys = st.one_of(_names, st.builds("{}.{}".format, _names, st.text("abcXYZ_.[]0", min_size=1, max_size=8)))
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["{{ name }}", "{{ env }}", "/:/x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def template(bootstrapped: SyncPrefectClient) -> dict[str, Any]:
    return dict(bootstrapped.read_work_pool(CONTAINERS).base_job_template)


@examples(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(overrides=st.dictionaries(_keys, _values, max_size=4))
def test_no_combination_of_job_variables_changes_more_than_memory_and_name(
    template: dict[str, Any], overrides: dict[str, Any]
) -> None:
    stored = SimpleNamespace(data={"variables": {"VIDEO_BUCKET": "s3://videos", "PREFECT_API_AUTH_STRING": None}})

    async def read(**_: Any) -> Any:
        return stored

    client = cast("Any", SimpleNamespace(read_block_document_by_name=read))

    def configuration(values: dict[str, Any]) -> dict[str, Any]:
        resolved = asyncio.run(DockerWorkerJobConfiguration.from_template_and_values(template, values, client=client))
        return cast("dict[str, Any]", resolved.model_dump(exclude={"mem_limit", "memswap_limit", "name"}))

    try:
        changed = configuration(overrides)
    except (ValidationError, TypeError, AttributeError):
        return  # the run crashes before there is a container
    assert changed == configuration({})


@in_every_container_pool
def test_memory_and_name_can_be_set_and_swap_cannot_be_used(bootstrapped: SyncPrefectClient, pool: str) -> None:
    created = container(bootstrapped, pool, mem_limit="2g", name="mine")
    assert created["name"] == "mine"
    assert (created["host_config"]["Memory"], created["host_config"]["MemorySwap"]) == (2 << 30, 2 << 30)


@in_every_container_pool
def test_container_is_confined(bootstrapped: SyncPrefectClient, pool: str) -> None:
    created = container(bootstrapped, pool)
    host = created["host_config"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Init"] is True
    assert 512 <= host["PidsLimit"] <= 4096
    assert host["Memory"] == host["MemorySwap"] > 0
    assert host["NetworkMode"] == "sightline"
    assert not {"Privileged", "CapAdd", "PidMode", "IpcMode", "Devices", "AutoRemove"} & set(host)
    assert created["command"] == "prefect flow-run execute"
    assert not {"entrypoint", "user"} & set(created)


@in_every_container_pool
def test_docker_proxy_permits_the_container_and_not_one_without_a_memory_limit(
    bootstrapped: SyncPrefectClient, pool: str
) -> None:
    rules = Rules.from_environment({
        "SIGHTLINE_NETWORK": "sightline", "SIGHTLINE_CACHE": "sightline-cache",
        "SIGHTLINE_FLOW_SECRETS": "sightline-flow-secrets",
        "SIGHTLINE_IMAGE": "sightline:local", "SIGHTLINE_CUDA_IMAGE": "sightline:local-cuda",
    })  # fmt: skip

    def body(**values: Any) -> bytes:
        created = container(bootstrapped, pool, **values)
        del created["name"]  # part of the URL
        return json.dumps(ContainerConfig(version="1.43", **created)).encode()

    assert permitted(body(mem_limit="4g"), rules)["HostConfig"]["Memory"] == 4 << 30
    for unlimited in (None, "0"):
        with pytest.raises(Denied, match="Memory"):
            permitted(body(mem_limit=unlimited), rules)


@in_every_container_pool
def test_container_can_write_to_tmp_and_to_the_cache_only(bootstrapped: SyncPrefectClient, pool: str) -> None:
    """``/tmp`` without a source is an anonymous volume: it is on disk, and removed with the container."""
    created = container(bootstrapped, pool)
    assert created["host_config"]["Binds"] == [
        "sightline-cache:/cache", "sightline-flow-secrets:/run/secrets:ro", "/tmp",
    ]  # fmt: skip
    assert created["volumes"] == ["/cache", "/run/secrets", "/tmp"]
    assert created["environment"]["HOME"] == "/tmp"


def test_only_the_gpu_pool_has_gpus(bootstrapped: SyncPrefectClient) -> None:
    requests = {pool: container(bootstrapped, pool)["host_config"].get("DeviceRequests") for pool in OF_CONTAINERS}
    assert requests.pop(GPU_CONTAINERS) == [
        {"Driver": "nvidia", "Count": -1, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}
    ]
    assert set(requests.values()) == {None}
    gpu = container(bootstrapped, GPU_CONTAINERS)
    assert (gpu["image"], gpu["environment"]["DEVICE"]) == ("sightline:local-cuda", "cuda")


@in_every_container_pool
def test_container_gets_the_settings_of_the_worker_but_not_its_secrets(
    bootstrapped: SyncPrefectClient, pool: str
) -> None:
    with temporary_settings({PREFECT_API_AUTH_STRING: "admin:hidden", PREFECT_API_KEY: "hidden too"}):
        environment = container(bootstrapped, pool)["environment"]
    assert "hidden" not in str(environment)
    assert environment["PREFECT_API_URL"].endswith("/api")
    assert environment["SUPERVISED"] == "true"
    assert environment["PREFECT_CLIENT_MAX_RETRIES"] == "8"


def test_process_is_not_supervised_and_keeps_the_login_of_its_worker(bootstrapped: SyncPrefectClient) -> None:
    """No reconciler sees processes, and there are no files with secrets for them."""
    configuration = resolve(bootstrapped, PROCESSES, {})
    assert not {"SUPERVISED", "PREFECT_API_AUTH_STRING"} & set(configuration.env)
    assert configuration.env["PREFECT_CLIENT_MAX_RETRIES"] == "8"


def test_retry_codes_have_the_format_of_prefect(bootstrapped: SyncPrefectClient) -> None:
    environment = read_flow_environment(bootstrapped, PROCESSES)
    code = "from prefect.settings import get_current_settings as s; print(sorted(s().client.retry_extra_codes))"
    completed = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    assert completed.stdout == "[500, 504]\n"


@pytest.fixture(scope="module")
def deployment(bootstrapped: SyncPrefectClient) -> UUID:
    flow = bootstrapped.create_flow_from_name("some-flow")
    return bootstrapped.create_deployment(flow, "media", work_pool_name=CONTAINERS, job_variables={"mem_limit": "1g"})


@pytest.fixture(scope="module")
def run(bootstrapped: SyncPrefectClient, deployment: UUID) -> UUID:
    return bootstrapped.create_flow_run_from_deployment(deployment).id


@pytest.fixture(scope="module")
def accepted(prefect_server: str, deployment: UUID, run: UUID) -> Iterator[Callable[[Any], list[str]]]:
    """Send job variables on every path by which a deployment or its run gets them; return where they are accepted."""
    # It repeats requests, as Prefect's clients do: SQLite has one writer, others may get 503.
    client = PrefectHttpxSyncClient(base_url=prefect_server, trust_env=False, timeout=60, raise_on_all_errors=False)
    with client as api:
        flow = api.get(f"/deployments/{deployment}").json()["flow_id"]

        def send(variables: dict[str, Any]) -> list[str]:
            body = {"job_variables": variables}
            described = {"name": "other", "flow_id": flow, "work_pool_name": CONTAINERS, **body}
            [in_bulk] = api.post(f"/deployments/{deployment}/create_flow_run/bulk", json=[body]).json()["results"]
            responses = {
                "create run": api.post(f"/deployments/{deployment}/create_flow_run", json=body),
                "update run": api.patch(f"/flow_runs/{run}", json=body),
                "create deployment": api.post("/deployments/", json=described),
            }
            assert all(response.is_success or response.status_code == 422 for response in responses.values())
            paths = [path for path, response in responses.items() if response.is_success]
            return paths + ["create runs"] * (in_bulk["status"] == "CREATED")

        yield send


@in_every_attack
def test_server_rejects_every_other_job_variable(accepted: Callable[[Any], list[str]], attack: dict[str, Any]) -> None:
    assert accepted(attack) == []


@pytest.mark.parametrize("memory", ["0", "0g", "-1", "2", "2gb", "", "4g/x", "1e9", " 4g", None, 2, {"a": 1}])
def test_server_rejects_memory_without_a_limit_or_with_an_invalid_one(
    accepted: Callable[[Any], list[str]], memory: Any
) -> None:
    assert accepted({"mem_limit": memory}) == []


@pytest.mark.parametrize("name", ["", "-x", "a b", "{{ prefect.blocks.secret.other.value }}", 7])
def test_server_rejects_an_invalid_name(accepted: Callable[[Any], list[str]], name: Any) -> None:
    assert accepted({"name": name}) == []


@pytest.mark.parametrize("memory", sorted({entry.memory for entry in CATALOGUE} | {"512m", "16G"}))
def test_server_accepts_memory_and_name(accepted: Callable[[Any], list[str]], memory: str) -> None:
    assert len(accepted({"mem_limit": memory, "name": "a-run.1"})) == 4
