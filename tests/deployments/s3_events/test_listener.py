"""Nothing is lost, whoever is away; nothing is tried too often; what nobody can use is out of the way."""

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
from deployments.s3_events.prefect_api import Away, PrefectApi, Refused
from deployments.s3_events.sqs import Queue
from tests.deployments.s3_events.conftest import Listening
from tests.deployments.s3_events.fake import FakePrefect, await_true, s3_message

URI = "s3://videos/ana/{}.mp4".format


def send(queue: Queue, *bodies: str) -> None:
    for first in range(0, len(bodies), 10):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[first : first + 10])]
        queue.client.send_message_batch(QueueUrl=queue.url, Entries=entries)


def left(queue: Queue) -> tuple[int, int]:
    """Messages that can be received, and those that somebody has."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = queue.client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


def dead_letters(queue: Queue) -> list[dict[str, Any]]:
    found = queue.client.receive_message(
        QueueUrl=queue.dead_letters, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    return list(found.get("Messages", ()))


def test_every_object_is_told_of_and_every_message_deleted(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    send(queue, *(s3_message(f"ana/{n}.mp4", etag=str(n)) for n in range(25)), s3_message("ana/notes.txt"))
    with listening(queue, api) as listener:
        await_true(lambda: left(queue) == (0, 0))
    assert sorted(fake.uris) == sorted(URI(n) for n in range(25))
    assert {request["path"] for request in fake.requests} == {"/api/events"}
    assert len(fake.requests) < 10  # several messages at a time
    metrics = listener.metrics.text().decode()
    assert "sightline_s3_events_messages_deleted_total 26.0" in metrics
    assert 'sightline_s3_events_objects_posted_total{kind="video"} 25.0' in metrics
    assert "sightline_s3_events_objects_ignored_total 1.0" in metrics


def test_a_message_is_deleted_only_after_the_server_took_it(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    seen = []

    def look(events: list[dict[str, Any]]) -> int:
        seen.append(left(queue))
        return 204

    fake.answer = look
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api):
        await_true(lambda: left(queue) == (0, 0))
    assert seen == [(0, 1)]


@pytest.mark.parametrize("status", [500, 503, 429, 401, 403, 404, 302])
def test_a_server_in_trouble_gets_the_same_events_later(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening, status: int
) -> None:
    answers = iter([status, status, 204])
    fake.answer = lambda events: next(answers)
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api):
        await_true(lambda: left(queue) == (0, 0))
    assert fake.uris == [URI("a")]
    assert len(fake.requests) == 3


def test_a_server_that_is_down_is_waited_for_without_haste_and_nothing_more_is_taken(
    queue: Queue, fake: FakePrefect, listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    send(queue, *(s3_message(f"ana/{n}.mp4") for n in range(15)))
    with caplog.at_level(logging.WARNING), listening(queue, f"http://127.0.0.1:{port}/api") as listener:
        time.sleep(1)
        assert left(queue) == (5, 10)
        # 0.05, 0.1, then 0.2 s, of which at least half is waited for.
        assert 4 <= len(caplog.records) <= 13
        assert 'sightline_s3_events_up{service="prefect"} 0.0' in listener.metrics.text().decode()
        with fake.serve(port):
            await_true(lambda: left(queue) == (0, 0))
    assert sorted(set(fake.uris)) == sorted(URI(n) for n in range(15))


def test_messages_are_kept_from_other_listeners_as_long_as_the_server_is_away(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    fake.answer = lambda events: 503 if len(fake.requests) < 14 else 204
    brief = dataclasses.replace(queue, visibility_seconds=1)
    send(queue, s3_message("ana/a.mp4"))
    with listening(brief, api):
        await_true(lambda: fake.taken)
        await_true(lambda: left(queue) == (0, 0))
    assert fake.uris == [URI("a")]
    assert len(fake.requests) >= 14


def test_a_server_that_is_slow_to_answer_is_told_again_of_the_same_event(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    """It may have taken the first; by its id it knows the second."""
    fake.delay = 0.6
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api, timeout=0.3):
        await_true(lambda: len(fake.taken) >= 1)
        fake.delay = 0
        await_true(lambda: left(queue) == (0, 0))
    assert len(fake.taken) >= 2
    assert len({event["id"] for event in fake.taken}) == 1


def test_a_message_that_tells_of_nothing_is_buried_with_the_reason_and_told_of(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    send(queue, "hello", s3_message("ana/a.mp4"))
    with listening(queue, api):
        await_true(lambda: left(queue) == (0, 0))
    [dead] = dead_letters(queue)
    assert dead["Body"] == "hello"
    assert dead["MessageAttributes"]["reason"]["StringValue"] == "it is not JSON"
    [alert] = fake.alerts
    assert (alert["body"], alert["reason"], alert["kept"]) == ("hello", "it is not JSON", queue.dead_letters)
    assert fake.uris == [URI("a")]


def test_an_event_that_the_server_refuses_is_buried_and_the_others_are_not(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    fake.answer = lambda events: 422 if any(event["payload"].get("key") == "ana/1.mp4" for event in events) else 204
    send(queue, *(s3_message(f"ana/{n}.mp4") for n in range(4)))
    with listening(queue, api):
        await_true(lambda: left(queue) == (0, 0))
    assert sorted(set(fake.uris)) == [URI(0), URI(2), URI(3)]
    [dead] = dead_letters(queue)
    assert "422" in dead["MessageAttributes"]["reason"]["StringValue"]
    assert len(fake.alerts) == 1


def test_without_a_dead_letter_queue_poison_stays_for_the_redrive_policy_and_is_told_of_once(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    bare = dataclasses.replace(queue, dead_letters=None, visibility_seconds=1)
    send(queue, "hello", s3_message("ana/a.mp4"))
    with listening(bare, api) as listener:
        await_true(lambda: "messages_poison_total 2.0" in listener.metrics.text().decode())
    assert len(fake.alerts) == 1
    assert fake.uris == [URI("a")]
    assert sum(left(queue)) == 1


def test_a_dead_letter_queue_that_is_gone_keeps_nothing_from_the_server(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    send(queue, "hello", s3_message("ana/a.mp4"))
    with listening(dataclasses.replace(queue, dead_letters=f"{queue.dead_letters}-gone"), api):
        await_true(lambda: fake.uris == [URI("a")])
        await_true(lambda: sum(left(queue)) == 1)
    assert "redrive" in fake.alerts[0]["kept"]


class Faulty:
    """A client whose requests by this name fail the first times."""

    def __init__(self, client: Any, method: str, times: int) -> None:
        self.client, self.method, self.left = client, method, times
        self.at: list[float] = []

    def __getattr__(self, name: str) -> Any:
        if name != self.method or not self.left:
            return getattr(self.client, name)
        self.left -= 1
        self.at.append(time.monotonic())
        raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "try later"}}, name)


@pytest.mark.parametrize("method", ["receive_message", "delete_message_batch"])
def test_a_queue_that_is_away_is_asked_again_with_pauses(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening, method: str
) -> None:
    client = Faulty(queue.client, method, 3)
    send(queue, s3_message("ana/a.mp4"))
    with listening(dataclasses.replace(queue, client=client, visibility_seconds=1), api):
        await_true(lambda: left(queue) == (0, 0))
    assert set(fake.uris) == {URI("a")}
    assert all(after - before > 0.02 for before, after in zip(client.at, client.at[1:], strict=False))


def test_a_stop_gives_back_what_the_server_has_not_taken(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    fake.answer = lambda events: 503
    send(queue, s3_message("ana/a.mp4"))
    start = time.monotonic()
    with listening(queue, api, backoff=Backoff(60, 60)) as listener:
        await_true(lambda: fake.requests)
        listener.stop.set()
        await_true(lambda: left(queue) == (1, 0))
    assert time.monotonic() - start < 10


def test_a_stop_finishes_what_the_server_takes(queue: Queue, fake: FakePrefect, api: str, listening: Listening) -> None:
    fake.delay = 0.5
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api) as listener:
        await_true(lambda: fake.requests)
        listener.stop.set()
    assert (left(queue), fake.uris) == ((0, 0), [URI("a")])


@pytest.mark.parametrize("tries", [1, 2, 7, 8, 10_000])
def test_waits_grow_up_to_the_longest_and_differ(tries: int) -> None:
    whole = min(60.0, 0.5 * 2 ** min(tries - 1, 32))
    waits = [Backoff().wait(tries) for _ in range(200)]
    assert whole / 2 <= min(waits) < max(waits) <= whole


@pytest.mark.parametrize(
    ("auth", "key", "header"),
    [(None, None, None), ("me:pa:ss", None, "Basic bWU6cGE6c3M="), (None, "pnu_1", "Bearer pnu_1"),
     ("me:pa:ss", "pnu_1", "Basic bWU6cGE6c3M=")],
)  # fmt: skip
def test_the_server_is_told_who_asks_as_prefect_does(
    fake: FakePrefect, api: str, auth: str | None, key: str | None, header: str | None
) -> None:
    with PrefectApi(f"{api}/", auth, key) as client:
        client.post([])
    assert fake.requests == [{"path": "/api/events", "authorization": header}]


def test_an_answer_is_told_in_the_error(fake: FakePrefect, api: str) -> None:
    with PrefectApi(api) as client:
        fake.answer = lambda events: 401
        with pytest.raises(Away, match=r"/api/events: 401 Unauthorized$"):
            client.post([])
        fake.answer = lambda events: 413
        with pytest.raises(Refused, match="413"):
            client.post([])


def test_the_dead_letter_queue_is_found_by_the_redrive_policy(
    queue: Queue, sqs: Any, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    assert Queue.open(queue.url, None, 1, 30).dead_letters is None
    arn = sqs.get_queue_attributes(QueueUrl=queue.dead_letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": policy})
    assert Queue.open(queue.url, None, 1, 30).dead_letters == queue.dead_letters


def test_the_region_is_that_of_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    queue = Queue.open("https://sqs.eu-west-1.amazonaws.com/123456789012/uploads", "https://dead", 1, 30)
    assert queue.client.meta.region_name == "eu-west-1"


def test_two_listeners_share_the_queue(queue: Queue, fake: FakePrefect, api: str, listening: Listening) -> None:
    send(queue, *(s3_message(f"ana/{n}.mp4") for n in range(40)))
    with listening(queue, api), listening(queue, api):
        await_true(lambda: left(queue) == (0, 0))
    assert set(fake.uris) == {URI(n) for n in range(40)}
