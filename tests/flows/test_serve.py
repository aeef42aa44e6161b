"""The local server: a run started from a form gives the same results as the command line."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

import httpx
import numpy as np
import pytest
from prefect.client.base import PrefectHttpxSyncClient
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from demo.clip import build_clip
from deployments.serve import ServerNotStarted, server
from flows.__main__ import run as sightline
from flows.catalogue import CATALOGUE
from flows.local_server import Folder
from flows.monitor_model import monitor_model
from flows.synthesize_pressure_maps import synthesize_pressure_maps
from flows.train_image_classifier import train_image_classifier
from sightline.monitoring import MonitoringReport
from sightline.registry import BASELINE, Baseline, Registry
from sightline.settings import settings
from sightline.speech import Engine
from tests.captures import capture
from tests.training import QUICK

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent.parent
BUCKETS = ("patients", "model", "results", "capture", "reviews", "outbox")
READY = "Ctrl-C stops the server and the runs."
ENDS = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Local(NamedTuple):
    """A server started by ``make ui``. ``home`` contains one folder per bucket."""

    process: subprocess.Popen[bytes]
    url: str
    home: Path
    log: Path

    def client(self) -> httpx.Client:
        """Return a client that repeats requests, as Prefect's do: SQLite has one writer, others may get 503."""
        return PrefectHttpxSyncClient(
            base_url=f"{self.url}/api",
            auth=httpx.BasicAuth(*self.key.split(":")),
            trust_env=False,
            timeout=120,
            raise_on_all_errors=False,
        )

    def settings(self) -> AbstractContextManager[Any]:
        """Make the flows of this process use the server."""
        return temporary_settings({PREFECT_API_URL: f"{self.url}/api", PREFECT_API_AUTH_STRING: self.key})

    @property
    def key(self) -> str:
        return Folder(self.home / "prefect" / "sightline").key()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """``make ui`` on a free port, ready."""
    port = free_port()
    home = tmp_path_factory.mktemp("home")
    log = home / "log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "deployments.serve"],
            cwd=ROOT,
            # Stored sessions and drift start trainings, which use buckets of the test.
            env={
                **os.environ,
                "PORT": str(port),
                "PREFECT_HOME": str(home / "prefect"),
                **{f"{name.upper()}_BUCKET": str(home / name) for name in BUCKETS},
            },
            stderr=stderr,
            start_new_session=True,
        ) as process,
    ):
        try:
            await_true(lambda: READY in log.read_text() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield Local(process, f"http://127.0.0.1:{port}", home, log)
        finally:
            process.terminate()


def test_port_in_use_is_named_with_an_alternative() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = rf"port {port} is in use: Address already in use. Try make ui PORT={port + 1}"
        with pytest.raises(ServerNotStarted, match=message), server(port):
            pytest.fail("a second server was started")


def outputs(folder: Path) -> dict[str, str | None]:
    """Return the files that a run wrote, with the text of the pose files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() if path.match("pose_*.json") else None for path in files}


@pytest.mark.slow
@pytest.mark.soak
def test_form_gives_the_same_results_as_the_command_line(local: Local, tmp_path: Path) -> None:
    clip = build_clip(tmp_path / "visit.mp4", None, seconds=1, size=(320, 240))
    transcript = tmp_path / "visit.vtt"
    transcript.write_text("WEBVTT\n\n00:00.200 --> 00:00.800\nAna is happy.\n")

    def buckets(name: str) -> dict[str, str]:
        return {f"{kind}_bucket": str(tmp_path / name / kind) for kind in ("video", "patients")}

    with local.client() as api:

        def served() -> set[str]:
            deployments = api.post("/deployments/filter", json={}).raise_for_status().json()
            # A deployment may be listed before its entrypoint is set.
            return {(item["entrypoint"] or "").partition(":")[2] for item in deployments}

        await_true(lambda: served() == {entry.target.partition(":")[2] for entry in CATALOGUE})
        form = api.get("/deployments/name/process-video/media").raise_for_status().json()
        assert form["description"] == CATALOGUE[0].summary
        schedules = api.get("/deployments/name/retrain-all/media").raise_for_status().json()["schedules"]
        assert [(schedule["slug"], schedule["active"]) for schedule in schedules] == [("weekly", False)]
        assert form["parameter_openapi_schema"]["properties"]["transcriber"]["enum"] == list(get_args(Engine))
        parameters = {"video": str(clip), "patient": "ana", "transcript": str(transcript), **buckets("form")}
        state = ended(api, start(api, "process-video", parameters))
    log = local.log.read_text()[-5000:]
    assert (state["type"], state["name"]) == ("COMPLETED", "Completed"), f"{state['message']}\n{log}"

    options = [f"--{name.replace('_', '-')}={value}" for name, value in buckets("command").items()]
    output = io.StringIO()
    with local.settings():
        command = ["process-video", str(clip), "--patient=ana", f"--transcript={transcript}", *options, "--json"]
        assert sightline(command, output) == 0
    assert json.loads(output.getvalue())["poses_extracted"] > 0
    assert outputs(tmp_path / "form") == outputs(tmp_path / "command")


@pytest.mark.slow
@pytest.mark.soak
def test_drift_causes_one_alert_one_training_and_one_report(
    local: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server monitors the third week, as the schedule does; the drift event starts the training."""
    for name in BUCKETS:
        monkeypatch.setenv(f"{name.upper()}_BUCKET", str(local.home / name))
    settings.cache_clear()
    week, random = timedelta(days=7), np.random.default_rng(3)
    begin = datetime.now(UTC).replace(microsecond=0) - 3 * week
    registry, maps, preset = Registry(local.home / "model"), tmp_path / "maps", tmp_path / "quick.toml"
    preset.write_text(QUICK)

    def capture_week(number: int, version: int, *, first: float = 1) -> None:
        """Capture the version's test predictions, with the first class drawn ``first`` times as often."""
        stored = local.home / "model" / "ward" / str(version) / BASELINE
        predicted = Baseline.load(stored.read_bytes()).probabilities
        weights = np.where(predicted.argmax(1) == 0, first, 1.0)
        rows = predicted[random.choice(len(predicted), 400, p=weights / weights.sum())]
        at = begin + number * week
        capture(
            local.home / "capture", rows, at, span=week, endpoint="ward", variant=f"v{version}", first_id=1000 * number
        )

    def watch(first: int, last: int) -> MonitoringReport:
        since, until = (moment.isoformat() for moment in (begin + first * week, begin + last * week))
        report: MonitoringReport = monitor_model("ward", since=since, until=until)
        return report

    with local.settings(), local.client() as api:
        await_true(lambda: api.get("/deployments/name/train-image-classifier/media").is_success)
        synthesize_pressure_maps(str(maps), count=240, people=6, seed=1)
        monkeypatch.setattr("sightline.training.common.publishing.now_in_utc", lambda: begin - week)
        first = train_image_classifier("ward", str(maps), preset=str(preset), pretrained=False)
        assert (first.version, first.promoted) == (1, True)
        for number in (0, 1):
            capture_week(number, 1)
            assert watch(number, number + 1).drift == ()

        # More images are labelled in the meantime.
        synthesize_pressure_maps(str(tmp_path / "more"), count=240, people=8, seed=2)
        for file in (tmp_path / "more").glob("*.jpg"):
            file.rename(maps / file.name.replace("synthetic-s", "synthetic-s1"))
        capture_week(2, 1, first=8)
        third = {"since": (begin + 2 * week).isoformat(), "until": (begin + 3 * week).isoformat()}
        assert ended(api, start(api, "monitor-model", {"model": "ward", **third}))["name"] == "Completed"
        [training] = await_true(lambda: runs_of(api, "train-image-classifier"), 60)
        state = ended(api, training["id"])
        assert state["name"] == "Completed", f"{state['message']}\n{local.log.read_text()[-5000:]}"

        pointer = registry.current("ward")
        assert pointer
        assert str(pointer.history[-1].why).startswith("drift of ward/1: the share of left rose from ")
        assert registry.record("ward").parameters["preset"] == str(preset)
        capture_week(3, 2)
        last = watch(3, 4)
        assert (last.version, last.drift) == ("ward/2", ())
        month = watch(0, 4)
        assert (list(month.versions), month.events) == (["ward/1", "ward/2"], 1600)

        assert len(runs_of(api, "train-image-classifier")) == 1
        alerts = api.post("/artifacts/filter", json={"artifacts": {"key": {"any_": ["alert"]}}}).json()
        assert sum("ward/1 drifts: the share of left rose" in alert["data"] for alert in alerts) == 1
    settings.cache_clear()


@pytest.mark.slow
@pytest.mark.soak  # as the other tests of this server, whose start takes a long time
def test_ctrl_c_stops_the_server_and_its_runs(local: Local) -> None:
    os.killpg(local.process.pid, signal.SIGINT)
    assert local.process.wait(60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(local.url, trust_env=False)


def start(api: httpx.Client, flow: str, parameters: dict[str, Any]) -> str:
    deployment = api.get(f"/deployments/name/{flow}/media").raise_for_status().json()["id"]
    created = api.post(f"/deployments/{deployment}/create_flow_run", json={"parameters": parameters})
    return str(created.raise_for_status().json()["id"])


def ended(api: httpx.Client, run: str) -> dict[str, Any]:
    def state() -> dict[str, Any] | None:
        now: dict[str, Any] = api.get(f"/flow_runs/{run}").raise_for_status().json()["state"]
        return now if now["type"] in ENDS else None

    return await_true(state)


def runs_of(api: httpx.Client, flow: str) -> list[dict[str, Any]]:
    """Return the runs of the flow's deployment."""
    deployment = api.get(f"/deployments/name/{flow}/media").raise_for_status().json()["id"]
    query = {"deployments": {"id": {"any_": [deployment]}}}
    runs: list[dict[str, Any]] = api.post("/flow_runs/filter", json=query).raise_for_status().json()
    return runs


def await_true(condition: Callable[[], T], seconds: float = 240) -> T:
    """Wait until the condition is true, and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return value
