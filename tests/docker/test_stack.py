"""Use of the system in containers: runs, uploads, reviews, a killed container, an outage, and a restart."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.clip import build_clip
from demo.maps import build_maps
from tests.docker.stack import ROOT, Stack, await_true, docker

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1800)]

PROJECT = "sightline-test"
SPEECH = ROOT / "demo" / "speech.ogg"


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", SPEECH, seconds=6, size=(480, 270))


@pytest.fixture(scope="session")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The maps of the demo: ordinary ones, ambiguous ones and three invalid files."""
    return build_maps(tmp_path_factory.mktemp("maps") / "maps", seed=7)


def health_of(container: str) -> str:
    return docker("inspect", "--format", "{{if .State.Health}}{{.State.Health.Status}}{{end}}", container)


def text_of(stack: Stack, key: str) -> str:
    return str(stack.s3.get_object(Bucket="results", Key=key)["Body"].read())


def sessions_of(stack: Stack, patient: str) -> list[str]:
    return [key for key in stack.keys("patients") if key.startswith(f"{patient}/") and key.endswith("_session.json")]


def test_every_service_is_healthy_and_the_api_requires_a_password(stack: Stack) -> None:
    services = docker("ps", "--format", "{{.Names}}", "--filter", f"label=com.docker.compose.project={PROJECT}").split()
    assert len(services) == 10, services
    for name in services:
        await_true(lambda name=name: health_of(name) == "healthy", 120, f"{name} is healthy")
    with stack.api as api:
        assert api.get("/flow_runs/count", auth=("sightline", "wrong")).status_code == 401
        assert api.post("/flow_runs/count", json={}).status_code == 200
    response = httpx.get(f"http://127.0.0.1:{stack.environment['API_PORT']}/health", trust_env=False)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("image", ["sightline:local", "sightline-small:local"])
@pytest.mark.usefixtures("stack")
def test_image_runs_as_an_unprivileged_user_without_build_tools(image: str) -> None:
    config = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", image))
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert docker("run", "--rm", image, "id", "-u") == "10001"
    tools = (
        "for tool in cc gcc g++ make uv; do command -v $tool; done; touch /usr/bin/x 2>/dev/null && echo writable; true"
    )
    assert docker("run", "--rm", image, "sh", "-c", tools) == ""
    assert docker("run", "--rm", image, "ls", "-A", "/tmp") == ""


def test_worker_runs_flows_in_containers_with_results_on_s3(stack: Stack, clip: Path, maps: Path) -> None:
    stack.s3.upload_file(str(clip), "results", "incoming/clip.mp4")
    for file in maps.iterdir():
        stack.s3.upload_file(str(file), "results", f"maps/{file.name}")
    video = stack.run(
        "process-video", video="s3://results/incoming/clip.mp4", patient="ben", transcriber="pocketsphinx",
        names=["John"],
    )  # fmt: skip
    images = stack.run(
        "classify-images",
        source="s3://results/maps", model="vehicles", threshold=0.999, output="s3://results/classified",
    )  # fmt: skip
    for run in (video, images):
        state = stack.end_of(run)
        assert (state["type"], state["name"]) == ("COMPLETED", "Completed"), state["message"]
        assert docker("ps", "--all", "--quiet", "--filter", f"label=io.prefect.flow-run-id={run}")
    assert len(sessions_of(stack, "ben")) == 1
    records = stack.s3.get_object(Bucket="results", Key="classified/results.jsonl")["Body"].read().splitlines()
    assert [Path(json.loads(line)["uri"]).name for line in records] == sorted(file.name for file in maps.iterdir())
    persisted = [key for key in stack.keys("results") if key.startswith(".prefect/")]  # results of flows
    assert persisted
    assert all(b"pickle" not in stack.s3.get_object(Bucket="results", Key=key)["Body"].read() for key in persisted)
    await_true(
        lambda: any(f"{stack.ui}/runs/flow-run/{images}" in str(alert) for alert in stack.alerts),
        60,
        "an alert links to the run",
    )


def test_review_waits_for_answers_without_a_container(stack: Stack) -> None:
    """The classification above starts the review. It may wait for a week; a container would occupy memory."""
    [review] = await_true(lambda: stack.runs("review-predictions"), 60, "a review starts")
    run = review["id"]
    await_true(lambda: stack.get(f"/flow_runs/{run}")["state"]["name"] == "Suspended", 300, "the review is suspended")
    await_true(
        lambda: not docker("ps", "--quiet", "--filter", f"label=io.prefect.flow-run-id={run}"),
        60,
        "its container is removed",
    )
    form = stack.get(f"/flow_runs/{run}/input/suspended-page-1-schema")
    form = json.loads(form) if isinstance(form, str) else form
    questions = [name for name in form["properties"] if name.startswith("image_")]
    assert questions
    answers = {"reviewer": "Kim", questions[0]: "bicycle"}
    assert stack.post(f"/flow_runs/{run}/resume", {"run_input": answers})["status"] == "ACCEPT"

    def has_ended() -> bool:
        state = stack.get(f"/flow_runs/{run}")["state"]
        if state["name"] == "Suspended":  # on its next page, if there is one
            stack.post(f"/flow_runs/{run}/resume", {"run_input": {"reviewer": "Kim"}})
        return state["type"] in {"COMPLETED", "FAILED", "CRASHED"}

    await_true(has_ended, 600, "the review ends")
    state = stack.end_of(run)
    assert (state["type"], state["name"]) == ("COMPLETED", "Completed"), state["message"]
    answered = [key for key in stack.keys("results") if key.startswith(".reviews/") and "Kim" in text_of(stack, key)]
    assert len(answered) == 1


def test_scheduler_creates_runs_for_every_schedule(stack: Stack) -> None:
    """With incompatible versions of Prefect and SQLAlchemy it fails, and only the server's log shows it."""
    for flow in ("retrain-all", "sweep-uploads", "remind-reviewers", "monitor-model"):
        await_true(lambda flow=flow: stack.runs(flow), 120, f"runs of {flow}")


def task_runs(stack: Stack, run: str) -> list[dict[str, Any]]:
    runs = stack.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
    assert isinstance(runs, list)
    return runs


def start_long_run(stack: Stack, folder: Path, patient: str) -> str:
    """Start a run that lasts a minute, wait until it tracks people, and return its id."""
    longer = build_clip(folder / "longer.mp4", SPEECH, seconds=20, size=(640, 360))
    stack.s3.upload_file(str(longer), "results", "incoming/longer.mp4")
    run = stack.run(
        "process-video", video="s3://results/incoming/longer.mp4", patient=patient, transcriber="pocketsphinx",
        names=["John"],
    )  # fmt: skip

    def is_tracking() -> bool:
        tasks = task_runs(stack, run)
        return any(task["name"].startswith("extract_poses") and task["state"]["type"] == "RUNNING" for task in tasks)

    await_true(is_tracking, 300, "tracking starts")
    return run


def test_run_of_a_killed_container_is_repeated(stack: Stack, tmp_path: Path) -> None:
    run = start_long_run(stack, tmp_path, "eva")
    assert sessions_of(stack, "eva") == []
    docker("kill", docker("ps", "--quiet", "--filter", f"label=io.prefect.flow-run-id={run}"))
    await_true(lambda: stack.get(f"/flow_runs/{run}")["state"]["type"] == "COMPLETED", 400, "the run completes")
    assert stack.get(f"/flow_runs/{run}")["run_count"] == 2
    assert len(sessions_of(stack, "eva")) == 1
    annotated = [key for key in stack.keys("videos") if key.startswith("annotated/eva/")]
    assert len([key for key in annotated if key.endswith(".mp4")]) == 1


def test_run_continues_while_the_server_is_away(stack: Stack, tmp_path: Path) -> None:
    run = start_long_run(stack, tmp_path, "lea")
    [server], [gateway] = stack.containers("server"), stack.containers("gateway")
    lease = stack.acquire("scanner")
    docker("kill", server)
    try:
        address = f"http://127.0.0.1:{stack.environment['PREFECT_PORT']}"
        away = await_true(lambda: read_api(address), 30, "the gateway answers instead of the server")
        assert (away.status_code, away.headers["Prefect-Maintenance"]) == (503, "true")
        assert float(away.headers["Retry-After"]) == 5
        assert "restarting" in away.json()["detail"]
        page = await_true(
            lambda: response if "html" in (response := read_page(address)).headers["Content-Type"] else None,
            30, "a browser shows a page",
        )  # fmt: skip
        assert (page.status_code, "Prefect is restarting" in page.text) == (503, True)
        time.sleep(45)
        assert health_of(gateway) == "healthy"
    finally:
        docker("start", server)
    await_true(lambda: read_page(address).status_code == 200, 120, "the gateway finds the server")
    state = stack.end_of(run)
    assert (state["type"], stack.get(f"/flow_runs/{run}")["run_count"]) == ("COMPLETED", 1), state
    assert len(sessions_of(stack, "lea")) == 1
    assert stack.renew(lease)
    # Task runs are recorded from events, which the flow sends again after the outage.
    await_true(
        lambda: {task["state"]["type"] for task in task_runs(stack, run)} == {"COMPLETED"},
        120, "all task runs are recorded",
    )  # fmt: skip


def test_new_container_of_the_server_is_found(stack: Stack) -> None:
    """Its address may be another one."""
    [server] = stack.containers("server")
    network = stack.environment["SIGHTLINE_NETWORK"]
    docker("network", "disconnect", network, server)
    squatter = docker("run", "--detach", "--rm", "--network", network, "sightline-small:local", "sleep", "300")
    try:
        docker("network", "connect", "--alias", "server", network, server)
        address = f"http://127.0.0.1:{stack.environment['PREFECT_PORT']}"
        await_true(lambda: read_page(address).status_code == 200, 15, "the gateway finds the server")
    finally:
        docker("rm", "--force", squatter)


def read_page(address: str) -> httpx.Response:
    return httpx.get(address, headers={"Accept": "text/html"}, trust_env=False, follow_redirects=True)


def read_api(address: str) -> httpx.Response | None:
    """Return the answer; None if the request is interrupted, as one may be that the server was answering."""
    try:
        return httpx.post(f"{address}/api/flows/filter", json={}, trust_env=False)
    except httpx.RemoteProtocolError:
        return None


def test_invalid_upload_message_causes_an_alert(stack: Stack) -> None:
    sqs = stack.aws("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="uploads")["QueueUrl"], MessageBody="poisoned apple")
    await_true(lambda: any("poisoned apple" in str(alert) for alert in stack.alerts), 60, "an alert arrives")


def test_upload_is_processed_and_survives_a_restart(stack: Stack, clip: Path) -> None:
    stack.s3.upload_file(str(clip), "videos", "ana/clip.mp4")
    [upload] = await_true(lambda: stack.runs("process-upload"), 30, "a run for the upload")
    state = stack.end_of(upload["id"])
    assert state["type"] == "COMPLETED", state
    assert len(sessions_of(stack, "ana")) == 1
    [training] = await_true(
        lambda: [run for run in stack.runs("train-emotion") if run["parameters"].get("patient") == "ana"],
        60, "the new session starts a training",
    )  # fmt: skip
    stack.end_of(training["id"])
    objects = stack.keys("videos")

    stack.make("down")
    assert docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}") == ""
    assert docker("ps", "--all", "--quiet", "--filter", f"network={PROJECT}") == ""
    assert docker("network", "ls", "--quiet", "--filter", f"name=^{PROJECT}$") == ""

    stack.make("up")
    assert stack.keys("videos") == objects
    assert [(run["id"], run["state"]["type"]) for run in stack.runs("process-upload")] == [(upload["id"], "COMPLETED")]
    state = stack.end_of(stack.run("process-upload", uri="s3://videos/ana/clip.mp4"))
    assert (state["type"], state["name"]) == ("COMPLETED", "Skipped"), state
