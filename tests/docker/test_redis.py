"""The system with two servers and Redis, as ``compose.redis.yaml`` describes it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.clip import build_clip
from tests.docker.conftest import started
from tests.docker.stack import ROOT, Stack, await_true, docker, names_of

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1800)]

PROJECT = "sightline-redis"
NAMES = {**names_of(PROJECT), "COMPOSE_FILE": "compose.yaml:compose.redis.yaml", "SERVERS": "2"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with started(tmp_path_factory.mktemp("redis"), NAMES, {}) as stack:
        yield stack


def test_requests_are_answered_while_one_of_two_servers_is_away(servers: Stack) -> None:
    first, _ = servers.containers("server")
    docker("kill", first)
    try:
        with servers.api as api:
            statuses = []
            for _ in range(50):
                statuses.append(api.get("/admin/version").status_code)
                time.sleep(0.2)
        # Until the gateway notices, a request may receive the answer that clients repeat.
        assert set(statuses) <= {200, 503}
        assert statuses[25:] == [200] * 25
    finally:
        docker("start", first)


def test_run_and_lease_survive_a_restart_of_the_servers_and_of_redis(servers: Stack, tmp_path: Path) -> None:
    lease = servers.acquire("scanner")
    [redis] = servers.containers("redis")
    assert any("lease" in key for key in docker("exec", redis, "redis-cli", "--scan").splitlines())
    clip = build_clip(tmp_path / "clip.mp4", ROOT / "demo" / "speech.ogg", seconds=20, size=(640, 360))
    servers.s3.upload_file(str(clip), "results", "incoming/clip.mp4")
    run = servers.run(
        "process-video", video="s3://results/incoming/clip.mp4", patient="ida", transcriber="pocketsphinx",
        names=["John"],
    )  # fmt: skip
    await_true(lambda: servers.get(f"/flow_runs/{run}")["state"]["type"] == "RUNNING", 300, "the run starts")

    stopped = [*servers.containers("server"), *servers.containers("services"), redis]
    docker("kill", *stopped)
    time.sleep(30)
    docker("start", *stopped)
    with servers.api as api:
        await_true(lambda: api.get("/ready").is_success, 120, "the gateway finds the servers")
    state = servers.end_of(run)
    assert (state["type"], servers.get(f"/flow_runs/{run}")["run_count"]) == ("COMPLETED", 1), state
    assert servers.renew(lease)
    with servers.api as api:
        assert api.post("/v2/concurrency_limits/increment", json={"names": ["scanner"], "slots": 1}).status_code == 423
