"""An outage of S3 is a pause: every function of the storage continues when it is over."""

from __future__ import annotations

import ctypes
import http.client
import logging
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from boto3.exceptions import RetriesExceededError
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
)
from cloudpathlib import S3Client
from pydantic import BaseModel

from sightline import documents, storage
from sightline.clock import now_in_utc
from sightline.errors import StorageError
from sightline.leases import Leases
from sightline.outages import is_transient
from sightline.storage import Location
from sightline.uploads import Upload, UploadOutcome, Uploads
from tests.clocks import Clock

LARGE = bytes(range(256)) * (9 << 12)  # 9 MiB: boto3 splits from 8 MiB on


def answer(status: int, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")


class Service:
    """S3 behind a proxy that breaks: the next requests fail as ``faults`` states; an empty text is no fault."""

    def __init__(self, upstream: str) -> None:
        self.faults: list[str] = []
        self.requests: list[str] = []
        self._upstream = urlsplit(upstream).netloc
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.close_connection = True
                super().handle_one_request()

            def forward(self) -> None:
                self.close_connection = True
                service.requests.append(f"{self.command} {self.path}")
                fault = service.faults.pop(0) if service.faults else ""
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if len(body) < length:  # The client has cancelled the request.
                    return
                if fault in ("500", "503"):
                    self.fail(int(fault))
                    return
                if fault != "reset":
                    response, content = service.ask(self.command, self.path, dict(self.headers), body)
                if fault in ("reset", "lost"):
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    return
                self.send_response_only(response.status)
                for name, value in response.getheaders():
                    if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                        self.send_header(name, value)
                size = response.getheader("Content-Length") if self.command == "HEAD" else len(content)
                self.send_header("Content-Length", str(size))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write({"half": content[: len(content) // 2], "head": b""}.get(fault, content))

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward  # noqa: N815

            def fail(self, status: int) -> None:
                code = {500: "InternalError", 503: "SlowDown"}[status]
                content = f"<Error><Code>{code}</Code><Message>broken</Message></Error>".encode()
                self.send_response_only(status)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Connection", "close")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @contextmanager
    def down(self, seconds: float = 0.0) -> Iterator[None]:
        """Refuse connections within the block, or for so many seconds from its start on."""
        self.stop()
        back = threading.Timer(seconds, self.start) if seconds else None
        if back:
            back.start()
        try:
            yield
        finally:
            back.join() if back else self.start()

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[Any, bytes]:
        connection = http.client.HTTPConnection(self._upstream, timeout=30)
        headers.pop("Expect", None)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response, content


@pytest.fixture(scope="module")
def running_service(s3_server: str) -> Iterator[Service]:
    service = Service(s3_server)
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def client(running_service: Service, s3_environment: dict[str, str]) -> S3Client:
    """A client of the service without botocore's own retries, so that every fault reaches the storage."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (s3_environment | {"AWS_MAX_ATTEMPTS": "1"}).items():
            patch.setenv(name, value)
        return S3Client(endpoint_url=running_service.url)


@pytest.fixture
def service(running_service: Service) -> Iterator[Service]:
    running_service.requests.clear()
    yield running_service
    running_service.faults.clear()


@pytest.fixture
def broken(s3_bucket: Location, service: Service, client: S3Client, monkeypatch: pytest.MonkeyPatch) -> Location:
    """A bucket of the service."""
    monkeypatch.setenv("STORAGE_OUTAGE_SECONDS", "60")
    monkeypatch.setattr("sightline.outages._LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(S3Client, "_default_client", client)
    return storage.locate(str(s3_bucket))


@pytest.fixture
def local(tmp_path: Path) -> Path:
    (tmp_path / "large").write_bytes(LARGE)
    return tmp_path


def upload(bucket: Location, local: Path, name: str) -> bytes:
    storage.write_file(bucket / "new", local / name)
    return storage.read_bytes(bucket / "new")


def move(bucket: Location, key: str) -> tuple[list[str], int]:
    storage.move(bucket / key, bucket / "moved")
    return [file.location.name for file in storage.walk(bucket)], storage.size(bucket / "moved")


def written(bucket: Location) -> bytes:
    storage.write_bytes(bucket / "new", b"new")
    return storage.read_bytes(bucket / "new")


def removed(bucket: Location, remove: Callable[[Location], None], key: str) -> list[str]:
    remove(bucket / key)
    return [file.location.name for file in storage.walk(bucket)]


ACCESSES: dict[str, Callable[[Location, Path], object]] = {
    "read_bytes": lambda bucket, _: storage.read_bytes(bucket / "p" / "large") == LARGE,
    "read_bytes with a limit": lambda bucket, _: storage.read_bytes(bucket / "p" / "large", len(LARGE)) == LARGE,
    "write_bytes": lambda bucket, _: written(bucket),
    "write_file": lambda bucket, local: upload(bucket, local, "large") == LARGE,
    "exists": lambda bucket, _: (storage.exists(bucket / "p" / "x"), storage.exists(bucket / "p" / "none")),
    "size": lambda bucket, _: storage.size(bucket / "p" / "x"),
    "file_names": lambda bucket, _: storage.file_names(bucket / "p"),
    "folder_names": lambda bucket, _: storage.folder_names(bucket),
    "walk": lambda bucket, _: [file.location.name for file in storage.walk(bucket)],
    "move": lambda bucket, _: move(bucket, "p/x"),
    "move in parts": lambda bucket, _: move(bucket, "p/large"),
    "remove": lambda bucket, _: removed(bucket, storage.remove, "p/x"),
    "remove_folder": lambda bucket, _: removed(bucket, storage.remove_folder, "p"),
    "fetch": lambda bucket, local: storage.fetch(bucket / "p" / "large", local).read_bytes() == LARGE,
}
EXPECTED: dict[str, object] = {
    "read_bytes": True,
    "read_bytes with a limit": True,
    "write_bytes": b"new",
    "write_file": True,
    "exists": (True, False),
    "size": 5,
    "file_names": ["large", "x"],
    "folder_names": ["p"],
    "walk": ["large", "x"],
    "move": (["moved", "large"], 5),
    "move in parts": (["moved", "x"], len(LARGE)),
    "remove": ["large"],
    "remove_folder": [],
    "fetch": True,
}
FAULTS = ["reset", "lost", "head", "half", "500", "503"]


@pytest.fixture(scope="module")
def large_object(s3_client: S3Client) -> dict[str, str]:
    """An object that tests copy, which is faster than writing it."""
    bucket = f"large-{uuid.uuid4().hex}"
    s3_client.client.create_bucket(Bucket=bucket)
    s3_client.client.put_object(Bucket=bucket, Key="large", Body=LARGE)
    return {"Bucket": bucket, "Key": "large"}


@pytest.fixture
def filled(broken: Location, s3_bucket: Location, large_object: dict[str, str]) -> Location:
    storage.write_bytes(s3_bucket / "p" / "x", b"12345")
    client = s3_bucket.client.client  # type: ignore[union-attr]
    client.copy_object(Bucket=s3_bucket.bucket, Key="p/large", CopySource=large_object)  # type: ignore[union-attr]
    return broken


class TestFaults:
    # "head" and "half" are no faults if the body is empty, so they are the last ones.
    @pytest.mark.parametrize("access", ACCESSES)
    @pytest.mark.parametrize("faults", [("reset", "lost", "head"), ("500", "503", "half")], ids="-".join)
    def test_access_succeeds_after_several_faults(
        self, filled: Location, service: Service, local: Path, access: str, faults: tuple[str, ...]
    ) -> None:
        service.faults[:] = faults
        assert ACCESSES[access](filled, local) == EXPECTED[access]
        assert service.faults == []

    @pytest.mark.parametrize("access", ACCESSES)
    def test_access_succeeds_if_every_second_request_fails(
        self, filled: Location, service: Service, local: Path, access: str
    ) -> None:
        service.faults[:] = [fault for name in FAULTS * 8 for fault in (name, "")]
        assert ACCESSES[access](filled, local) == EXPECTED[access]

    @pytest.mark.parametrize("access", ACCESSES)
    def test_access_waits_for_a_service_that_is_down(
        self, filled: Location, service: Service, local: Path, access: str
    ) -> None:
        with service.down(seconds=0.2):
            assert ACCESSES[access](filled, local) == EXPECTED[access]

    @pytest.mark.parametrize("mode", ["legacy", "standard"])
    def test_limits_of_botocores_own_retries_do_not_matter(
        self, filled: Location, service: Service, mode: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_RETRY_MODE", mode)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
        monkeypatch.setattr("time.sleep", lambda _: None)
        client = S3Client(endpoint_url=service.url)
        service.faults[:] = ["503"] * 150  # More than the tokens of the standard mode.
        assert storage.read_bytes(client.CloudPath(f"{filled}/p/x")) == b"12345"


class TestConditionalWrites:
    @pytest.mark.parametrize("fault", ["reset", "500", "503"])
    def test_unexecuted_request_is_repeated(self, broken: Location, service: Service, fault: str) -> None:
        service.faults[:] = [fault] * 3
        assert storage.create(broken / "x", b"1")
        service.faults[:] = ["", fault, fault]
        assert storage.swap(broken / "x", b"1", b"2")
        assert storage.read_bytes(broken / "x") == b"2"

    def test_lost_response_is_found_by_reading_back(self, broken: Location, service: Service) -> None:
        service.faults[:] = ["lost"]
        assert not storage.create(broken / "x", b"mine")
        assert storage.read_bytes(broken / "x") == b"mine"
        service.faults[:] = ["", "lost"]
        assert not storage.swap(broken / "x", b"mine", b"mine too")
        assert storage.read_bytes(broken / "x") == b"mine too"

    @pytest.mark.parametrize("fault", ["reset", "lost", "head", "half", "500"])
    @pytest.mark.parametrize("skipped", range(8))
    def test_change_is_made_once(self, broken: Location, service: Service, fault: str, skipped: int) -> None:
        class Count(BaseModel):
            count: int = 0

        for _ in range(3):
            service.faults[:] = [""] * skipped + [fault] * 2
            documents.change(broken / "x", Count, lambda stored: Count(count=stored.count + 1 if stored else 1))
        service.faults.clear()
        assert documents.read(broken / "x", Count) == Count(count=3)

    @pytest.mark.parametrize("fault", ["reset", "lost", "head", "half", "500"])
    @pytest.mark.parametrize("skipped", range(12))
    def test_lease_is_taken_and_renewed(
        self, broken: Location, service: Service, clock: Clock, fault: str, skipped: int
    ) -> None:
        service.faults[:] = [""] * skipped + [fault] * 2
        leases = Leases(broken / "leases", timedelta(minutes=5), clock)
        lease = leases.take("sweep")
        assert lease
        assert leases.renew(lease)
        assert leases.take("sweep") is None


class TestLimits:
    def test_error_is_raised_after_the_longest_outage(
        self, broken: Location, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STORAGE_OUTAGE_SECONDS", "0.5")
        started = time.monotonic()
        with service.down(), pytest.raises(StorageError, match="127"):
            storage.read_bytes(broken / "x")
        assert 0.5 <= time.monotonic() - started < 10

    def test_nothing_is_repeated_by_default(
        self, broken: Location, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("STORAGE_OUTAGE_SECONDS")
        service.faults[:] = ["503"]
        with pytest.raises(StorageError, match="SlowDown"):
            storage.read_bytes(broken / "x")

    def test_nothing_is_repeated_while_failing_fast(self, broken: Location, service: Service) -> None:
        storage.write_bytes(broken / "x", b"")
        service.faults[:] = ["503", "503"]
        with storage.failing_fast(), pytest.raises(StorageError, match="SlowDown"):
            storage.read_bytes(broken / "x")
        assert storage.read_bytes(broken / "x") == b""

    def test_permanent_errors_are_raised_at_once(self, broken: Location, service: Service, tmp_path: Path) -> None:
        (tmp_path / "local").write_bytes(b"")
        missing = storage.locate(f"{broken}-missing/x")
        for access in (
            lambda: storage.read_bytes(missing),
            lambda: storage.write_file(missing, tmp_path / "local"),
            lambda: storage.create(missing, b""),
            lambda: storage.fetch(missing, tmp_path),
        ):
            service.requests.clear()
            with pytest.raises(StorageError, match="missing"):
                access()
            assert len(service.requests) <= 2
        service.requests.clear()
        with pytest.raises(FileNotFoundError):
            storage.read_bytes(broken / "none")
        assert len(service.requests) == 1

    @pytest.mark.parametrize(
        ("error", "transient"),
        [
            (answer(403, "AccessDenied"), False),
            (answer(403, "InvalidAccessKeyId"), False),
            (answer(400, "ExpiredToken"), False),
            (answer(404, "NoSuchBucket"), False),
            (answer(501, "NotImplemented"), False),
            (answer(400, "RequestTimeout"), True),
            (answer(429, "TooManyRequests"), True),
            (NoCredentialsError(), False),
            (CredentialRetrievalError(provider="custom-process", error_msg="no such command"), False),
            (CredentialRetrievalError(provider="iam-role", error_msg="no answer"), True),
            (CredentialRetrievalError(provider="container-role", error_msg="no answer"), True),
            (SSLError(endpoint_url="https://s3", error="CERTIFICATE_VERIFY_FAILED: self-signed"), False),
            (SSLError(endpoint_url="https://s3", error="EOF occurred in violation of protocol"), True),
            (EndpointConnectionError(endpoint_url="https://s3"), True),
            (IncompleteReadError(actual_bytes=1, expected_bytes=2), True),
            (RetriesExceededError(ReadTimeoutError(endpoint_url="https://s3")), True),
            (RetriesExceededError(ConnectionResetError()), True),
            (RetriesExceededError(OSError(28, "No space left on device")), False),
            (OSError(28, "No space left on device"), False),
            (TimeoutError(), False),
        ],
        ids=lambda value: f"{type(value).__name__} {value}"[:50] if isinstance(value, Exception) else "",
    )
    def test_only_transient_errors_are_repeated(self, error: Exception, transient: bool) -> None:
        assert is_transient(error) is transient


class Interrupted(BaseException):
    """What Prefect raises in a thread whose task has timed out is no Exception either."""


class TestInterrupts:
    def test_keyboard_interrupt_ends_the_wait(self, broken: Location, service: Service) -> None:
        import _thread
        import gc

        timer = threading.Timer(0.3, _thread.interrupt_main)
        gc.collect()  # an interrupt within a callback of the garbage collection would be lost
        gc.disable()
        started = time.monotonic()
        with service.down():
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                storage.read_bytes(broken / "x")
        gc.enable()
        assert time.monotonic() - started < 5

    def test_exception_from_another_thread_ends_the_wait(
        self, broken: Location, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sightline.outages._LONGEST_PAUSE", 30)
        raised: list[BaseException] = []

        def wait() -> None:
            try:
                while True:
                    storage.read_bytes(broken / "x")
            except BaseException as error:
                raised.append(error)

        with service.down():
            thread = threading.Thread(target=wait)
            thread.start()
            time.sleep(0.5)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_long(thread.ident or 0), ctypes.py_object(Interrupted))
            thread.join(10)
        assert [type(error) for error in raised] == [Interrupted]

    def test_end_of_the_work_does_not_wait_for_a_lease(self, broken: Location, service: Service) -> None:
        leases = Leases(broken / "leases", timedelta(seconds=3), now_in_utc)
        hold = leases.hold("sweep", "one")
        held = hold.__enter__()
        with service.down():
            time.sleep(1)  # Renewals fail meanwhile.
            started = time.monotonic()
            hold.__exit__(None, None, None)
            assert time.monotonic() - started < 5
            assert not held.lost


class TestLog:
    def test_outage_is_logged_once_at_its_start_and_at_its_end(
        self, broken: Location, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        for key in range(8):
            storage.write_bytes(broken / str(key), b"")
        caplog.set_level(logging.INFO, "sightline")
        with service.down(seconds=0.5), ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: storage.read_bytes(broken / str(key)), range(8)))
        start, end = caplog.records
        assert (start.levelname, end.levelname) == ("WARNING", "INFO")
        assert "Could not connect" in start.getMessage()
        assert "S3 can be used again" in end.getMessage()

    def test_missing_file_after_an_outage_ends_it(
        self, broken: Location, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "sightline")
        service.faults[:] = ["503"]
        with pytest.raises(FileNotFoundError):
            storage.read_bytes(broken / "none")
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.integration
class TestUploads:
    def test_run_that_holds_an_upload_through_an_outage_finishes_as_done(
        self, broken: Location, service: Service
    ) -> None:
        """The outage takes three times the duration of the lease."""
        storage.write_bytes(broken / "ana" / "clip.mp4", b"video")
        stored = storage.stored(broken / "ana" / "clip.mp4")
        upload = Upload(str(broken), f"{broken}/ana/clip.mp4", stored.version, "video", "ana")
        uploads = Uploads(broken, now_in_utc, lease=timedelta(seconds=1))
        with uploads.take(upload, "run brave-otter") as lease, service.down(seconds=3):
            time.sleep(2.5)
            assert lease.held.lost
            storage.write_bytes(broken / "results" / "x", b"result")
            lease.done()
        record = uploads.record(upload)
        assert record
        assert (record.outcome, record.run, record.attempts) == (UploadOutcome.DONE, "run brave-otter", 1)
        assert storage.read_bytes(broken / "results" / "x") == b"result"
