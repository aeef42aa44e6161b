"""The local S3 and SQS keep everything that they acknowledged when they are killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5, sha256
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from sightline.s3 import reject_incomplete_responses
from tests.api.serving import await_true
from tests.deployments.local_aws_process import serve

MIB = 1 << 20
PART_SIZE = 5 * MIB  # S3's minimum
pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Every server is a process that is forked from one with the imports, which take longer than most tests.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([serve.__module__])


@dataclass
class LocalAws:
    """The server in a process of its own."""

    folder: Path
    port: int
    process: BaseProcess

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str) -> Any:
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
        client = boto3.client(
            service, endpoint_url=self.url, region_name="us-east-1", config=config,
            aws_access_key_id="local", aws_secret_access_key="local",
        )  # fmt: skip
        reject_incomplete_responses(client)
        return client

    def queue(self, name: str = "uploads") -> str:
        return f"{self.url}/123456789012/{name}"

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def runs(self, seconds: float) -> bool:
        """Return whether the server still runs after so many seconds."""
        self.process.join(seconds)
        return self.process.is_alive()

    def memory(self) -> int:
        """The memory of the process in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) // 1024


def launch(folder: Path, file_limit: int | None = None) -> LocalAws:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = FORKS.Process(target=serve, args=(folder, port, file_limit), daemon=True)
    process.start()
    return LocalAws(folder, port, process)


@contextmanager
def running(folder: Path, file_limit: int | None = None) -> Iterator[LocalAws]:
    """Run the server until the end of the block, and then kill it."""
    local = launch(folder, file_limit)
    try:
        await_true(lambda: accepts(local), 60)
        yield local
    finally:
        local.kill()


def accepts(local: LocalAws) -> bool:
    assert local.process.is_alive(), (local.folder.parent / "log.txt").read_text()[-3000:]
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", local.port)).close()
        return True
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "aws"


def receive(local: LocalAws, queue: str = "uploads", **options: Any) -> list[dict[str, Any]]:
    response = local.client("sqs").receive_message(QueueUrl=local.queue(queue), MaxNumberOfMessages=10, **options)
    return list(response.get("Messages", ()))


def test_objects_keep_their_attributes(folder: Path) -> None:
    with running(folder) as local:
        s3 = local.client("s3")
        attributes = {"ContentType": "video/mp4", "Metadata": {"ward": "B 2"}, "CacheControl": "no-store"}
        s3.put_object(Bucket="videos", Key="ana/visit 1 ü.mp4", Body=b"video", ChecksumAlgorithm="SHA256", **attributes)
        s3.put_object(Bucket="results", Key="empty", Body=b"")
        s3.copy_object(Bucket="results", Key="copy", CopySource={"Bucket": "videos", "Key": "ana/visit 1 ü.mp4"})
        s3.create_bucket(Bucket="another")
        s3.put_object(Bucket="another", Key="a", Body=b"a")
        before = described(s3)
    with running(folder) as local:
        s3 = local.client("s3")
        assert described(s3) == before
        assert before["videos", "ana/visit 1 ü.mp4"]["ContentType"] == "video/mp4"
        assert s3.get_object(Bucket="results", Key="copy")["Body"].read() == b"video"
        s3.delete_object(Bucket="another", Key="a")
        s3.delete_bucket(Bucket="another")
        s3.delete_object(Bucket="results", Key="copy")
    with running(folder) as local:
        assert set(before) - set(described(local.client("s3"))) == {("another", "a"), ("results", "copy")}


def described(s3: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the attributes of every object."""
    found = {}
    for bucket in s3.list_buckets()["Buckets"]:
        for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ()):
            head = s3.head_object(Bucket=bucket["Name"], Key=item["Key"], ChecksumMode="ENABLED")
            del head["ResponseMetadata"]
            found[bucket["Name"], item["Key"]] = head
    return found


def test_multipart_upload_continues_and_is_completed_twice(folder: Path) -> None:
    parts = [os.urandom(PART_SIZE), os.urandom(PART_SIZE), b"the end"]
    with running(folder) as local:
        s3 = local.client("s3")
        upload = s3.create_multipart_upload(Bucket="videos", Key="long.mp4", ContentType="video/mp4")["UploadId"]
        aborted = s3.create_multipart_upload(Bucket="videos", Key="no.mp4")["UploadId"]
        s3.upload_part(Bucket="videos", Key="no.mp4", UploadId=aborted, PartNumber=1, Body=b"x")
        s3.abort_multipart_upload(Bucket="videos", Key="no.mp4", UploadId=aborted)
        target = {"Bucket": "videos", "Key": "long.mp4", "UploadId": upload}
        for number in (2, 1):
            s3.upload_part(**target, PartNumber=number, Body=parts[number - 1])
    with running(folder) as local:
        s3 = local.client("s3")
        assert [each["UploadId"] for each in s3.list_multipart_uploads(Bucket="videos")["Uploads"]] == [upload]
        s3.upload_part(**target, PartNumber=3, Body=parts[2])
        listed = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in s3.list_parts(**target)["Parts"]]
        etag = s3.complete_multipart_upload(**target, MultipartUpload={"Parts": listed})["ETag"]
    digests = b"".join(md5(part, usedforsecurity=False).digest() for part in parts)
    assert etag == f'"{md5(digests, usedforsecurity=False).hexdigest()}-3"'
    with running(folder) as local:
        s3 = local.client("s3")
        # The response may have been lost with the server.
        assert s3.complete_multipart_upload(**target, MultipartUpload={"Parts": listed})["ETag"] == etag
        response = s3.get_object(Bucket="videos", Key="long.mp4")
        assert (response["ETag"], response["ContentType"]) == (etag, "video/mp4")
        assert response["Body"].read() == b"".join(parts)
        assert "Uploads" not in s3.list_multipart_uploads(Bucket="videos")
    assert not [*folder.glob("buckets/*/uploads/*")]


def test_messages_remain_with_their_receipts_until_they_are_deleted(folder: Path) -> None:
    with running(folder) as local:
        s3, sqs = local.client("s3"), local.client("sqs")
        s3.put_object(Bucket="videos", Key="a.mp4", Body=b"a")
        kept = {
            "reason": {"DataType": "String", "StringValue": "ü"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\xff"},
        }
        sqs.send_message(QueueUrl=local.queue(), MessageBody="two", MessageAttributes=kept)
    with running(folder) as local:
        first, second = receive(local, VisibilityTimeout=2, MessageAttributeNames=["All"])
        assert [record["s3"]["object"]["key"] for record in json.loads(first["Body"])["Records"]] == ["a.mp4"]
        assert (second["Body"], second["MessageAttributes"]) == ("two", kept)
    with running(folder) as local:
        sqs = local.client("sqs")
        for _ in range(2):  # the response to the first may have been lost
            sqs.delete_message(QueueUrl=local.queue(), ReceiptHandle=first["ReceiptHandle"])
        [again] = receive(local, WaitTimeSeconds=5, VisibilityTimeout=0, AttributeNames=["All"])
        assert (again["MessageId"], again["Attributes"]["ApproximateReceiveCount"]) == (second["MessageId"], "2")
    with running(folder) as local:
        for count in ("3", "4", "5"):
            [again] = receive(local, VisibilityTimeout=0, AttributeNames=["All"])
            assert again["Attributes"]["ApproximateReceiveCount"] == count
        assert receive(local) == []
    with running(folder) as local:
        assert receive(local) == []
        assert [message["Body"] for message in receive(local, "uploads-dead-letters")] == ["two"]
        local.client("sqs").purge_queue(QueueUrl=local.queue("uploads-dead-letters"))
    with running(folder) as local:
        assert receive(local, "uploads-dead-letters") == []


def test_waiting_for_a_message_does_not_delay_other_requests(folder: Path) -> None:
    with running(folder) as local:
        received: list[Any] = []
        waiting = threading.Thread(target=lambda: received.extend(receive(local, WaitTimeSeconds=20)))
        waiting.start()
        time.sleep(0.5)
        start = time.monotonic()
        local.client("s3").put_object(Bucket="videos", Key="a.mp4", Body=b"a")
        waiting.join(20)
        assert time.monotonic() - start < 5
        assert len(received) == 1


def test_two_clients_cannot_create_the_same_object(folder: Path) -> None:
    with running(folder) as local:
        created: list[int] = []

        def create(number: int) -> None:
            with suppress(ClientError):
                client.put_object(Bucket="models", Key="claim", Body=str(number).encode(), IfNoneMatch="*")
                created.append(number)

        client = local.client("s3")
        threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with running(folder) as local:
        s3 = local.client("s3")
        assert [s3.get_object(Bucket="models", Key="claim")["Body"].read()] == [str(each).encode() for each in created]
        with pytest.raises(ClientError, match="PreconditionFailed"):
            s3.put_object(Bucket="models", Key="claim", Body=b"late", IfNoneMatch="*")


def first_format(folder: Path, count: int) -> dict[str, tuple[str, datetime, str]]:
    """Write a folder as the first version did, and return ETag, time and type by key."""
    folder.mkdir()
    index, expected = {}, {}
    for number in range(count):
        bucket, key, body = "results", f"run/{number:05}", b"%d" % number
        etag, modified = md5(body, usedforsecurity=False).hexdigest(), f"2026-10-0{1 + number % 9}T01:02:03.456789"
        kind = ["image/png", "application/json"][number % 2]
        name = sha256(json.dumps([bucket, key, etag, modified]).encode()).hexdigest()
        (folder / name).write_bytes(body)
        index[name] = [bucket, key, etag, modified, kind]
        expected[key] = (f'"{etag}"', datetime.fromisoformat(modified).replace(microsecond=0, tzinfo=UTC), kind)
    (folder / "index.json").write_text(json.dumps(index))
    (folder / ("0" * 64)).write_bytes(b"replaced before the index was written")
    return expected


def test_folder_of_the_first_format_is_converted_even_if_interrupted(folder: Path) -> None:
    expected = first_format(folder, 2000)
    start = time.monotonic()
    interrupted = 0
    for delay in (0.05, 0.2, 0.4):
        local = launch(folder)
        await_true(lambda: any(folder.glob("buckets/results/objects/*")), 60)
        time.sleep(delay)
        local.kill()
        interrupted += (folder / "index.json").exists()
    assert interrupted, "no conversion was interrupted"
    with running(folder) as local:
        print(f"converted within {time.monotonic() - start:.1f} s")
        s3 = local.client("s3")
        listed = {item["Key"]: item for item in s3.list_objects_v2(Bucket="results")["Contents"]}
        assert {key: item["ETag"] for key, item in listed.items()} == {key: each[0] for key, each in expected.items()}
        for number in range(0, 2000, 97):
            response = s3.get_object(Bucket="results", Key=f"run/{number:05}")
            attributes = (response["ETag"], response["LastModified"], response["ContentType"])
            assert attributes == expected[f"run/{number:05}"]
            assert response["Body"].read() == b"%d" % number
        assert receive(local) == []  # restored objects are not uploads
    assert {path.name for path in folder.iterdir()} == {"buckets", "queues", "temporary"}
    start = time.monotonic()
    with running(folder) as local:
        assert time.monotonic() - start < 20  # 2 to 4 s on an idle machine, most of it imports
        assert len(local.client("s3").list_objects_v2(Bucket="results")["Contents"]) == 2000


def test_bodies_do_not_stay_in_memory(folder: Path) -> None:
    with running(folder) as local:
        s3 = local.client("s3")
        s3.put_object(Bucket="results", Key="first", Body=os.urandom(8 * MIB))
        before = local.memory()
        for number in range(60):
            s3.put_object(Bucket="results", Key=str(number), Body=os.urandom(8 * MIB))
        assert local.memory() - before < 240  # half of the bodies
    with running(folder) as local:
        assert local.memory() < before


def test_change_that_cannot_be_stored_is_an_error_and_not_visible(folder: Path) -> None:
    with running(folder, file_limit=2 * MIB) as local:
        s3 = local.client("s3")
        s3.put_object(Bucket="results", Key="a", Body=b"old", ContentType="text/plain")
        for key in ("a", "new"):
            with pytest.raises(ClientError, match="SlowDown"):
                s3.put_object(Bucket="results", Key=key, Body=bytes(3 * MIB))
        response = s3.get_object(Bucket="results", Key="a")
        assert (response["Body"].read(), response["ContentType"]) == (b"old", "text/plain")
        s3.put_object(Bucket="results", Key="new", Body=b"new", IfNoneMatch="*")
        assert not [*folder.rglob("*.part")]
    with running(folder) as local:
        s3 = local.client("s3")
        assert {key: s3.get_object(Bucket="results", Key=key)["Body"].read() for key in ("a", "new")} == {
            "a": b"old",
            "new": b"new",
        }


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/results/a", {"Origin": "https://example.org"}),
        ("GET", "/results/a", {"Origin": "null"}),
        ("GET", "/results/a", {"Sec-Fetch-Site": "cross-site"}),
        ("GET", "/results/a", {"Host": "attacker.example.org:5000"}),
        ("POST", "/?Action=PurgeQueue&QueueUrl=uploads", {"Origin": "http://127.0.0.1:4200"}),
        ("OPTIONS", "/results/a", {"Origin": "https://example.org", "Access-Control-Request-Method": "PUT"}),
        ("POST", "/moto-api/reset", {}),
    ],
)
def test_requests_of_web_pages_are_rejected(method: str, path: str, headers: dict[str, str], shared: LocalAws) -> None:
    response = httpx.request(method, shared.url + path, headers=headers, trust_env=False)
    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]
    assert "AccessDenied" in response.text


@pytest.mark.parametrize("host", ["aws:5000", "localhost", "127.0.0.1:5000", "[::1]:5000", "host.docker.internal"])
def test_local_hosts_are_accepted(host: str, shared: LocalAws) -> None:
    address = shared.client("s3").generate_presigned_url("get_object", Params={"Bucket": "results", "Key": "a"})
    response = httpx.get(address, headers={"Host": host}, trust_env=False)
    assert (response.status_code, response.text) == (200, "a")
    assert "access-control-allow-origin" not in response.headers


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with running(tmp_path_factory.mktemp("shared") / "aws") as local:
        local.client("s3").put_object(Bucket="results", Key="a", Body=b"a")
        yield local


@dataclass
class Expected:
    """What the clients know: of each object the possible bodies, None for no object; of messages their bodies."""

    objects: dict[str, set[bytes | None]] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    claims: dict[str, set[bytes | None]] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    perhaps_sent: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    perhaps_deleted: set[str] = field(default_factory=set)
    acknowledged: int = 0


class Client(threading.Thread):
    """A client that sends random requests until the server is gone. Only it uses the keys with its name."""

    def __init__(self, local: LocalAws, name: str, seed: str, expected: Expected, lock: threading.Lock) -> None:
        super().__init__(name=name)
        self.local, self.s3, self.sqs, self.queue = local, local.client("s3"), local.client("sqs"), local.queue()
        self.random, self.expected, self.lock = random.Random(seed), expected, lock
        self.problem: BaseException | None = None

    def run(self) -> None:
        actions: list[Callable[[], None]] = [
            self.put, self.put, self.put, self.delete, self.delete_several, self.upload, self.copy, self.claim,
            self.send, self.send, self.receive,
        ]  # fmt: skip
        try:
            while True:
                self.random.choice(actions)()
                self.expected.acknowledged += 1
        except (EndpointConnectionError, HTTPClientError):  # no connection, or closed without a response
            return
        except ClientError as problem:
            # The server was killed between the head and the body of a response.
            if problem.response["ResponseMetadata"]["HTTPStatusCode"] != 500 or self.local.runs(5):
                self.problem = problem
        except BaseException as problem:
            self.problem = problem

    def key(self) -> str:
        return f"{self.name}/{self.random.randrange(12)}"

    def body(self) -> bytes:
        return self.random.randbytes(self.random.choice([0, 100, 100, 5_000, 300_000]))

    def change(self, changes: dict[str, bytes | None], send: Callable[[], Any]) -> Any:
        """Send a request that changes objects: until it is acknowledged, both states are possible."""
        before = {key: self.expected.objects.get(key, {None}) for key in changes}
        for key, body in changes.items():
            self.expected.objects[key] = before[key] | {body}
            self.expected.etags.pop(key, None)
        response = send()
        for key, body in changes.items():
            self.expected.objects[key] = {body}
        return response

    def put(self) -> None:
        key, body = self.key(), self.body()
        response = self.change({key: body}, lambda: self.s3.put_object(Bucket="videos", Key=key, Body=body))
        self.expected.etags[key] = response["ETag"]

    def delete(self) -> None:
        key = self.key()
        self.change({key: None}, lambda: self.s3.delete_object(Bucket="videos", Key=key))

    def delete_several(self) -> None:
        keys = {self.key() for _ in range(3)}
        listed = {"Objects": [{"Key": key} for key in sorted(keys)]}
        self.change(dict.fromkeys(keys), lambda: self.s3.delete_objects(Bucket="videos", Delete=listed))

    def upload(self) -> None:
        key, parts = self.key(), [self.random.randbytes(PART_SIZE), b"end"]
        target = {"Bucket": "videos", "Key": key}
        target["UploadId"] = self.s3.create_multipart_upload(**target)["UploadId"]
        listed = [
            {"PartNumber": number, "ETag": self.s3.upload_part(**target, PartNumber=number, Body=part)["ETag"]}
            for number, part in enumerate(parts, 1)
        ]
        response = self.change(
            {key: b"".join(parts)},
            lambda: self.s3.complete_multipart_upload(**target, MultipartUpload={"Parts": listed}),
        )
        self.expected.etags[key] = response["ETag"]

    def copy(self) -> None:
        source, target = self.key(), self.key()
        [body] = self.expected.objects.get(source, {None})
        if body is not None and source != target:
            origin = {"Bucket": "videos", "Key": source}
            self.change({target: body}, lambda: self.s3.copy_object(Bucket="videos", Key=target, CopySource=origin))

    def claim(self) -> None:
        """Create an object that the other clients also try to create."""
        key, body = f"claim/{self.random.randrange(200)}", f"{self.name} {time.monotonic_ns()}".encode()
        with self.lock:
            self.expected.claims.setdefault(key, {None}).add(body)
        try:
            self.s3.put_object(Bucket="models", Key=key, Body=body, IfNoneMatch="*")
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            with self.lock:
                self.expected.claims[key] -= {body}
            return
        with self.lock:
            self.expected.claims[key] = {body}

    def send(self) -> None:
        body = f"{self.name} {time.monotonic_ns()}"
        self.expected.perhaps_sent.add(body)
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)
        self.expected.sent.add(body)

    def receive(self) -> None:
        response = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=3, VisibilityTimeout=1)
        for message in response.get("Messages", ())[:-1]:
            self.expected.perhaps_deleted.add(message["Body"])
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            self.expected.deleted.add(message["Body"])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.soak)])
def test_every_acknowledged_change_survives_kills_at_random_moments(rounds: int, folder: Path) -> None:
    expected, lock, chance = Expected(), threading.Lock(), random.Random(rounds)
    for number in range(rounds):
        with running(folder) as local:
            check(local, expected)
            clients = [Client(local, f"client-{each}", f"{number}-{each}", expected, lock) for each in range(4)]
            for client in clients:
                client.start()
            time.sleep(chance.uniform(0.3, 3))
            local.kill()
            for client in clients:
                client.join()
                assert client.problem is None, client.problem
    with running(folder) as local:
        check(local, expected)
    print(f"{expected.acknowledged} acknowledged requests, {rounds} kills")
    assert expected.acknowledged > 2 * rounds


def check(local: LocalAws, expected: Expected) -> None:
    """Compare the server with what was acknowledged, and take over what was uncertain."""
    s3 = local.client("s3")
    for bucket, objects in (("videos", expected.objects), ("models", expected.claims)):
        listed = {item["Key"]: item for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ())}
        assert listed.keys() <= objects.keys()
        for key, possible in objects.items():
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read() if key in listed else None
            assert body in possible, key
            if bucket == "videos" and key in expected.etags:
                assert listed[key]["ETag"] == expected.etags[key]
            objects[key] = {body}
    found = drain(local)
    uploads = {body for body in found if "Records" in body}
    found -= uploads
    assert expected.sent - expected.perhaps_deleted <= found
    assert found <= expected.perhaps_sent - expected.deleted
    expected.perhaps_deleted |= found
    expected.deleted |= found


def drain(local: LocalAws) -> set[str]:
    """Receive and delete all messages, also those that become visible soon."""
    sqs, found = local.client("sqs"), set()
    for queue in ("uploads", "uploads-dead-letters"):
        while True:
            messages = receive(local, queue, WaitTimeSeconds=2 if queue == "uploads" else 0)
            if not messages:
                break
            for message in messages:
                found.add(message["Body"])
                sqs.delete_message(QueueUrl=local.queue(queue), ReceiptHandle=message["ReceiptHandle"])
    return found
