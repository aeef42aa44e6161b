"""The listener loses no message, limits its retries, and removes invalid messages."""

from __future__ import annotations

import dataclasses
import json
import logging
import socket
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployments.s3_events.listener import Backoff
from deployments.s3_events.prefect_api import PrefectApi, RejectedByServer, Unavailable
from deployments.s3_events.sqs import Queue
from tests.deployments.s3_events.conftest import Listening
from tests.deployments.s3_events.fake import FakePrefect, await_true, s3_message

URI = "s3://videos/ana/{}.mp4".format


def send(queue: Queue, *bodies: str) -> None:
    for first in range(0, len(bodies), 10):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[first : first + 10])]
        queue.client.send_message_batch(QueueUrl=queue.url, Entries=entries)


def remaining(queue: Queue) -> tuple[int, int]:
    """Return the number of visible messages and of messages in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = queue.client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
    return int(attributes[names[0]]), int(attributes[names[1]])


def dead_letters(queue: Queue) -> list[dict[str, Any]]:
    response = queue.client.receive_message(
        QueueUrl=queue.dead_letters, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    return list(response.get("Messages", ()))


def test_every_object_is_reported_and_every_message_deleted(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    send(queue, *(s3_message(f"ana/{n}.mp4", etag=str(n)) for n in range(25)), s3_message("ana/notes.txt"))
    with listening(queue, api) as listener:
        await_true(lambda: remaining(queue) == (0, 0))
    assert sorted(fake.uris) == sorted(URI(n) for n in range(25))
    assert {request["path"] for request in fake.requests} == {"/api/events"}
    assert len(fake.requests) < 10  # several messages per request
    metrics = listener.metrics.text().decode()
    assert "sightline_s3_events_messages_deleted_total 26.0" in metrics
    assert 'sightline_s3_events_objects_posted_total{kind="video"} 25.0' in metrics
    assert "sightline_s3_events_objects_ignored_total 1.0" in metrics


def test_message_is_deleted_only_after_the_server_accepted_it(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    counts = []

    def count(events: list[dict[str, Any]]) -> int:
        counts.append(remaining(queue))
        return 204

    fake.answer = count
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api):
        await_true(lambda: remaining(queue) == (0, 0))
    assert counts == [(0, 1)]


@pytest.mark.parametrize("status", [500, 503, 429, 401, 403, 404, 302])
def test_events_are_posted_again_after_a_server_error(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening, status: int
) -> None:
    answers = iter([status, status, 204])
    fake.answer = lambda events: next(answers)
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api):
        await_true(lambda: remaining(queue) == (0, 0))
    assert fake.uris == [URI("a")]
    assert len(fake.requests) == 3


def test_unreachable_server_is_retried_and_no_more_is_received(
    queue: Queue, fake: FakePrefect, listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    send(queue, *(s3_message(f"ana/{n}.mp4") for n in range(15)))
    with caplog.at_level(logging.WARNING), listening(queue, f"http://127.0.0.1:{port}/api") as listener:
        time.sleep(1)
        assert remaining(queue) == (5, 10)
        # Waits of 0.05, 0.1, then 0.2 s, with up to half of it removed as jitter.
        assert 4 <= len(caplog.records) <= 13
        assert 'sightline_s3_events_up{service="prefect"} 0.0' in listener.metrics.text().decode()
        with fake.serve(port):
            await_true(lambda: remaining(queue) == (0, 0))
    assert sorted(set(fake.uris)) == sorted(URI(n) for n in range(15))


def test_messages_stay_invisible_while_the_server_is_unavailable(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    fake.answer = lambda events: 503 if len(fake.requests) < 14 else 204
    short_lived = dataclasses.replace(queue, visibility_seconds=1)
    send(queue, s3_message("ana/a.mp4"))
    with listening(short_lived, api):
        await_true(lambda: fake.accepted)
        await_true(lambda: remaining(queue) == (0, 0))
    assert fake.uris == [URI("a")]
    assert len(fake.requests) >= 14


def test_event_posted_again_after_a_timeout_has_the_same_id(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    """The server may have accepted the first request; the id lets it ignore the second."""
    fake.delay = 0.6
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api, timeout=0.3):
        await_true(lambda: len(fake.accepted) >= 1)
        fake.delay = 0
        await_true(lambda: remaining(queue) == (0, 0))
    assert len(fake.accepted) >= 2
    assert len({event["id"] for event in fake.accepted}) == 1


def test_invalid_message_moves_to_dead_letters_with_reason_and_alert(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    send(queue, "hello", s3_message("ana/a.mp4"))
    with listening(queue, api):
        await_true(lambda: remaining(queue) == (0, 0))
    [dead_letter] = dead_letters(queue)
    assert dead_letter["Body"] == "hello"
    assert dead_letter["MessageAttributes"]["reason"]["StringValue"] == "it is not JSON"
    [alert] = fake.alerts
    assert (alert["body"], alert["reason"], alert["kept"]) == ("hello", "it is not JSON", queue.dead_letters)
    assert fake.uris == [URI("a")]


def test_rejected_event_moves_to_dead_letters_without_the_others(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    fake.answer = lambda events: 422 if any(event["payload"].get("key") == "ana/1.mp4" for event in events) else 204
    send(queue, *(s3_message(f"ana/{n}.mp4") for n in range(4)))
    with listening(queue, api):
        await_true(lambda: remaining(queue) == (0, 0))
    assert sorted(set(fake.uris)) == [URI(0), URI(2), URI(3)]
    [dead_letter] = dead_letters(queue)
    assert "422" in dead_letter["MessageAttributes"]["reason"]["StringValue"]
    assert len(fake.alerts) == 1


def test_invalid_message_without_dead_letter_queue_stays_and_alerts_once(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    queue_only = dataclasses.replace(queue, dead_letters=None, visibility_seconds=1)
    send(queue, "hello", s3_message("ana/a.mp4"))
    with listening(queue_only, api) as listener:
        await_true(lambda: "messages_poison_total 2.0" in listener.metrics.text().decode())
    assert len(fake.alerts) == 1
    assert fake.uris == [URI("a")]
    assert sum(remaining(queue)) == 1


def test_missing_dead_letter_queue_does_not_block_other_messages(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    send(queue, "hello", s3_message("ana/a.mp4"))
    with listening(dataclasses.replace(queue, dead_letters=f"{queue.dead_letters}-gone"), api):
        await_true(lambda: fake.uris == [URI("a")])
        await_true(lambda: sum(remaining(queue)) == 1)
    assert "redrive" in fake.alerts[0]["kept"]


class Faulty:
    """A client whose ``method`` fails the first ``times`` times."""

    def __init__(self, client: Any, method: str, times: int) -> None:
        self.client, self.method, self.failures_left = client, method, times
        self.at: list[float] = []

    def __getattr__(self, name: str) -> Any:
        if name != self.method or not self.failures_left:
            return getattr(self.client, name)
        self.failures_left -= 1
        self.at.append(time.monotonic())
        raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "try later"}}, name)


@pytest.mark.parametrize("method", ["receive_message", "delete_message_batch"])
def test_unavailable_queue_is_retried_with_backoff(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening, method: str
) -> None:
    client = Faulty(queue.client, method, 3)
    send(queue, s3_message("ana/a.mp4"))
    with listening(dataclasses.replace(queue, client=client, visibility_seconds=1), api):
        await_true(lambda: remaining(queue) == (0, 0))
    assert set(fake.uris) == {URI("a")}
    assert all(after - before > 0.02 for before, after in zip(client.at, client.at[1:], strict=False))


def test_stop_returns_messages_that_the_server_has_not_accepted(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    fake.answer = lambda events: 503
    send(queue, s3_message("ana/a.mp4"))
    start = time.monotonic()
    with listening(queue, api, backoff=Backoff(60, 60)) as listener:
        await_true(lambda: fake.requests)
        listener.stop.set()
        await_true(lambda: remaining(queue) == (1, 0))
    assert time.monotonic() - start < 10


def test_stop_finishes_messages_that_the_server_accepts(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    fake.delay = 0.5
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api) as listener:
        await_true(lambda: fake.requests)
        listener.stop.set()
    assert (remaining(queue), fake.uris) == ((0, 0), [URI("a")])


@pytest.mark.parametrize("attempts", [1, 2, 7, 8, 10_000])
def test_backoff_grows_up_to_the_longest_wait_with_jitter(attempts: int) -> None:
    longest = min(60.0, 0.5 * 2 ** min(attempts - 1, 32))
    waits = [Backoff().wait(attempts) for _ in range(200)]
    assert longest / 2 <= min(waits) < max(waits) <= longest


@pytest.mark.parametrize(
    ("auth", "key", "header"),
    [(None, None, None), ("me:pa:ss", None, "Basic bWU6cGE6c3M="), (None, "pnu_1", "Bearer pnu_1"),
     ("me:pa:ss", "pnu_1", "Basic bWU6cGE6c3M=")],
)  # fmt: skip
def test_requests_are_authenticated_as_in_prefect(
    fake: FakePrefect, api: str, auth: str | None, key: str | None, header: str | None
) -> None:
    with PrefectApi(f"{api}/", auth, key) as client:
        client.post([])
    assert fake.requests == [{"path": "/api/events", "authorization": header}]


def test_error_contains_the_servers_response(fake: FakePrefect, api: str) -> None:
    with PrefectApi(api) as client:
        fake.answer = lambda events: 401
        with pytest.raises(Unavailable, match=r"/api/events: 401 Unauthorized$"):
            client.post([])
        fake.answer = lambda events: 413
        with pytest.raises(RejectedByServer, match="413"):
            client.post([])


def test_dead_letter_queue_is_read_from_the_redrive_policy(
    queue: Queue, sqs: Any, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    assert Queue.open(queue.url, None, 1, 30).dead_letters is None
    arn = sqs.get_queue_attributes(QueueUrl=queue.dead_letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": policy})
    assert Queue.open(queue.url, None, 1, 30).dead_letters == queue.dead_letters


def test_region_is_read_from_the_queue_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    queue = Queue.open("https://sqs.eu-west-1.amazonaws.com/123456789012/uploads", "https://dead", 1, 30)
    assert queue.client.meta.region_name == "eu-west-1"


def test_two_listeners_share_a_queue(queue: Queue, fake: FakePrefect, api: str, listening: Listening) -> None:
    send(queue, *(s3_message(f"ana/{n}.mp4") for n in range(40)))
    with listening(queue, api), listening(queue, api):
        await_true(lambda: remaining(queue) == (0, 0))
    assert set(fake.uris) == {URI(n) for n in range(40)}
