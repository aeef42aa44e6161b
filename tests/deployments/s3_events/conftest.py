"""Queues of a moto server, a fake Prefect server, and a listener in a thread."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from deployments.observability import Heartbeat
from deployments.s3_events.listener import Backoff, Listener
from deployments.s3_events.metrics import ListenerMetrics
from deployments.s3_events.prefect_api import PrefectApi
from deployments.s3_events.sqs import Queue
from sightline.alerts import Outbox
from sightline.settings import Settings
from sightline.uploads import UploadRules
from tests.deployments.s3_events.fake import DEPLOYMENT, FakePrefect


@pytest.fixture(scope="session")
def sqs(s3_environment: dict[str, str]) -> Any:
    import boto3

    return boto3.client(
        "sqs",
        region_name="us-east-1",
        endpoint_url=s3_environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def queue(sqs: Any) -> Queue:
    """A new queue with a dead-letter queue. Requests do not wait for messages, so a stopped listener ends at once."""
    name = f"uploads-{uuid.uuid4().hex}"
    dead_letters = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return Queue(sqs, url, dead_letters, wait_seconds=0, visibility_seconds=30)


@pytest.fixture
def upload_rules() -> UploadRules:
    return UploadRules.of(Settings(_env_file=None, video_bucket="s3://videos"))


@pytest.fixture
def fake() -> FakePrefect:
    return FakePrefect()


@pytest.fixture
def api(fake: FakePrefect) -> Iterator[str]:
    with fake.serve() as url:
        yield url


Listening = Callable[..., AbstractContextManager[Listener]]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.fixture
def listening(upload_rules: UploadRules, outbox: Outbox) -> Listening:
    """Run a listener with short retry delays; it must end when it is stopped."""

    @contextmanager
    def listen(
        queue: Queue, url: str, timeout: float = 5.0, backoff: Backoff | None = None, deployment: str = DEPLOYMENT
    ) -> Iterator[Listener]:
        with PrefectApi(url, deployment, timeout=timeout) as client:
            listener = Listener(
                queue,
                client,
                upload_rules,
                outbox,
                Heartbeat(30),
                ListenerMetrics(),
                threading.Event(),
                backoff or Backoff(0.05, 0.2),
            )
            thread = threading.Thread(target=listener.run)
            thread.start()
            try:
                yield listener
            finally:
                listener.stop.set()
                thread.join(15)
                assert not thread.is_alive()

    return listen
