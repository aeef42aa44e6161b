"""Attacks on the system that ``make up`` starts with its defaults: from a page of another origin, and from a container.

The page is served on the same machine, as a malicious site in the user's browser could be, and the user is logged in.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import TimeoutError as PageTimeout

from tests.browser import launch_browser, log_in_to_prefect
from tests.docker.stack import Stack, docker

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1800)]

PROJECT = "sightline-test"
# What a page can send. With `no-cors` and a simple content type, the browser asks for no permission first.
ATTACK = """async ([api, deployment, login]) => {
    const body = (value) => JSON.stringify(value);
    const json = {"Content-Type": "application/json", "Prefect-Csrf-Token": "x", "Prefect-Csrf-Client": "x"};
    const root = {"job_variables": {"image": "alpine", "volumes": ["/:/host"], "privileged": true}};
    const pool = {"name": "attacker", "type": "docker"};
    const secrets = {"include_secrets": true};
    const authorized = {...json, Authorization: "Basic " + btoa(login)};
    const calls = [];
    for (const headers of [json, authorized]) calls.push(
        ["secrets of blocks", "/block_documents/filter", {method: "POST", headers, body: body(secrets)}],
        ["a run", `/deployments/${deployment}/create_flow_run`, {method: "POST", headers, body: body(root)}],
        ["a work pool", "/work_pools/", {method: "POST", headers, body: body(pool)}],
        ["a variable", "/variables/", {method: "POST", headers, body: body({name: "attacker", value: "x"})}],
        ["runs", "/flow_runs/filter", {method: "POST", headers, body: "{}"}],
        ["the version", "/admin/version", {headers}],
        ["a token", "/csrf-token?client=x", {headers}],
    );
    for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
        const simple = {method: "POST", mode: "no-cors", credentials: "include", headers: {"Content-Type": type}};
        calls.push(
            ["a simple run", `/deployments/${deployment}/create_flow_run`, {...simple, body: body(root)}],
            ["a simple work pool", "/work_pools/", {...simple, body: body(pool)}],
            ["a simple block filter", "/block_documents/filter", {...simple, body: body(secrets)}],
        );
    }
    const results = [];
    for (const [name, path, options] of calls) {
        try {
            const response = await fetch(api + path, options);
            results.push([name, response.type, response.status, await response.text()]);
        } catch (error) {
            results.push([name, "blocked", 0, String(error)]);
        }
    }
    return results;
}"""


@pytest.fixture
def page() -> Iterator[str]:
    """The address of an empty page of another origin."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>You have won</title>")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def created(stack: Stack) -> tuple[list[str], list[str], int]:
    """Return what the attack would change: work pools, variables, and the number of runs."""
    pools = [pool["name"] for pool in stack.post("/work_pools/filter", {})]
    variables = [variable["name"] for variable in stack.post("/variables/filter", {})]
    return sorted(pools), sorted(variables), len(stack.runs("classify-images"))


def test_page_of_another_origin_can_neither_read_nor_change_anything(stack: Stack, page: str, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{stack.environment['PREFECT_PORT']}"
    deployment = stack.get("/deployments/name/classify-images/media")["id"]
    before = created(stack)
    with launch_browser() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        log_in(context, address, stack.auth, tmp_path / "ui.png")
        tab = context.new_page()
        tab.goto(page)
        results = tab.evaluate(ATTACK, [f"{address}/api", deployment, stack.auth])
    assert len(results) == 20
    # "opaque" is the type of every response without permission; the page sees neither its status nor its text.
    readable = [result for result in results if result[1] not in ("blocked", "opaque") or (result[3] and result[2])]
    assert readable == []
    assert created(stack) == before


def log_in(context: Any, address: str, login: str, screenshot: Path) -> None:
    """Log in to the UI, which needs reads and writes, and check that it lists the deployments."""
    tab = context.new_page()
    failed: list[tuple[int, str]] = []
    log_in_to_prefect(tab, address, login)
    tab.on(
        "response", lambda response: failed.append((response.status, response.url)) if response.status >= 400 else None
    )
    for _ in range(4):
        tab.goto(f"{address}/deployments")
        with suppress(PageTimeout):  # a busy machine can lose a request of the page, which asks again after 30 s
            # One page lists 10 deployments. They have one name, so their order is arbitrary.
            tab.get_by_placeholder("Search deployments").fill("process-upload", timeout=20_000)
            tab.get_by_text("process-upload").first.wait_for(timeout=20_000)
            break
    else:
        raise AssertionError(f"the deployment is not listed: {tab.inner_text('body')[:1000]!r}; failed: {failed}")
    tab.screenshot(path=screenshot)
    assert [request for request in failed if request[0] < 500] == []
    tab.close()


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:4200", "127.0.0.1.attacker.example", "server"])
def test_other_names_of_this_machine_are_not_served(stack: Stack, host: str) -> None:
    """A page can resolve its own name to 127.0.0.1; then the browser takes both for one origin."""
    address = f"http://127.0.0.1:{stack.environment['PREFECT_PORT']}/api/health"
    assert httpx.get(address, headers={"Host": host}, trust_env=False).status_code == 421
    for known in ("localhost", "127.0.0.1:1", "ward.example", "WARD.example:80", "[::1]:4200", "gateway:4200"):
        assert httpx.get(address, headers={"Host": known}, trust_env=False).status_code == 200


def test_run_cannot_choose_image_volumes_command_or_privileges(stack: Stack) -> None:
    """Also for a person who is logged in: the server rejects the variables, or the pool ignores them."""
    deployment = stack.get("/deployments/name/remind-reviewers/media")["id"]
    for variables in (
        {"image": "alpine"}, {"volumes": ["/:/host"]}, {"command": "sh"}, {"networks": ["host"]}, {"privileged": True},
        {"container_create_kwargs": {"cap_add": ["ALL"]}}, {"env": {"LD_PRELOAD": "/tmp/x.so"}}, {"labels": {"a": "b"}},
        {"mem_limit": "0"}, {"name": "../x"},
    ):  # fmt: skip
        with stack.api as api:
            response = api.post(f"/deployments/{deployment}/create_flow_run", json={"job_variables": variables})
        assert response.status_code in (409, 422), (variables, response.text)


def in_container(stack: Stack, service: str, script: str, *arguments: str) -> str:
    """Run a Python script in the container of a service, as an attacker who controls its process could."""
    [container] = stack.containers(service)
    return docker("exec", container, "python", "-c", script, *arguments)


def test_worker_cannot_reach_the_host_through_docker(stack: Stack) -> None:
    """The container of the worker is the one that starts containers."""
    script = """
import docker, json, sys
client = docker.from_env()
database, server = sys.argv[1:]
attacks = {
    "root of the host": lambda: client.containers.create("sightline-small:local", volumes=["/:/host"]),
    "privileged": lambda: client.containers.create("sightline:local", privileged=True, network="sightline-test"),
    "host network": lambda: client.containers.create("sightline:local", network_mode="host"),
    "database": lambda: client.containers.get(database).stop(),
    "secrets": lambda: client.containers.get(server).exec_run("cat /run/secrets/*"),
    "volumes": lambda: client.volumes.list(),
    "networks": lambda: client.networks.list(),
    "info": lambda: client.info(),
    "pull": lambda: client.images.pull("alpine", tag="latest"),
    "image": lambda: client.images.remove("sightline:local"),
}
outcomes = {}
for name, attack in attacks.items():
    try:
        attack()
        outcomes[name] = "succeeded"
    except docker.errors.APIError as error:
        outcomes[name] = error.status_code
print(json.dumps(outcomes))
"""
    targets = *stack.containers("database"), *stack.containers("server")
    outcomes = json.loads(in_container(stack, "worker", script, *targets))
    assert outcomes == dict.fromkeys(outcomes, 403)
    assert len(outcomes) == 10


@pytest.mark.parametrize("service", ["listener", "server", "api", "gateway"])
def test_other_services_do_not_reach_the_docker_proxy(stack: Stack, service: str) -> None:
    script = """
import socket
try:
    print(socket.create_connection(("docker-proxy", 2375), 3))
except OSError as error:
    print("unreachable")
"""
    assert in_container(stack, service, script) == "unreachable"


def test_flows_do_not_reach_the_database(stack: Stack) -> None:
    script = "import socket; socket.create_connection(('database', 5432), 3)"
    command = ["run", "--rm", "--network", PROJECT, "sightline-small:local", "sh", "-c"]
    assert docker(*command, f'python -c "{script}" 2>/dev/null || echo unreachable') == "unreachable"


def test_no_container_shows_a_secret(stack: Stack, tmp_path: Path) -> None:
    run = stack.run("remind-reviewers")
    stack.end_of(run)
    secrets = {path.name: path.read_text() for path in Path(stack.environment["SIGHTLINE_SECRETS"]).iterdir()}
    secrets |= {name: stack.environment[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "API_KEYS")}
    secrets |= {"webhook": stack.environment["SLACK_WEBHOOK_URL"], "password": stack.auth.partition(":")[2]}
    assert secrets.keys() >= {"POSTGRES_PASSWORD", "PREFECT_API_AUTH_STRING", ".revision-key"}
    containers = docker("ps", "--all", "--quiet", "--filter", f"network={PROJECT}").split()
    containers += docker(
        "ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}"
    ).split()  # fmt: skip
    shown = docker("inspect", *set(containers))
    assert run in shown
    assert [name for name, value in secrets.items() if value in shown or json.dumps(value)[1:-1] in shown] == []


def test_secrets_are_files_of_their_reader(stack: Stack) -> None:
    folder = Path(stack.environment["SIGHTLINE_SECRETS"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert stack.auth.partition(":")[2] in stack.output, "the login is printed when it is generated"
    script = """
import os
for file in os.scandir("/run/secrets"):
    print(file.name, oct(file.stat().st_mode), file.stat().st_uid)
"""
    assert in_container(stack, "worker", script) == "PREFECT_API_AUTH_STRING 0o100600 10001"
    names = {line.split()[0] for line in in_container(stack, "server", script).splitlines()}
    assert names == {"PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_DATABASE_CONNECTION_URL"}
