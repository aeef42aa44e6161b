"""Every record of a message gets its run or is dead-lettered; no message is lost, and retries are limited."""

from __future__ import annotations

import dataclasses
import json
import logging
import random
import socket
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployments.s3_events.listener import Backoff
from deployments.s3_events.sqs import Queue
from sightline import storage
from sightline.alerts import Alert, Outbox
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


def alerts_of(outbox: Outbox) -> list[Alert]:
    return [Alert.model_validate_json(storage.read_bytes(file)) for file in outbox.unaddressed()]


def several(*records: Any) -> str:
    """Return a message with these records."""
    return json.dumps({"Records": records})


def record(key: str, etag: str = "1") -> Any:
    return json.loads(s3_message(key, etag))["Records"][0]


def test_every_object_gets_a_run_and_an_event_and_every_message_is_deleted(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    send(queue, *(s3_message(f"ana/{n}.mp4", etag=str(n)) for n in range(25)), s3_message("ana/notes.txt"))
    with listening(dataclasses.replace(queue, wait_seconds=1), api) as listener:
        await_true(lambda: remaining(queue) == (0, 0))
    assert sorted(fake.uris) == sorted(fake.events) == sorted(URI(n) for n in range(25))
    assert fake.runs == {
        str(upload.id): {"uri": upload.uri, "object_version": upload.version, "kind": "video"}
        for upload in (listener.upload_rules.upload(URI(n), str(n)) for n in range(25))
        if upload
    }
    assert fake.count("/create_flow_run") == 25
    assert fake.count("/events") < 10  # several messages per request
    assert fake.count("/media") == 1  # the deployment's id is read once
    metrics = listener.metrics.text().decode()
    assert "sightline_s3_events_messages_deleted_total 26.0" in metrics
    assert 'sightline_s3_events_objects_posted_total{kind="video"} 25.0' in metrics
    assert "sightline_s3_events_objects_ignored_total 1.0" in metrics


def test_message_is_deleted_only_after_all_its_runs_exist_and_its_events_are_accepted(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    states: list[tuple[int, int, tuple[int, int]]] = []

    def observe(status: int) -> int:
        states.append((len(fake.runs), len(fake.events), remaining(queue)))
        return status

    fake.answer_run = lambda run: observe(201)
    fake.answer = lambda events: observe(204)
    send(queue, several(record("ana/a.mp4"), record("ana/b.mp4")))
    with listening(queue, api):
        await_true(lambda: remaining(queue) == (0, 0))
    assert states == [(0, 0, (0, 1)), (1, 0, (0, 1)), (2, 0, (0, 1))]
    assert fake.events == [URI("a"), URI("b")]


@pytest.mark.parametrize("status", [500, 503, 429, 401, 403, 404, 302])
@pytest.mark.parametrize("request_of", ["run", "event"])
def test_request_is_repeated_after_a_server_error(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening, status: int, request_of: str
) -> None:
    answers = iter([status, status])
    if request_of == "run":
        fake.answer_run = lambda run: next(answers, 201)
    else:
        fake.answer = lambda events: next(answers, 204)
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api):
        await_true(lambda: remaining(queue) == (0, 0))
    assert fake.uris == fake.events == [URI("a")]


def test_missing_deployment_is_awaited(queue: Queue, fake: FakePrefect, api: str, listening: Listening) -> None:
    """The setup may not be finished, or may replace the deployment."""
    deployment, fake.deployment = fake.deployment, None
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api):
        await_true(lambda: fake.count("/media") > 2)
        assert remaining(queue) == (0, 1)
        fake.deployment = deployment
        await_true(lambda: remaining(queue) == (0, 0))
        fake.deployment = "00000000-0000-0000-0000-000000000001"
        send(queue, s3_message("ana/b.mp4"))
        await_true(lambda: len(fake.uris) == 2)
        await_true(lambda: remaining(queue) == (0, 0))
    assert dead_letters(queue) == []


def test_server_killed_between_run_and_event_causes_no_second_run(
    queue: Queue, fake: FakePrefect, listening: Listening
) -> None:
    fake.answer = lambda events: 503
    send(queue, s3_message("ana/a.mp4"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with listening(queue, f"http://127.0.0.1:{port}/api"):
        with fake.serve(port):
            await_true(lambda: fake.runs)
            await_true(lambda: fake.count("/events"))
        time.sleep(0.3)
        assert remaining(queue) == (0, 1)
        fake.answer = lambda events: 204
        with fake.serve(port):
            await_true(lambda: remaining(queue) == (0, 0))
    assert fake.uris == fake.events == [URI("a")]


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
    fake.answer_run = lambda run: 503 if fake.count("/create_flow_run") < 14 else 201
    short_lived = dataclasses.replace(queue, visibility_seconds=1)
    send(queue, s3_message("ana/a.mp4"))
    with listening(short_lived, api):
        await_true(lambda: fake.accepted)
        await_true(lambda: remaining(queue) == (0, 0))
    assert fake.events == [URI("a")]
    assert fake.count("/create_flow_run") == 14


def test_message_with_many_records_stays_invisible_while_their_runs_are_created(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    """Its 40 runs take longer than the visibility timeout; a second listener must not receive the message."""
    fake.delay = 0.05
    short_lived = dataclasses.replace(queue, wait_seconds=1, visibility_seconds=1)
    send(queue, several(*(record(f"ana/{n}.mp4") for n in range(40))))
    with listening(short_lived, api), listening(short_lived, api):
        await_true(lambda: remaining(queue) == (0, 0))
    assert len(fake.uris) == fake.count("/create_flow_run") == 40


def test_messages_that_cannot_be_held_are_reported(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    """Their runs are created all the same; another listener receives them again and finds the runs."""
    client = Faulty(queue.client, "change_message_visibility_batch", 100)
    fake.answer_run = lambda run: 201 if fake.count("/create_flow_run") > 1 else 503
    fake.delay = 0.5
    send(queue, s3_message("ana/a.mp4"))
    with listening(dataclasses.replace(queue, client=client, visibility_seconds=1), api) as listener:
        await_true(lambda: remaining(queue) == (0, 0))
    assert fake.uris == [URI("a")]
    assert 'failures_total{service="sqs"}' in listener.metrics.text().decode()
    assert "A service is unavailable" in caplog.messages


def test_request_repeated_after_a_timeout_finds_the_run(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    """The server may have processed the first request; the key lets it find the run."""
    fake.delay = 0.6
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api, timeout=0.3):
        await_true(lambda: len(fake.runs) == 1)
        fake.delay = 0
        await_true(lambda: remaining(queue) == (0, 0))
    assert fake.count("/create_flow_run") >= 2
    assert fake.uris == fake.events == [URI("a")]


def test_upload_reported_several_times_has_one_run_and_one_event_id(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    upload = record("ana/a.mp4")
    send(queue, several(upload, upload), s3_message("ana/a.mp4", "1"), s3_message("ana/a.mp4", "2"))
    with listening(queue, api):
        await_true(lambda: remaining(queue) == (0, 0))
    assert [run["object_version"] for run in fake.runs.values()] == ["1", "2"]
    assert len({event["id"] for event in fake.accepted}) == 2


def test_invalid_message_moves_to_dead_letters_with_reason_and_alert(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening, outbox: Outbox
) -> None:
    send(queue, "hello", s3_message("ana/a.mp4"))
    with listening(queue, api):
        await_true(lambda: remaining(queue) == (0, 0))
    [dead_letter] = dead_letters(queue)
    assert dead_letter["Body"] == "hello"
    assert dead_letter["MessageAttributes"]["reason"]["StringValue"] == "it is not JSON"
    [event] = fake.alerts
    assert (event["body"], event["reason"], event["kept"]) == ("hello", "it is not JSON", queue.dead_letters)
    [alert] = alerts_of(outbox)
    assert alert.title == "An upload notification is invalid and starts no run"
    assert alert.facts["reason"] == "it is not JSON"
    assert alert.facts["record"] == "hello"
    assert alert.facts["dead-letter queue"] == queue.dead_letters
    assert fake.uris == [URI("a")]


@pytest.mark.parametrize("status", [400, 409, 413, 422, 500])
@pytest.mark.parametrize("request_of", ["run", "event"])
def test_record_that_the_server_rejects_is_dead_lettered_alone(
    queue: Queue,
    fake: FakePrefect,
    api: str,
    listening: Listening,
    outbox: Outbox,
    status: int,
    request_of: str,
) -> None:
    """A ready server that always fails with a record rejects it, too; otherwise the record would block the others."""
    if request_of == "run":
        fake.answer_run = lambda run: status if run["uri"] == URI(1) else 201
    else:
        fake.answer = lambda events: (
            status if any(event["payload"].get("key") == "ana/1.mp4" for event in events) else 204
        )
    records = [record(f"ana/{n}.mp4") for n in range(4)]
    send(queue, several(*records))
    with listening(queue, api):
        await_true(lambda: remaining(queue) == (0, 0))
    assert sorted(fake.events) == [URI(0), URI(2), URI(3)]
    assert set(fake.uris) >= {URI(0), URI(2), URI(3)}
    [dead_letter] = dead_letters(queue)
    assert json.loads(dead_letter["Body"]) == {"Records": [records[1]]}
    assert str(status) in dead_letter["MessageAttributes"]["reason"]["StringValue"]
    assert len(fake.alerts) == len(alerts_of(outbox)) == 1


def test_internal_error_of_a_server_that_is_not_ready_is_an_outage(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    """Without its database the server answers 500."""
    fake.is_ready = False
    fake.answer_run = lambda run: 201 if fake.is_ready else 500
    send(queue, s3_message("ana/a.mp4"))
    with listening(queue, api):
        await_true(lambda: fake.count("/create_flow_run") > 8)
        fake.is_ready = True
        await_true(lambda: remaining(queue) == (0, 0))
    assert fake.uris == [URI("a")]
    assert dead_letters(queue) == []


def test_invalid_record_without_dead_letter_queue_stays_and_alerts_once(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening, outbox: Outbox
) -> None:
    queue_only = dataclasses.replace(queue, dead_letters=None, wait_seconds=1, visibility_seconds=1)
    send(queue, several(record("ana/a.mp4"), {"kinesis": {}}), s3_message("ana/b.mp4"))
    with listening(queue_only, api) as listener:
        await_true(lambda: "messages_poison_total 2.0" in listener.metrics.text().decode())
    assert len(fake.alerts) == len(alerts_of(outbox)) == 1
    assert "redrive" in fake.alerts[0]["kept"]
    assert sorted(fake.uris) == [URI("a"), URI("b")]
    assert sum(remaining(queue)) == 1


def test_message_stays_until_its_alert_is_stored(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening, outbox: Outbox
) -> None:
    storage.write_bytes(outbox.root, b"a file instead of a folder")
    send(queue, several(record("ana/a.mp4"), {"kinesis": {}}), s3_message("ana/b.mp4"))
    with listening(dataclasses.replace(queue, wait_seconds=1, visibility_seconds=1), api) as listener:
        await_true(lambda: "messages_poison_total 2.0" in listener.metrics.text().decode())
        assert 'sightline_s3_events_up{service="outbox"} 0.0' in listener.metrics.text().decode()
        assert sum(remaining(queue)) == 1
        assert sorted(fake.uris) == [URI("a"), URI("b")]
        storage.remove(outbox.root)
        await_true(lambda: remaining(queue) == (0, 0))
    assert len(alerts_of(outbox)) == len(dead_letters(queue)) == 1


class TestMixedRecords:
    """Messages with records of every kind, in every place and form."""

    KINDS = ("valid", "other", "removed", "malformed", "no etag", "rejected", "failing")

    def build(self, kind: str, number: int) -> Any:
        key = f"{kind}/{number}.mp4"
        if kind == "malformed":
            return {"kinesis": {"number": number}}
        item = record("notes.txt" if kind == "other" else key, str(number))
        if kind == "removed":
            item["eventName"] = "ObjectRemoved:Delete"
        if kind == "no etag":
            del item["s3"]["object"]["eTag"]
        return item

    @pytest.mark.parametrize("has_dead_letters", [True, False])
    @pytest.mark.parametrize("seed", range(4))
    def test_each_record_succeeds_or_fails_alone(
        self,
        queue: Queue,
        fake: FakePrefect,
        api: str,
        listening: Listening,
        outbox: Outbox,
        seed: int,
        has_dead_letters: bool,
    ) -> None:
        choose = random.Random(seed)
        fake.answer_run = lambda run: 409 if "/rejected/" in run["uri"] else 500 if "/failing/" in run["uri"] else 201
        messages, valid, invalid, kept = [], set(), [], 0
        for message in range(8):
            kinds = [choose.choice(self.KINDS) for _ in range(choose.randrange(5))] + ["valid"]
            choose.shuffle(kinds)
            items = [self.build(kind, 10 * message + number) for number, kind in enumerate(kinds)]
            body = several(*items)
            messages.append(json.dumps({"Type": "Notification", "Message": body}) if choose.random() < 0.3 else body)
            valid |= {f"s3://videos/valid/{10 * message + n}.mp4" for n, kind in enumerate(kinds) if kind == "valid"}
            bad = [
                item
                for item, kind in zip(items, kinds, strict=True)
                if kind in ("malformed", "no etag", "rejected", "failing")
            ]
            invalid += bad
            kept += bool(bad)
        target = queue if has_dead_letters else dataclasses.replace(queue, dead_letters=None)
        send(queue, *messages)
        with listening(target, api, backoff=Backoff(0.001, 0.001)):
            await_true(lambda: len(fake.alerts) == len(invalid))
            await_true(lambda: sum(remaining(queue)) == (0 if has_dead_letters else kept))
        assert set(fake.uris) == set(fake.events) == valid
        assert len(alerts_of(outbox)) == len(fake.alerts) == len(invalid)
        if has_dead_letters:
            bodies = []
            while letters := dead_letters(queue):
                bodies += [json.loads(letter["Body"]) for letter in letters]
            unwrapped = [json.loads(body["Message"]) if "Message" in body else body for body in bodies]
            in_order = sorted(invalid, key=json.dumps)
            assert sorted((body["Records"][0] for body in unwrapped), key=json.dumps) == in_order
            assert all(len(body["Records"]) == 1 for body in unwrapped)


def test_missing_dead_letter_queue_does_not_block_other_messages(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    send(queue, "hello", s3_message("ana/a.mp4"))
    with listening(dataclasses.replace(queue, dead_letters=f"{queue.dead_letters}-gone"), api):
        await_true(lambda: fake.uris == [URI("a")])
        await_true(lambda: sum(remaining(queue)) == 1)
        await_true(lambda: fake.alerts)
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
    with listening(dataclasses.replace(queue, client=client, wait_seconds=1, visibility_seconds=1), api):
        await_true(lambda: remaining(queue) == (0, 0))
    assert set(fake.uris) == {URI("a")}
    assert all(after - before > 0.02 for before, after in zip(client.at, client.at[1:], strict=False))


def test_stop_returns_messages_that_the_server_has_not_accepted(
    queue: Queue, fake: FakePrefect, api: str, listening: Listening
) -> None:
    fake.answer_run = lambda run: 503
    send(queue, s3_message("ana/a.mp4"))
    start = time.monotonic()
    with listening(queue, api, backoff=Backoff(60, 60)) as listener:
        await_true(lambda: fake.count("/create_flow_run"))
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
