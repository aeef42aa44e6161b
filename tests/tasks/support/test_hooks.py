"""A failed or crashed run sends one alert, and the hook does not change how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import Flow, flow
from prefect.artifacts import Artifact
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Completed, Crashed, Failed
from pydantic import SecretStr

from flows.catalogue import CATALOGUE
from sightline.errors import InvalidMedia, ThresholdNotMet
from tasks.support.hooks import alert_on_failure

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
