"""A failed or crashed run sends one alert, and the hook does not change how it ends."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import Flow, flow
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Completed, Crashed, Failed
from pydantic import SecretStr

from flows.catalogue import CATALOGUE
from flows.predict_emotion import predict_emotion
from flows.process_upload import process_upload
from flows.retrain_all import retrain_all
from flows.sweep_uploads import sweep_uploads
from sightline import storage
from sightline.alerts import Alert
from sightline.errors import InvalidMedia, ThresholdNotMet
from tasks.alerts import deliver
from tasks.support.flow import sightline_flow
from tasks.support.hooks import alert_on_failure, failure_alert

Configure = Callable[..., Path]
OPS = "custom-webhook/ops"
HOOKS: dict[str, Any] = {"on_failure": [alert_on_failure], "on_crashed": [alert_on_failure]}


def test_every_flow_has_the_failure_hook() -> None:
    for entry in CATALOGUE:
        loaded = entry.load()
        assert alert_on_failure in loaded.on_failure_hooks, entry.name
        assert alert_on_failure in loaded.on_crashed_hooks, entry.name


@pytest.mark.integration
class TestFlowsThatFail:
    def test_failure_alert_names_flow_run_and_reason(self, configure: Configure, webhook: Any) -> None:
        @flow(name="watch", flow_run_name="watch {video}", **HOOKS)
        def watch(video: str, image: str, frames: list[int], api_token: str, login: dict[str, Any]) -> None:
            raise InvalidMedia(video, "holds no video stream", "Give a video")

        configure(OPS)
        state = watch(
            "clip.mp4",
            "A" * 100_000,
            list(range(1000)),
            "t0ken",
            {"user": "ana", "password": "pa55", "key": SecretStr("k3y"), "url": "https://h/x?X-Amz-Signature=s1g"},
            return_state=True,
        )
        assert state.is_failed()
        [post] = webhook.posts
        assert post["title"] == "sightline: watch failed"
        text = post["text"]
        for fragment in (
            "flow: watch",
            "run: watch clip.mp4 (",
            "clip.mp4: holds no video stream. Give a video",
            '"user": "ana"',
            "(of 100,000 characters)",
            "and 990 more",
            "https://h/x?…",
        ):
            assert fragment in text
        assert len(text) < 3000
        for secret in ("t0ken", "pa55", "k3y", "s1g"):
            assert secret not in text
        artifact = Artifact.get("alert")
        assert artifact
        assert artifact.flow_run_id == state.state_details.flow_run_id

    def test_failure_in_an_asynchronous_flow_is_alerted(self, configure: Configure, webhook: Any, mailbox: Any) -> None:
        @flow(name="listen", **HOOKS)
        async def listen() -> None:
            raise OSError("nobody there")

        configure(OPS, "email-server-credentials/ward", ALERT_EMAIL_TO=["ana@ward.org"], ALERT_EMAIL_FROM="a@b.org")
        with pytest.raises(OSError, match="nobody there"):
            asyncio.run(listen())
        assert (len(webhook.posts), len(mailbox.mails)) == (1, 1)
        assert "OSError: nobody there" in webhook.posts[0]["text"]

    def test_crash_is_alerted(self, configure: Configure, webhook: Any) -> None:
        @flow(name="interrupted", **HOOKS)
        def interrupted() -> None:
            raise KeyboardInterrupt

        configure(OPS)
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert [post["title"] for post in webhook.posts] == ["sightline: interrupted crashed"]

    def test_unmet_threshold_sends_no_second_alert(self, configure: Configure, webhook: Any) -> None:
        @flow(name="classify", **HOOKS)
        def classify() -> None:
            raise ThresholdNotMet("THRESHOLD_CONFIDENCE_NOT_MET: 2 of 10 images are below 0.93")

        configure(OPS)
        assert classify(return_state=True).is_failed()
        assert webhook.posts == []

    def test_skipped_run_sends_no_alert(self, configure: Configure, webhook: Any) -> None:
        @flow(name="skipped", **HOOKS)
        def skipped() -> Any:
            return Completed(name="Skipped", message="done before")

        configure(OPS)
        assert skipped(return_state=True).name == "Skipped"
        assert webhook.posts == []

    def test_failed_delivery_keeps_the_original_error(
        self, configure: Configure, webhook: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        @flow(name="unlucky", **HOOKS)
        def unlucky() -> None:
            raise OSError("the first error")

        outbox = configure(OPS)
        webhook.status = 500
        with pytest.raises(OSError, match="the first error"):
            unlucky()
        assert len(list((outbox / "waiting").iterdir())) == 1
        configure("no channel")
        with pytest.raises(OSError, match="the first error"):
            unlucky()
        [failed] = [
            record for record in caplog.records if "no alert about this failure was sent" in record.getMessage()
        ]
        assert failed.levelno == logging.ERROR


@pytest.mark.integration
@pytest.mark.parametrize("state", [Crashed(message="the process was killed"), Failed(message="x" * 5000)])
def test_state_from_the_server_is_alerted_once(configure: Configure, webhook: Any, state: State[Any]) -> None:
    watched: Flow[..., Any] = flow(name="watched")(lambda: None)
    run = FlowRun(id=uuid4(), flow_id=uuid4(), name="brave-otter", parameters={"video": "clip.mp4"})
    configure(OPS)
    for _ in range(2):
        alert_on_failure(watched, run, state)
    [post] = webhook.posts
    assert post["title"] == f"sightline: watched {str(state.name).lower()}"
    assert f"run: brave-otter ({run.id})" in post["text"]
    assert len(post["text"]) < 2500


def alert_about(**changes: Any) -> Alert | None:
    """Return the alert about a failed run that the reconciler builds, with these changes."""
    facts: dict[str, Any] = {
        "flow_name": "watch",
        "run_id": "00000000-0000-0000-0000-000000000001",
        "run_name": "brave-otter",
        "run_url": None,
        "state_name": "Failed",
        "message": "Flow run encountered an exception: OSError: nobody there",
        "parameters": {"video": "clip.mp4"},
        "at": datetime(2026, 3, 1, 12, tzinfo=UTC),
    }
    return failure_alert(**{**facts, **changes})


class TestFailureAlert:
    def test_alert_about_an_erasure_has_no_parameters(self) -> None:
        alert = alert_about(flow_name="erase-patient", parameters={"name": "zora"})
        assert alert
        assert "zora" not in alert.model_dump_json()

    def test_key_identifies_run_state_message_and_day(self) -> None:
        alert = alert_about()
        assert alert
        noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
        same: list[dict[str, Any]] = [
            {"at": noon + timedelta(hours=11)},
            {"at": noon.astimezone(timezone(timedelta(hours=14)))},
            {"notes": "the gate's table"},
            {"run_url": "http://host/runs"},
        ]
        other: list[dict[str, Any]] = [
            {"at": noon + timedelta(hours=12)},
            {"run_id": "00000000-0000-0000-0000-000000000002"},
            {"state_name": "TimedOut"},
            {"message": "another"},
            {"message": None},
        ]
        assert {built.key for changes in same if (built := alert_about(**changes))} == {alert.key}
        keys = [built.key for changes in [{}, *other] if (built := alert_about(**changes))]
        assert len(set(keys)) == len(keys) == 6

    @pytest.mark.parametrize(
        ("state", "title"),
        [("Failed", "watch failed"), ("Crashed", "watch crashed"), ("TimedOut", "watch timed out")],
    )
    def test_title_names_the_flow_and_how_it_ended(self, state: str, title: str) -> None:
        alert = alert_about(state_name=state)
        assert alert
        assert alert.title == title

    def test_unmet_threshold_is_recognised_by_the_state_of_a_real_run(self) -> None:
        message = "Flow run encountered an exception: ThresholdNotMet: 2 of 10 images are below 0.93"
        assert alert_about(message=message) is None
        assert alert_about(message="Flow run encountered an exception: OSError: ThresholdNotMet: x") is not None

    @pytest.mark.parametrize(
        "url",
        ["https://ana:s3cr3t@host/a.png", "https://host/a.png?X-Amz-Signature=s3cr3t", "s3://AKIA:s3cr3t@bucket/a"],
    )
    def test_credentials_of_urls_are_in_no_part_of_it(self, url: str) -> None:
        parameters = {"source": {"image_urls": [url], "text": f"see {url}."}, "refresh_token": "s3cr3t"}
        changes = {"message": f"OSError: {url}: gone", "notes": f"| {url} |", "run_name": f"classify {url}"}
        alert = alert_about(parameters=parameters, **changes)
        assert alert
        assert "gone" in alert.facts["message"]
        assert "s3cr3t" not in alert.model_dump_json()

    def test_skipped_run_has_none(self) -> None:
        assert alert_about(state_name="Skipped") is None


@pytest.mark.integration
class TestAgreementWithTheReconciler:
    def fail(self, error: BaseException) -> Callable[..., None]:
        @sightline_flow(name="watched", flow_run_name="watched {video}")
        def watched(video: str) -> None:
            raise error

        return watched

    @pytest.mark.parametrize(
        "error",
        [
            OSError("nobody there"),
            InvalidMedia("ä.mp4", "is no video"),
            ValueError("x" * 100_000),
            ValueError("two\nlines"),
            TimeoutError("a library's own"),
            ThresholdNotMet("2 of 10"),
            KeyboardInterrupt(),
            SystemExit(3),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_alert_of_the_server_state_has_the_key_of_the_hooks_alert(
        self, error: BaseException, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[Alert] = []
        monkeypatch.setattr("tasks.support.hooks.deliver", lambda alert, *_, **__: sent.append(alert))
        runs: list[FlowRun] = []
        watched: Any = self.fail(error)
        watched.on_failure_hooks.append(lambda _flow, run, _state: runs.append(run))
        watched.on_crashed_hooks.append(lambda _flow, run, _state: runs.append(run))
        with suppress(BaseException):
            watched("clip.mp4")
        with get_client(sync_client=True) as client:
            stored = client.read_flow_run(runs[0].id)
        assert stored.state
        rebuilt = failure_alert(
            flow_name="watched",
            run_id=str(stored.id),
            run_name=stored.name,
            run_url=None,
            state_name=str(stored.state.name),
            message=stored.state.message,
            parameters=stored.parameters,
            at=stored.state.timestamp,
        )
        if isinstance(error, ThresholdNotMet):
            assert rebuilt is None
            assert sent == []
        else:
            assert rebuilt
            [alert] = sent
            assert (alert.key, alert.title, alert.facts, alert.at) == (
                rebuilt.key, rebuilt.title, rebuilt.facts, rebuilt.at,
            )  # fmt: skip
            assert (alert.run_name, alert.run_id) == ("watched clip.mp4", str(stored.id))

    def test_alert_that_the_hook_sent_is_not_sent_by_the_reconciler(self, configure: Configure, webhook: Any) -> None:
        configure(OPS)
        watched: Any = self.fail(OSError("nobody there"))
        state = watched("clip.mp4", return_state=True)
        with get_client(sync_client=True) as client:
            stored = client.read_flow_run(state.state_details.flow_run_id)
        assert stored.state
        for message, posts in ((stored.state.message, 1), ("another fault of the same run", 2)):
            alert = alert_about(run_id=str(stored.id), message=message, at=stored.state.timestamp)
            assert alert
            deliver(alert, logging.getLogger("reconciler"))
            assert len(webhook.posts) == posts


@pytest.mark.integration
class TestSupervisedRuns:
    """Runs whose crashes the reconciler retries."""

    @pytest.mark.parametrize(
        ("supervised", "error", "titles"),
        [
            ("true", KeyboardInterrupt, []),
            ("true", OSError, ["sightline: watched failed"]),
            ("false", KeyboardInterrupt, ["sightline: watched crashed"]),
        ],
    )
    def test_only_the_crash_of_a_supervised_run_sends_no_alert(
        self, configure: Configure, webhook: Any, supervised: str, error: type[BaseException], titles: list[str]
    ) -> None:
        @sightline_flow(name="watched", flow_run_name="watched")
        def watched() -> None:
            raise error

        configure(OPS, SUPERVISED=supervised)
        with pytest.raises(error):
            watched()
        assert [post["title"] for post in webhook.posts] == titles


def _hang(*_: Any, **__: Any) -> None:
    while True:
        time.sleep(0.01)


def _raise(error: BaseException) -> Callable[..., None]:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


PARENTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    # The call, and the function of its subflow that fails.
    "process-upload of a video": (lambda clip: process_upload(str(clip)), "tasks.media.media.probe"),
    "process-upload of an image": (
        lambda clip: process_upload(str(clip.with_suffix(".png"))),
        "tasks.images.vision.list_source",
    ),
    "sweep-uploads": (lambda _: sweep_uploads(), "tasks.media.media.probe"),
    "retrain-all": (lambda _: retrain_all(["ana"]), "tasks.emotion_training.reviews.apply_answers"),
    "predict-emotion": (lambda clip: predict_emotion(str(clip)), "tasks.media.media.probe"),
}
FAULTS: dict[str, Callable[..., None]] = {
    "error": _raise(OSError("the fault")),
    "invalid input": _raise(InvalidMedia("clip.mp4", "the fault")),
    "crash": _raise(KeyboardInterrupt("the fault")),
    "timeout": _hang,
}


def test_matrix_has_every_flow_that_calls_flows() -> None:
    parents = set()
    for entry in CATALOGUE:
        module = sys.modules[entry.load().fn.__module__]
        if {value.name for value in vars(module).values() if isinstance(value, Flow)} - {entry.name}:
            parents.add(entry.name)
    assert parents == {name.partition(" of ")[0] for name in PARENTS}


@pytest.mark.integration
@pytest.mark.parametrize(("parent", "fault"), list(itertools.product(PARENTS, FAULTS)))
def test_failing_subflow_sends_one_alert_about_its_parent(
    configure: Configure, webhook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parent: str, fault: str
) -> None:
    seconds = 1 if fault == "timeout" else 600
    configure(
        OPS,
        **{f"{name}_BUCKET": str(tmp_path / name.lower()) for name in ("VIDEO", "PATIENTS", "MODEL", "RESULTS")},
        **{f"{name}_TIMEOUT_SECONDS": str(seconds) for name in ("FLOW", "TRAINING", "TASK")},
        UPLOAD_TRANSCRIBER="pocketsphinx",
        UPLOAD_IMAGE_MODEL="vehicles",
    )
    clip = tmp_path / "video" / "ana" / "clip.mp4"
    for file in (clip, clip.with_suffix(".png")):
        if parent.startswith("process-upload") or file == clip:
            storage.write_bytes(file, b"content")
    long_ago = time.time() - 3600
    os.utime(clip, (long_ago, long_ago))
    call, target = PARENTS[parent]
    monkeypatch.setattr(target, FAULTS[fault])
    with pytest.raises(BaseException):  # noqa: B017, PT011
        call(clip)
    [post] = webhook.posts
    name = parent.partition(" of ")[0]
    assert post["title"] in {f"sightline: {name} {ended}" for ended in ("failed", "crashed", "timed out")}
    assert ("_TIMEOUT_SECONDS (1 s)" if fault == "timeout" else "the fault") in post["text"] or fault == "crash"
