"""Monitoring a model with a Prefect server: predictions are reported, and one alert is sent for drift."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prefect.states import State

from flows.__main__ import run as sightline
from flows.classify_images import classify_images
from flows.monitor_model import monitor_model
from sightline.errors import InvalidInput, InvalidSetting
from sightline.monitoring import MonitoringReport
from sightline.registry import ModelNotFound, Registry, WrongTask
from sightline.settings import settings
from tests.captures import baseline_of, capture, predictions, publish_with, sagemaker_line
from tests.images import grey, publish_by_brightness

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry that the flows use. All buckets are in the test's folder."""
    for name in ("model", "results", "capture", "outbox"):
        monkeypatch.setenv(f"{name.upper()}_BUCKET", str(tmp_path / name))
    monkeypatch.setenv("DEVICE", "cpu")
    settings.cache_clear()
    yield Registry(tmp_path / "model", builtin=tmp_path / "none")
    settings.cache_clear()


def monitor(model: str = "vehicles", **options: Any) -> State[MonitoringReport]:
    return monitor_model(model, return_state=True, **options)


def artifacts(server: str, state: State[Any]) -> dict[str, list[str]]:
    query = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
    by_key: dict[str, list[str]] = {}
    for artifact in post(server, "artifacts/filter", query):
        by_key.setdefault(artifact["key"], []).append(str(artifact["data"]))
    return by_key


def drift_events(server: str, model: str, wait: float) -> list[dict[str, Any]]:
    """Wait for drift events of this model, and return them."""
    deadline = time.monotonic() + wait
    query = {"filter": {"event": {"name": ["sightline.model.drift"]}}}
    while True:
        all_events = post(server, "events/filter", query)["events"]
        events = [event for event in all_events if event["payload"]["model"] == model]
        if events or time.monotonic() > deadline:
            return events
        time.sleep(0.5)


@pytest.mark.slow
def test_classified_and_rejected_images_are_reported(registry: Registry, tmp_path: Path, prefect_server: str) -> None:
    publish_by_brightness(registry)
    images = tmp_path / "images"
    images.mkdir()
    for number, level in enumerate((0, 30, 110, 127, 225, 255)):
        (images / f"{number}.png").write_bytes(grey(level))
    (images / "broken.png").write_bytes(b"")
    classify_images(str(images), "vehicles")
    state = monitor(since="1h")
    report = state.result()
    assert (report.events, report.accepted, report.low_confidence, report.rejected) == (6, 4, 2, 1)
    assert report.reasons == {"empty": 1}
    assert report.latency
    assert report.least_certain[0].uri == str(images / "3.png")
    assert report.report
    assert Path(report.report).parent.parent == tmp_path / "results" / "monitoring" / "vehicles"
    assert all(Path(plot).is_file() for plot in report.plots)
    page = artifacts(prefect_server, state)["monitoring"][0]
    assert report.report in page
    assert "of these empty | 1" in page
    assert "There is no baseline of vehicles/1" in page
    assert "alert" not in artifacts(prefect_server, state)


def test_drift_emits_an_event_and_one_alert(registry: Registry, tmp_path: Path, prefect_server: str) -> None:
    random = np.random.default_rng(1)
    baseline = baseline_of(predictions(random, 400), random)
    publish_with(registry, baseline, "drifting", parameters={"data": "s3://images/labelled"})
    capture(tmp_path / "capture", predictions(random, 400, second=0.8), NOW - timedelta(hours=3), endpoint="drifting")
    state = monitor("drifting", since="1d")
    report = state.result()
    assert [comparison.quantity for comparison in report.drift] == ["classes"]
    [alert] = artifacts(prefect_server, state)["alert"]
    assert "drifting/1 drifts: the share of motorcycle rose from" in alert
    [event] = drift_events(prefect_server, "drifting", 30)
    assert event["resource"]["prefect.resource.id"] == "sightline.model.drifting.1"
    assert event["resource"]["sightline.data"] == event["payload"]["data"] == "s3://images/labelled"
    assert event["payload"]["version"] == 1
    assert event["payload"]["why"].startswith("drift of drifting/1: the share of motorcycle rose")
    assert event["payload"]["report"] == report.report
    assert event["payload"]["findings"][0]["effects"]["total variation"] > 0.2


@pytest.mark.usefixtures("prefect_server", "s3_bucket")
def test_continuing_drift_sends_one_alert(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Daily windows overlap, and an alert every day would soon be ignored."""
    import boto3
    from moto.sns.models import sns_backends

    topic = boto3.client("sns").create_topic(Name="continuing-drift")["TopicArn"]
    monkeypatch.setenv("ALERT_CHANNELS", json.dumps([topic]))
    settings.cache_clear()
    random = np.random.default_rng(2)
    publish_with(registry, baseline_of(predictions(random, 400), random), "lasting")
    folder, start = tmp_path / "capture", NOW - timedelta(days=2)
    for day in (0, 1):
        at = start + timedelta(days=day)
        capture(folder, predictions(random, 400, second=0.8), at, endpoint="lasting", first_id=400 * day)
    drifted = []
    for end in (start + timedelta(days=1), start + timedelta(days=2), start + timedelta(days=2, hours=1)):
        state = monitor("lasting", since=start.isoformat(), until=end.isoformat())
        drifted.append([comparison.quantity for comparison in state.result().drift])
    assert drifted == [["classes"]] * 3
    [(_, message, *_)] = sns_backends["123456789012"]["us-east-1"].topics[topic].sent_notifications
    assert "lasting/1 drifts: the share of motorcycle rose from" in message


def test_ranking_model_is_rejected(registry: Registry) -> None:
    """Its record has other fields, and it creates no captures."""
    publish_with(registry, None, "runners", task="image-ranking")
    with pytest.raises(WrongTask, match="runners/1: is a model for image-ranking"):
        monitor_model("runners")


def test_run_without_captures_is_skipped_with_the_folder(registry: Registry, tmp_path: Path) -> None:
    publish_with(registry, None)
    state = monitor()
    assert (state.type, state.name) == ("COMPLETED", "Skipped")
    assert f"there are no captures of vehicles from {NOW - timedelta(days=7):%Y-%m-%d}" in str(state.message)
    assert str(tmp_path / "capture") in str(state.message)
    assert state.result().events == 0


def unreadable(capture_root: Path, *texts: str) -> Path:
    file = capture_root / "vehicles" / "v1" / f"{NOW:%Y/%m/%d/%H}" / "00-00-000-0.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(texts) + "\n")
    return file


WINDOW = ("--since", "1d", "--until", (NOW + timedelta(hours=1)).isoformat())


def test_blind_monitor_fails_with_an_alert_and_the_reason_in_its_json(
    registry: Registry, tmp_path: Path, prefect_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_with(registry, None)
    file = unreadable(tmp_path / "capture", "no json", sagemaker_line("1", '{"predicted_label": "bicycle"}'))
    output = io.StringIO()
    assert sightline(["monitor-model", "vehicles", *WINDOW, "--json"], output) == 1
    report = MonitoringReport.model_validate_json(output.getvalue())
    assert (report.events, report.bad_lines, report.blind) == (0, 2, True)
    assert f"{file}:1: " in str(report.problem)
    assert "none of 2 captured predictions can be read" in capsys.readouterr().err
    state = monitor(since="1d", until=(NOW + timedelta(hours=1)).isoformat())
    assert state.is_failed()
    [alert] = artifacts(prefect_server, state)["alert"]
    assert "none of 2 captured predictions can be read" in alert


@pytest.mark.usefixtures("prefect_server")
def test_partly_blind_monitor_fails_and_still_reports(registry: Registry, tmp_path: Path) -> None:
    publish_with(registry, None)
    capture(tmp_path / "capture", [(0.9, 0.1)], NOW - timedelta(minutes=30), span=timedelta(minutes=1), variant="v1")
    unreadable(tmp_path / "capture", "{", "{")
    output = io.StringIO()
    assert sightline(["monitor-model", "vehicles", *WINDOW, "--json"], output) == 1
    report = MonitoringReport.model_validate_json(output.getvalue())
    assert (report.events, report.bad_lines, report.blind) == (1, 2, True)
    assert report.report
    assert "Most predictions cannot be read" in Path(report.report).read_text()


@pytest.mark.usefixtures("prefect_server")
def test_skipped_monitor_states_the_reason_in_its_json(registry: Registry, tmp_path: Path) -> None:
    publish_with(registry, None)
    output = io.StringIO()
    assert sightline(["monitor-model", "vehicles", "--json"], output) == 0
    problem = json.loads(output.getvalue())["problem"]
    assert problem.startswith("there are no captures of vehicles from")
    assert str(tmp_path / "capture") in problem


@pytest.mark.usefixtures("prefect_server")
def test_baseline_may_be_the_time_before_the_window(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    publish_with(registry, None)
    capture(tmp_path / "capture", predictions(random, 300, second=0.2), NOW - timedelta(days=3))
    capture(tmp_path / "capture", predictions(random, 300, second=0.6), NOW - timedelta(hours=3), first_id=1_000)
    for baseline in ("7d", "9d/2d"):
        report = monitor(since="1d", baseline=baseline).result()
        assert [comparison.quantity for comparison in report.drift] == ["classes"]
        assert (report.baseline.source, report.baseline.predictions) == (f"the predictions of {baseline}", 300)
    with pytest.raises(InvalidInput, match="--baseline 12h: 0 predictions of vehicles/1 can be read"):
        monitor(since="1d", baseline="12h").result()


@pytest.mark.usefixtures("prefect_server")
def test_baseline_has_no_predictions_of_another_version(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    for _ in range(2):
        publish_with(registry, None)
    folder = tmp_path / "capture"
    capture(folder, predictions(random, 300, second=0.9), NOW - timedelta(days=3), variant="v1")
    capture(folder, predictions(random, 300, second=0.4), NOW - timedelta(hours=3), variant="v2", first_id=1_000)
    with pytest.raises(InvalidInput, match=r"0 predictions of vehicles/2 can be read .*, and some of vehicles/1"):
        monitor(since="1d", baseline="7d").result()
    capture(folder, predictions(random, 200, second=0.4), NOW - timedelta(days=2), variant="v2", first_id=2_000)
    report = monitor(since="1d", baseline="7d").result()
    assert (report.baseline.predictions, report.drift) == (200, ())


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"since": "soon"}, InvalidSetting, "is not a time"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, InvalidSetting, "ends before it begins"),
        ({"model": "dogs"}, ModelNotFound, "has no such model"),
        ({"model": "endpoint://scones"}, InvalidSetting, "Give --threshold, and set CLASSES"),
        ({"baseline": "/nowhere/baseline.safetensors"}, InvalidInput, "there is no such file"),
    ],
)
def test_invalid_parameters_are_rejected_with_the_fix(
    registry: Registry, options: dict[str, Any], error: type[Exception], problem: str
) -> None:
    publish_with(registry, None)
    with pytest.raises(error, match=problem):
        monitor(**options).result()


@pytest.mark.slow
def test_command_line_compares_windows_and_prints_json(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    publish_with(registry, None)
    first = NOW - timedelta(days=2)
    capture(tmp_path / "capture", predictions(random, 300, second=0.2), first)
    capture(tmp_path / "capture", predictions(random, 300, second=0.6), NOW - timedelta(hours=3), first_id=1_000)
    output = io.StringIO()
    window = f"{first - timedelta(hours=1):%Y-%m-%dT%H:%M}/{first + timedelta(hours=2):%Y-%m-%dT%H:%M}"
    arguments = ["monitor-model", "vehicles", "--since", "1d", "--baseline", window, "--output", str(tmp_path / "out")]
    assert sightline([*arguments, "--json"], output) == 0
    report = json.loads(output.getvalue())
    assert report["events"] == 300
    assert [comparison["what"] for comparison in report["drift"]] == ["classes"]
    assert report["baseline"]["source"] == f"the predictions of {window}"
    assert (tmp_path / "out" / "report.html").is_file()


def post(server: str, path: str, query: dict[str, Any]) -> Any:
    response = httpx.post(f"{server}/{path}", json=query)
    response.raise_for_status()
    return response.json()
