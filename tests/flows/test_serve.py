"""The local server: a run that is started from a form does what the command line does."""

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
from pathlib import Path
from typing import get_args

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from demo.clip import build_clip
from deployments.serve import ServerNotStarted, server
from flows.__main__ import run as sightline
from flows.catalogue import CATALOGUE
from sightline.speech import Engine

ROOT = Path(__file__).resolve().parent.parent.parent
READY = "Ctrl-C stops the server and the runs."
ENDS = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def local(prefect_home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """``make ui`` on a free port, ready, and its address."""
    port = free_port()
    log = prefect_home / "log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "deployments.serve"],
            cwd=ROOT,
            # A session that is stored starts a training, which has its own buckets.
            env={
                **os.environ,
                "PORT": str(port),
                "PREFECT_HOME": str(prefect_home),
                "PATIENTS_BUCKET": str(prefect_home / "patients"),
                "MODEL_BUCKET": str(prefect_home / "models"),
                "OUTBOX_BUCKET": str(prefect_home / "outbox"),
            },
            stderr=stderr,
            start_new_session=True,
        ) as process,
    ):
        try:
            await_true(lambda: READY in log.read_text() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_a_port_that_is_taken_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        complaint = rf"port {port} is taken: Address already in use. Try make ui PORT={port + 1}"
        with pytest.raises(ServerNotStarted, match=complaint), server(port):
            pytest.fail("a second server was started")


def outputs(folder: Path) -> dict[str, str | None]:
    """The files that a run left, with the text of the poses."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() if path.match("pose_*.json") else None for path in files}


@pytest.mark.integration
@pytest.mark.slow
def test_a_form_does_what_the_command_line_does(
    local: tuple[subprocess.Popen[bytes], str], prefect_home: Path, tmp_path: Path
) -> None:
    process, url = local
    clip = build_clip(tmp_path / "visit.mp4", None, seconds=1, size=(320, 240))
    transcript = tmp_path / "visit.vtt"
    transcript.write_text("WEBVTT\n\n00:00.200 --> 00:00.800\nJohn is happy.\n")

    def buckets(name: str) -> dict[str, str]:
        return {f"{kind}_bucket": str(tmp_path / name / kind) for kind in ("video", "patients")}

    with httpx.Client(base_url=f"{url}/api", trust_env=False, timeout=30) as api:

        def served() -> set[str]:
            found = api.post("/deployments/filter", json={}).raise_for_status().json()
            # While it is being made, a deployment may be listed without its entrypoint.
            return {(item["entrypoint"] or "").partition(":")[2].replace("_", "-") for item in found}

        await_true(lambda: served() == {entry.name for entry in CATALOGUE})
        form = api.get("/deployments/name/process-video/media").raise_for_status().json()
        assert form["description"] == CATALOGUE[0].summary
        schedules = api.get("/deployments/name/retrain-all/media").raise_for_status().json()["schedules"]
        assert [(each["slug"], each["active"]) for each in schedules] == [("weekly", False)]
        assert form["parameter_openapi_schema"]["properties"]["transcriber"]["enum"] == list(get_args(Engine))
        filled_in = {"video": str(clip), "patient": "ana", "transcript": str(transcript), **buckets("form")}
        run = api.post(f"/deployments/{form['id']}/create_flow_run", json={"parameters": filled_in}).raise_for_status()
        address = f"/flow_runs/{run.json()['id']}"
        await_true(lambda: api.get(address).raise_for_status().json()["state"]["type"] in ENDS)
        state = api.get(address).json()["state"]
    said = (prefect_home / "log").read_text()[-5000:]
    assert (state["type"], state["name"]) == ("COMPLETED", "Completed"), f"{state['message']}\n{said}"

    options = [f"--{name.replace('_', '-')}={value}" for name, value in buckets("command").items()]
    output = io.StringIO()
    with temporary_settings({PREFECT_API_URL: f"{url}/api"}):
        command = ["process-video", str(clip), "--patient=ana", f"--transcript={transcript}", *options, "--json"]
        assert sightline(command, output) == 0
    assert json.loads(output.getvalue())["poses_extracted"] > 0
    assert outputs(tmp_path / "form") == outputs(tmp_path / "command")

    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def await_true(happened: Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)
