"""The proxy for the Docker socket permits what the worker and the reconciler do, and nothing else."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode

import docker.errors
import httpx
import pytest
from docker.models.containers import _create_container_args
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

import docker
from deployments import RUN_LABEL as LABEL
from deployments.docker_proxy import Denied, Rules, application, container

RULES = Rules(
    "sightline",
    frozenset({"sightline:local", "registry.example:5000/sightline:1.0"}),
    frozenset({"sightline-cache:/cache", "sightline-flow-secrets:/run/secrets:ro"}),
)
# The arguments that the Docker worker takes from deployments/bootstrap/work_pools.yaml.
ARGUMENTS: dict[str, Any] = {
    "image": "sightline:local",
    "command": "prefect flow-run execute",
    "environment": {"PREFECT_API_URL": "http://gateway:4200/api"},
    "labels": {LABEL: "3f0c"},
    "network": "sightline",
    "network_mode": None,
    "volumes": ["sightline-cache:/cache", "sightline-flow-secrets:/run/secrets:ro", "/tmp"],
    "mem_limit": "4g",
    "memswap_limit": "4g",
    "privileged": False,
    "auto_remove": False,
    "init": True,
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "pids_limit": 4096,
    "shm_size": "1g",
    "extra_hosts": {"host.docker.internal": "host-gateway"},
}
GPUS = [{"driver": "nvidia", "count": -1, "capabilities": [["gpu"]]}]


def body(**arguments: Any) -> dict[str, Any]:
    """Return the body that docker-py sends for these arguments of ``containers.create``."""
    converted = _create_container_args({**ARGUMENTS, **arguments, "version": "1.41"})
    client = docker.APIClient(version="1.41")
    names = ("image", "command", "environment", "labels", "volumes", "host_config", "networking_config")
    known = {name: converted[name] for name in names if name in converted}
    config: dict[str, Any] = dict(client.create_container_config(**known))
    return config


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the body of a run with one value set or replaced."""
    result = deepcopy(body())
    *parents, last = path.split("/")
    member = result
    for parent in parents:
        member = member[parent]
    member[last] = value
    return result


def without(path: str) -> dict[str, Any]:
    result = deepcopy(body())
    *parents, last = path.split("/")
    member = result
    for parent in parents:
        member = member[parent]
    del member[last]
    return result


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_containers_of_the_work_pools_are_permitted() -> None:
    created = container(encode(body()), RULES)
    assert created["Image"] == "sightline:local"
    assert created["HostConfig"]["Binds"] == ARGUMENTS["volumes"]
    assert created["Volumes"] == {"/cache": {}, "/run/secrets": {}, "/tmp": {}}
    assert created["HostConfig"]["Memory"] == 4 << 30
    assert container(encode(body(device_requests=GPUS)), RULES)["HostConfig"]["DeviceRequests"]


ATTACKS: dict[str, dict[str, Any]] = {
    "another image": changed("Image", "alpine"),
    "an image by digest": changed("Image", "sightline@sha256:" + "0" * 64),
    "no image": without("Image"),
    "root": changed("User", "0"),
    "another entrypoint": changed("Entrypoint", ["/bin/sh"]),
    "another working directory": changed("WorkingDir", "/run/secrets"),
    "privileged": changed("HostConfig/Privileged", True),
    "privileged as a number": changed("HostConfig/Privileged", 1),
    "privileged in lower case": changed("HostConfig/privileged", True),
    "settings in lower case": {**body(), "hostconfig": {"Privileged": True}},
    "settings with a long s": {**body(), "Ho\u017ftConfig": {"Privileged": True}},
    "host network": changed("HostConfig/NetworkMode", "host"),
    "network of a container": changed("HostConfig/NetworkMode", "container:sightline_server_1"),
    "network of the Docker proxy": changed("HostConfig/NetworkMode", "sightline_docker"),
    "default network": without("HostConfig/NetworkMode"),
    "a second network": changed("NetworkingConfig", {"EndpointsConfig": {"sightline_docker": {"Links": ["x"]}}}),
    "host processes": changed("HostConfig/PidMode", "host"),
    "host memory": changed("HostConfig/IpcMode", "host"),
    "host users": changed("HostConfig/UsernsMode", "host"),
    "host name": changed("HostConfig/UTSMode", "host"),
    "host cgroups": changed("HostConfig/CgroupnsMode", "host"),
    "cgroup parent": changed("HostConfig/CgroupParent", "/"),
    "capability": changed("HostConfig/CapAdd", ["SYS_ADMIN"]),
    "kept capabilities": without("HostConfig/CapDrop"),
    "one dropped capability": changed("HostConfig/CapDrop", ["CHOWN"]),
    "dropped capabilities and more": changed("HostConfig/CapDrop", ["ALL", "CHOWN"]),
    "new privileges": without("HostConfig/SecurityOpt"),
    "no seccomp": changed("HostConfig/SecurityOpt", ["no-new-privileges:true", "seccomp=unconfined"]),
    "new privileges by text": changed("HostConfig/SecurityOpt", ["no-new-privileges:false"]),
    "writable root": changed("HostConfig/ReadonlyRootfs", False),
    "unmasked paths": changed("HostConfig/MaskedPaths", ["/nowhere"]),
    "writable proc": changed("HostConfig/ReadonlyPaths", ["/nowhere"]),
    "device": changed("HostConfig/Devices", [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda"}]),
    "device rule": changed("HostConfig/DeviceCgroupRules", ["a *:* rwm"]),
    "other device request": changed("HostConfig/DeviceRequests", [{"Driver": "cdi", "DeviceIDs": ["x=all"]}]),
    "runtime": changed("HostConfig/Runtime", "runsc"),
    "system control": changed("HostConfig/Sysctls", {"kernel.core_pattern": "|/bin/sh"}),
    "oom killer off": changed("HostConfig/OomKillDisable", True),
    "no memory limit": changed("HostConfig/Memory", 0),
    "negative memory limit": changed("HostConfig/Memory", -1),
    "no process limit": changed("HostConfig/PidsLimit", 0),
    "unlimited processes": changed("HostConfig/PidsLimit", -1),
    "restart policy": changed("HostConfig/RestartPolicy", {"Name": "always"}),
    "ports": changed("HostConfig/PortBindings", {"4200/tcp": [{"HostPort": "4200"}]}),
    "hosts": changed("HostConfig/ExtraHosts", ["gateway:203.0.113.1"]),
    "links": changed("HostConfig/Links", ["sightline_database_1:database"]),
    "volumes of a container": changed("HostConfig/VolumesFrom", ["sightline_server_1"]),
    "volume driver": changed("HostConfig/VolumeDriver", "local"),
    "host folder": changed("HostConfig/Binds", ["/:/host"]),
    "Docker socket": changed("HostConfig/Binds", ["/var/run/docker.sock:/var/run/docker.sock"]),
    "relative host folder": changed("HostConfig/Binds", ["../../:/host"]),
    "writable secrets": changed("HostConfig/Binds", ["sightline-flow-secrets:/run/secrets"]),
    "secrets of the server": changed("HostConfig/Binds", ["sightline_secrets-server:/run/secrets:ro"]),
    "cache somewhere else": changed("HostConfig/Binds", ["sightline-cache:/opt/sightline"]),
    "mount": changed("HostConfig/Mounts", [{"Type": "bind", "Source": "/", "Target": "/host"}]),
    "mount of a volume with options": changed("HostConfig/Mounts", [{
        "Type": "volume", "Source": "x", "Target": "/host",
        "VolumeOptions": {"DriverConfig": {"Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}}},
    }]),
    "memory as a file system": changed("HostConfig/Tmpfs", {"/tmp": "exec"}),
    "log driver": changed("HostConfig/LogConfig", {"Type": "syslog"}),
    "not a run": changed("Labels", {"com.docker.compose.project": "sightline"}),
    "health check": changed("Healthcheck", {"Test": ["CMD", "sh"]}),
    "a future setting": changed("HostConfig/GiveMeTheHost", True),
    "settings as a list": {**body(), "HostConfig": [{}]},
    "settings as a text": {**body(), "HostConfig": "host"},
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_container_with_other_settings_is_denied(attack: str) -> None:
    with pytest.raises(Denied):
        container(encode(ATTACKS[attack]), RULES)


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"{", b'"x"', b"\xff", b"[" * 100_000, b"{}{}"])
def test_body_that_is_not_an_object_is_denied(text: bytes) -> None:
    with pytest.raises(Denied):
        container(text, RULES)


def test_repeated_keys_cannot_hide_a_setting() -> None:
    """Docker takes the last of repeated keys; so does what is forwarded, because it is written anew."""
    good, bad = json.dumps(body()["HostConfig"]), '{"Privileged": true}'
    rest = json.dumps({name: value for name, value in body().items() if name != "HostConfig"})[1:]
    with pytest.raises(Denied):
        container(f'{{"HostConfig": {good}, "HostConfig": {bad}, {rest}'.encode(), RULES)
    forwarded = container(f'{{"HostConfig": {bad}, "HostConfig": {good}, {rest}'.encode(), RULES)
    assert "Privileged" not in json.dumps(forwarded)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PERMITTED = {
    "Image", "Cmd", "Env", "Labels", "Volumes", "HostConfig", "AttachStdout", "AttachStderr",
    "NetworkMode", "Binds", "CapDrop", "SecurityOpt", "ReadonlyRootfs", "Init", "Memory", "MemorySwap", "ShmSize",
    "PidsLimit", "ExtraHosts", "DeviceRequests",
}  # fmt: skip


@given(st.sampled_from(["", "HostConfig"]), st.sampled_from(sorted(PERMITTED)) | st.text(), JSON)
def test_any_value_is_either_denied_or_harmless(parent: str, name: str, value: Any) -> None:
    given_body = changed(f"{parent}/{name}" if parent and "/" not in name else name.replace("/", ""), value)
    try:
        created = container(encode(given_body), RULES)
    except Denied:
        return
    assert created.keys() | created["HostConfig"].keys() <= PERMITTED
    host = created["HostConfig"]
    assert (host["NetworkMode"], host["CapDrop"], host["ReadonlyRootfs"]) == ("sightline", ["ALL"], True)
    assert created["Image"] in RULES.images
    assert all(":" not in bind or bind in RULES.binds for bind in host.get("Binds", []))


class Engine:
    """Answers like a Docker engine with two containers, and records the requests."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        response = self.respond(request.url.path)
        stream = httpx.ByteStream(response.content)  # not read yet, like a response from a socket
        return httpx.Response(response.status_code, headers=response.headers, stream=stream)

    def respond(self, path: str) -> httpx.Response:
        if path.endswith("/containers/run/json"):
            return httpx.Response(200, json=self.inspected("a" * 64, {LABEL: "3f0c"}, "sightline"))
        if path.endswith("/containers/database/json"):
            return httpx.Response(200, json=self.inspected("b" * 64, {}, "sightline"))
        if path.endswith("/containers/other/json"):
            return httpx.Response(200, json=self.inspected("c" * 64, {LABEL: "3f0c"}, "another"))
        if "/containers/missing" in path:
            return httpx.Response(404, json={"message": "No such container: missing"})
        return httpx.Response(200, json={"path": path}, headers={"Api-Version": "1.41"})

    def inspected(self, identifier: str, labels: dict[str, str], network: str) -> dict[str, Any]:
        return {"Id": identifier, "Config": {"Labels": labels}, "NetworkSettings": {"Networks": {network: {}}}}


@dataclass
class Proxy:
    """Sends requests as they are; HTTP clients would normalise the path."""

    application: Starlette

    def __call__(self, method: str, target: str, content: bytes = b"", **query: str) -> tuple[int, Any]:
        """Return the status and the parsed body."""
        path, _, text = target.partition("?")
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "scheme": "http",
            "method": method,
            "path": unquote(path), "raw_path": path.encode(), "query_string": (text or urlencode(query)).encode(),
            "headers": [], "server": ("docker-proxy", 2375), "client": ("172.18.0.9", 1), "root_path": "",
        }  # fmt: skip
        asyncio.run(self.application(scope, receive, send))
        body = b"".join(message.get("body", b"") for message in sent)
        return sent[0]["status"], json.loads(body) if body else None


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def proxy(engine: Engine) -> Proxy:
    return Proxy(application(RULES, httpx.MockTransport(engine)))


def forwarded(engine: Engine) -> list[str]:
    return [f"{request.method} {request.url.raw_path.decode()}" for request in engine.requests]


def test_calls_of_the_worker_and_the_reconciler_reach_docker(proxy: Proxy, engine: Engine) -> None:
    calls = [
        ("GET", "/_ping"),
        ("GET", "/version"),
        ("GET", "/v1.41/images/sightline:local/json"),
        ("GET", "/v1.41/images/registry.example:5000/sightline:1.0/json"),
        ("POST", "/v1.41/images/create?fromImage=registry.example%3A5000%2Fsightline&tag=1.0"),
        ("POST", "/v1.41/containers/run/start"),
        ("GET", "/v1.41/containers/run/logs?stderr=1&stdout=1&timestamps=0&follow=1&tail=all"),
        ("POST", "/v1.41/containers/run/wait"),
        ("POST", "/v1.41/containers/run/stop?t=30"),
        ("DELETE", "/v1.41/containers/run?v=True&link=False&force=False"),
    ]
    for method, path in calls:
        assert proxy(method, path)[0] == 200, path
    sent = [line for line in forwarded(engine) if not line.endswith("/run/json")]
    assert sent == [f"{method} {path.replace('/run', '/' + 'a' * 64)}" for method, path in calls]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1.41/containers/run/exec"), ("POST", "/v1.41/exec/x/start"),
        ("GET", "/v1.41/containers/run/archive?path=/"), ("PUT", "/v1.41/containers/run/archive?path=/"),
        ("POST", "/v1.41/containers/run/attach"), ("GET", "/v1.41/containers/run/attach/ws"),
        ("POST", "/v1.41/containers/run/update"), ("POST", "/v1.41/containers/run/rename?name=x"),
        ("GET", "/v1.41/containers/run/export"), ("POST", "/v1.41/commit?container=run"), ("POST", "/v1.41/build"),
        ("POST", "/v1.41/volumes/create"), ("DELETE", "/v1.41/volumes/sightline_database"), ("GET", "/v1.41/info"),
        ("POST", "/v1.41/networks/sightline_docker/connect"), ("GET", "/v1.41/networks/sightline"),
        ("POST", "/v1.41/images/load"), ("DELETE", "/v1.41/images/sightline:local"), ("POST", "/v1.41/auth"),
        ("POST", "/v1.41/images/sightline:local/tag?repo=x"), ("GET", "/v1.41/events"), ("POST", "/v1.41/swarm/init"),
        ("POST", "/v1.41/plugins/pull?remote=x"), ("POST", "/v1.41/containers/prune"), ("GET", "/v1.41/images/json"),
        ("GET", "/v1.41/images/alpine/json"), ("POST", "/v1.41/images/create?fromImage=alpine&tag=latest"),
        ("POST", "/v1.41/images/create?fromSrc=http://evil.example/x.tar&repo=sightline&tag=local"),
        ("POST", "/v1.41/images/create?fromImage=sightline&tag=local&fromImage=alpine"),
        ("POST", "/v1.23/containers/run/start"), ("POST", "/v1.9/containers/run/start"),
        ("POST", "/containers/run/../../exec/x/start"), ("POST", "/v1.41/containers/run%2f..%2fdatabase/stop"),
        ("POST", "/v1.41//containers/run/start"), ("POST", "/V1.41/containers/run/start"),
        ("POST", "/v1.41/containers/database/stop"), ("DELETE", "/v1.41/containers/database?force=1"),
        ("GET", "/v1.41/containers/database/json"), ("GET", "/v1.41/containers/database/logs?stdout=1"),
        ("POST", "/v1.41/containers/other/stop"), ("POST", "/v1.41/containers/run/stop?signal=SIGHUP"),
        ("POST", "/v1.41/containers/run/start?detachKeys=x"), ("DELETE", "/v1.41/containers/run?link=1"),
        ("HEAD", "/v1.41/containers/run/json"), ("PATCH", "/v1.41/containers/run/json"), ("OPTIONS", "/_ping"),
    ],
)  # fmt: skip
def test_other_calls_are_denied(proxy: Proxy, engine: Engine, method: str, path: str) -> None:
    status, answer = proxy(method, path)
    assert (status, "not permitted" in answer["message"]) == (403, True)
    assert [line for line in forwarded(engine) if not line.endswith("/json")] == []


def test_missing_container_is_reported_by_docker(proxy: Proxy) -> None:
    answer = proxy("POST", "/v1.41/containers/missing/stop?t=1")
    assert answer == (404, {"message": "No such container: missing"})


def test_only_runs_of_this_installation_are_listed(proxy: Proxy, engine: Engine) -> None:
    filters = {"label": ["io.prefect.flow-run-id=3f0c"], "status": ["exited"]}
    query = {"all": "1", "limit": "-1", "size": "0", "trunc_cmd": "0", "filters": json.dumps(filters)}
    assert proxy("GET", "/v1.41/containers/json", **query)[0] == 200
    assert proxy("GET", "/v1.41/containers/json")[0] == 200
    sent = [json.loads(request.url.params["filters"]) for request in engine.requests]
    assert sent == [
        {"label": [*filters["label"], LABEL], "status": ["exited"], "network": ["sightline"]},
        {"label": [LABEL], "network": ["sightline"]},
    ]
    for wrong in ('{"network": ["other"]}', '{"label": {"x": true}}', "[]", "x", '{"name": ["database"]}'):
        assert proxy("GET", "/v1.41/containers/json", filters=wrong)[0] == 403


def test_created_container_is_written_anew(proxy: Proxy, engine: Engine) -> None:
    create = "/v1.41/containers/create"
    assert proxy("POST", f"{create}?name=brave-heron", encode(body()))[0] == 200
    [request] = engine.requests
    assert request.url.raw_path == f"{create}?name=brave-heron".encode()
    assert json.loads(request.content) == container(encode(body()), RULES)
    assert proxy("POST", f"{create}?name=x", encode(ATTACKS["privileged"]))[0] == 403
    assert proxy("POST", f"{create}?name=x&platform=linux", encode(body()))[0] == 403
    assert proxy("POST", f"{create}?name=x/../y", encode(body()))[0] == 403
    assert proxy("POST", create, b" " * (2 << 20) + encode(body()))[0] == 403
    assert len(engine.requests) == 1


def test_unreachable_engine_is_reported() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    proxy = Proxy(application(RULES, httpx.MockTransport(fail)))
    for path in ("/_ping", "/v1.41/containers/run/json"):
        status, answer = proxy("GET", path)
        assert (status, "connection refused" in answer["message"]) == (502, True)
