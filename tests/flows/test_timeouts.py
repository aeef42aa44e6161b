"""Every flow and task has a timeout from the settings, whose name is in the error."""

from __future__ import annotations

import base64
import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow, State
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.tasks import Task

import flows
import tasks
from flows.catalogue import CATALOGUE, FlowEntry
from flows.classify_images import classify_images
from flows.process_upload import process_upload
from sightline import storage, vision
from sightline.clock import now_in_utc
from sightline.errors import InvalidSetting
from sightline.registry import Registry
from sightline.settings import Settings, settings
from sightline.uploads import UploadRules, Uploads
from tests.flows.slow_toys import quick_tasks
from tests.images import grey, publish_by_brightness

ROOT = Path(__file__).resolve().parent.parent.parent
SETTINGS = ("flow_timeout_seconds", "training_timeout_seconds", "task_timeout_seconds")


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Set variables of the environment that the settings are read from."""

    def change(**variables: object) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        settings.cache_clear()

    settings.cache_clear()
    yield change
    settings.cache_clear()


def steps() -> dict[str, Flow[..., Any] | Task[..., Any]]:
    """Return every flow and task of the project, by module and name."""
    found: dict[str, Flow[..., Any] | Task[..., Any]] = {}
    for package in (flows, tasks):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, Flow | Task):
                    found[f"{value.fn.__module__}.{name}"] = value
    return found


class TestDeclaration:
    def test_every_flow_and_task_reads_its_timeout_from_a_setting(self, configure: Any) -> None:
        found = steps()
        assert len(found) > 80
        configure(FLOW_TIMEOUT_SECONDS=11, TRAINING_TIMEOUT_SECONDS=12, TASK_TIMEOUT_SECONDS=13)
        first = {name: step.timeout_seconds for name, step in found.items()}
        assert {name: value for name, value in first.items() if value not in (11, 12, 13)} == {}
        configure(FLOW_TIMEOUT_SECONDS=21, TRAINING_TIMEOUT_SECONDS=22, TASK_TIMEOUT_SECONDS=23)
        assert {name: step.timeout_seconds for name, step in found.items()} == {
            name: value + 10 for name, value in first.items() if value is not None
        }

    @pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
    def test_catalogue_has_the_setting_of_the_flow(self, entry: FlowEntry, configure: Any) -> None:
        configure(FLOW_TIMEOUT_SECONDS=11, TRAINING_TIMEOUT_SECONDS=12)
        assert entry.load().timeout_seconds == getattr(settings(), entry.timeout)

    def test_trainings_have_the_longest_timeout_and_short_tasks_the_shortest(self) -> None:
        flow, training, task = (Settings.model_fields[name].default for name in SETTINGS)
        assert 3600 <= task < flow < training
        names = {entry.name for entry in CATALOGUE if entry.timeout == "training_timeout_seconds"}
        assert names == {"train-image-classifier", "train-ranking", "train-emotion", "retrain-all"}

    @pytest.mark.parametrize("name", SETTINGS)
    @pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon", "1e12"])
    def test_value_that_is_no_time_is_rejected(self, configure: Any, name: str, value: str) -> None:
        configure(**{name.upper(): value})
        with pytest.raises(InvalidSetting, match=name.upper()):
            settings()


@pytest.fixture(scope="module")
def ended(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The runs of the toys in processes whose main thread gets the alarm, as that of a container does."""
    names = (
        "compute-in-training", "sleep-in-flow", "sleep-in-task", "compute-in-threads", "sleep-in-subflow",
        "many-subflows", "short-task", "short-tasks-in-threads", "quick-tasks",
    )  # fmt: skip
    environment = {
        "PREFECT_API_URL": prefect_server,
        "FLOW_TIMEOUT_SECONDS": "4",
        "TRAINING_TIMEOUT_SECONDS": "6",
        "TASK_TIMEOUT_SECONDS": "2",
        "OUTBOX_BUCKET": str(tmp_path_factory.mktemp("outbox")),
    }
    process = subprocess.run(
        [sys.executable, "-m", "tests.flows.slow_toys", *names],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    results: dict[str, dict[str, Any]] = {"log": {"text": process.stdout + process.stderr}}
    for line in process.stdout.splitlines():
        if line.startswith('{"'):
            results |= json.loads(line)
    return results


FLOW_ENDED = (
    r"^Flow run exceeded timeout of {setting} \({seconds} s\) in {name}\. Work that is already stored is kept: run it "
    r"again to continue, or raise the setting above {seconds} second\(s\)$"
)
STEP_ENDED = (
    r"^Flow run failed due to timeout: TaskRunTimeoutError\('Scope timed out after {setting} \({seconds} s\) in "
    r"{name}\. Work that is already stored is kept: run it again to continue, or raise the setting above {seconds} "
    r"second\(s\)\.'\)$"
)


@pytest.mark.integration
@pytest.mark.slow
class TestRunThatExceedsItsTimeout:
    @pytest.mark.parametrize(
        ("toy", "message", "setting", "seconds", "name"),
        [
            ("sleep-in-flow", FLOW_ENDED, "FLOW_TIMEOUT_SECONDS", 4, "sleep-in-flow"),
            ("compute-in-training", FLOW_ENDED, "TRAINING_TIMEOUT_SECONDS", 6, "compute-in-training"),
            # The flow's timeout ends the step in progress, and is named, not the step's own.
            ("sleep-in-task", STEP_ENDED, "FLOW_TIMEOUT_SECONDS", 4, "sleep-in-task"),
            ("compute-in-threads", FLOW_ENDED, "FLOW_TIMEOUT_SECONDS", 4, "compute-in-threads"),
            ("sleep-in-subflow", FLOW_ENDED, "FLOW_TIMEOUT_SECONDS", 4, "sleep-in-subflow"),
            ("many-subflows", FLOW_ENDED, "FLOW_TIMEOUT_SECONDS", 4, "many-subflows"),
            ("short-task", STEP_ENDED, "TASK_TIMEOUT_SECONDS", 2, "short_computation"),
            ("short-tasks-in-threads", STEP_ENDED, "TASK_TIMEOUT_SECONDS", 2, "short_computation"),
        ],
    )
    def test_run_ends_as_timed_out_and_names_the_setting(
        self, ended: dict[str, Any], toy: str, message: str, setting: str, seconds: int, name: str
    ) -> None:
        result = ended[toy]
        assert result["name"] == "TimedOut"
        assert re.search(message.format(setting=setting, seconds=seconds, name=name), result["message"])
        assert seconds <= result["seconds"] < seconds + 8
        assert result["threads"] == []

    def test_subflow_that_its_parents_timeout_ended_names_that_timeout(self, ended: dict[str, Any]) -> None:
        [[state, message]] = ended["sleep-in-subflow"]["children"]
        assert state == "TimedOut"
        assert "FLOW_TIMEOUT_SECONDS (4 s) in sleep-in-subflow" in message

    def test_no_subflow_starts_after_the_timeout(self, ended: dict[str, Any]) -> None:
        assert [state for state, _ in ended["many-subflows"]["children"]] == ["TimedOut"]

    def test_task_that_exceeded_its_timeout_is_not_retried(self, ended: dict[str, Any]) -> None:
        assert ended["short-task"]["attempts"] == ["short_computation 0"]

    def test_run_within_its_timeout_completes_without_a_warning_about_threads(self, ended: dict[str, Any]) -> None:
        assert ended["quick-tasks"]["name"] == "Completed"
        assert "worker thread" not in ended["log"]["text"]


@pytest.mark.integration
def test_invalid_timeout_is_one_line_on_the_command_line(prefect_server: str, tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "flows", "synthesize-pressure-maps", str(tmp_path / "maps"), "--count=1"],
        cwd=ROOT, env={**os.environ, "PREFECT_API_URL": prefect_server, "FLOW_TIMEOUT_SECONDS": "soon"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert process.returncode == 1
    [line] = [line for line in process.stderr.splitlines() if line.startswith("sightline: ")]
    assert "FLOW_TIMEOUT_SECONDS" in line
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "maps").exists()


@pytest.mark.integration
def test_invalid_timeout_is_in_the_state_of_a_deployed_run(configure: Any) -> None:
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(quick_tasks)
        configure(FLOW_TIMEOUT_SECONDS="soon")
        with pytest.raises(RuntimeError):
            run_flow(quick_tasks, flow_run=run)
        state = client.read_flow_run(run.id).state
    assert state
    assert state.is_failed()
    assert "FLOW_TIMEOUT_SECONDS" in str(state.message)


CLASSIFY_CHUNK = vision.classify_chunk


def slowed(monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[int]:
    """Make every chunk take that long; return the list that gets the numbers of the classified chunks."""
    numbers = []

    def slow(chunk: Any, classifier: Any) -> Any:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.01)
        numbers.append(chunk.number)
        return CLASSIFY_CHUNK(chunk, classifier)

    monkeypatch.setattr(vision, "classify_chunk", slow)
    return numbers


@pytest.mark.integration
class TestWorkBeforeATimeout:
    @pytest.fixture(autouse=True)
    def _buckets(self, tmp_path: Path, configure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        names = ("video", "patients", "model", "results", "capture", "outbox")
        configure(**{f"{name.upper()}_BUCKET": tmp_path / name for name in names})
        publish_by_brightness(Registry(tmp_path / "model", builtin=tmp_path / "none"))
        # An exception in the middle of an import would leave the module damaged for the rest of this process.
        classify_images({"images": [base64.b64encode(grey(0)).decode()]}, "vehicles")

    def images(self, folder: Path, count: int) -> str:
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"{number:02d}.png").write_bytes(grey(255 * (number % 2)))
        return str(folder)

    def test_classification_continues_with_the_chunks_that_are_not_stored(
        self, tmp_path: Path, configure: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = self.images(tmp_path / "in", 16)
        configure(FLOW_TIMEOUT_SECONDS=5)
        first = slowed(monkeypatch, 1)
        options: dict[str, Any] = {"chunk_size": 1, "max_workers": 1, "return_state": True}
        state: State[Any] = classify_images(source, "vehicles", **options)
        assert state.name == "TimedOut"
        assert "FLOW_TIMEOUT_SECONDS (5 s) in classify-images" in str(state.message)
        assert list((tmp_path / "temporary").iterdir()) == []
        stored = {int(path.stem) for path in (tmp_path / "results").rglob("*.jsonl") if path.stem.isdecimal()}
        assert 1 <= len(stored) <= len(first) < 16

        configure(FLOW_TIMEOUT_SECONDS=600)
        second = slowed(monkeypatch, 0)
        result = classify_images(source, "vehicles", **options).result()
        assert (result.images, result.accepted) == (16, 16)
        assert len(second) == 16 - len(stored)
        assert not stored & set(second)

    def test_timed_out_upload_is_an_interrupted_attempt(
        self, tmp_path: Path, configure: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = str(tmp_path / "video" / "ana" / "bed.png")
        storage.write_bytes(storage.locate(upload), grey(0))
        configure(FLOW_TIMEOUT_SECONDS=4, UPLOAD_IMAGE_MODEL="vehicles")
        slowed(monkeypatch, 30)
        state = process_upload(upload, return_state=True)
        assert state.name == "TimedOut"
        assert "FLOW_TIMEOUT_SECONDS (4 s) in process-upload" in str(state.message)
        uploads = Uploads(tmp_path / "video", now_in_utc)
        assert uploads.outcomes() == {}
        known = UploadRules.of(settings()).upload(upload, storage.stored(Path(upload)).version)
        assert known
        with uploads.take(known, "another run") as lease:  # the lease of the run has been released
            assert lease.attempts == 2

        configure(FLOW_TIMEOUT_SECONDS=600)
        slowed(monkeypatch, 0)
        assert process_upload(upload).processed

    def test_task_timeout_fails_the_run_with_one_alert(
        self, tmp_path: Path, configure: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[Any] = []
        monkeypatch.setattr("tasks.support.hooks.deliver", lambda alert, *_, **__: sent.append(alert))

        def hang(*_: Any) -> None:
            while True:
                time.sleep(0.01)

        monkeypatch.setattr("tasks.uploads.current_version", hang)
        configure(TASK_TIMEOUT_SECONDS=1)
        state = process_upload(str(tmp_path / "video" / "ana" / "bed.png"), return_state=True)
        assert state.name == "TimedOut"
        [alert] = sent
        assert alert.title == "process-upload timed out"
        assert "TASK_TIMEOUT_SECONDS (1 s) in find_upload" in alert.facts["message"]
        assert "run it again to continue, or raise the setting" in alert.facts["message"]


def test_parameters_are_serialized_as_by_prefect() -> None:
    """JSON values are not encoded again, whatever is beside them."""
    values: dict[str, Any] = {
        "source": ["a.png", {"images": [1, 2.5, None, True]}], "model": Path("posture"), "threshold": {1: "a"},
        "output": object(),
    }  # fmt: skip
    assert classify_images.serialize_parameters(values) == Flow.serialize_parameters(classify_images, values)
    plain = {"source": ["a.png"], "model": "posture"}
    assert classify_images.serialize_parameters(plain) == Flow.serialize_parameters(classify_images, plain)
