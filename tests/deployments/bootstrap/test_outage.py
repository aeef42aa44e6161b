"""The bootstrap waits for a server that is away for a while."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments.bootstrap import ChangeType, ServerAway, bootstrap, run

pytestmark = pytest.mark.integration

_HOP = {"connection", "transfer-encoding", "content-encoding", "content-length", "host", "keep-alive", "date", "server"}


class Gateway:
    """A proxy of the server that answers some requests with an error, or closes their connection."""

    def __init__(self, server: str) -> None:
        self.url = ""
        self.requests = 0
        self.fault: Callable[[int], int | None] = lambda _: None
        """Returns the status of a request by its number, 0 to close its connection, None to pass it on."""
        self._client = httpx.Client(base_url=server.removesuffix("/api"), trust_env=False, timeout=60)
        self._lock = threading.Lock()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.headers.get("Upgrade"):  # the stream of Prefect's events, which another thread opens at any time
            handler.send_error(404)
            return
        with self._lock:
            self.requests += 1
            number = self.requests
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if (status := self.fault(number)) is not None:
            if status:
                handler.send_response(status)
                handler.send_header("Content-Length", "0")
                handler.end_headers()
            else:
                handler.connection.shutdown(socket.SHUT_RDWR)
            return
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP}
        response = self._client.request(handler.command, handler.path, content=body, headers=headers)
        handler.send_response(response.status_code)
        for name, value in response.headers.items():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(response.content)))
        handler.end_headers()
        handler.wfile.write(response.content)

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def gateway(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A gateway that Prefect's client uses, without its own retries."""
    gateway = Gateway(prefect_server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            gateway.serve(self)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    gateway.url = f"http://127.0.0.1:{server.server_port}/api"
    monkeypatch.setattr(run, "_PAUSE", 0.01)
    with temporary_settings({PREFECT_API_URL: gateway.url, PREFECT_CLIENT_MAX_RETRIES: 0}):
        yield gateway
    server.shutdown()
    thread.join()
    server.server_close()
    gateway.close()


@pytest.mark.parametrize(
    "statuses",
    [
        pytest.param([503, 0, 500], id="different faults"),
        pytest.param([503], id="unavailable", marks=pytest.mark.soak),
        pytest.param([500], id="error", marks=pytest.mark.soak),
        pytest.param([0], id="connection lost", marks=pytest.mark.soak),
    ],
)
@pytest.mark.slow
def test_outage_at_any_request_is_only_a_delay(
    client: SyncPrefectClient, gateway: Gateway, statuses: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    outages = {1, 2, 9, 30, 31, 90}  # before the first change, among the blocks, and among the queues
    faults = itertools.cycle(statuses)

    gateway.fault = lambda number: next(faults) if number in outages else None
    created = [change.outcome for change in bootstrap({"RESULTS_BUCKET": "s3://results"})]
    assert ChangeType.CREATED in created
    assert gateway.requests > max(outages)
    # A server on a busy machine adds some of its own.
    assert capsys.readouterr().err.count("Trying again") >= len(outages)
    gateway.fault = lambda _: None
    assert {change.outcome for change in bootstrap({"RESULTS_BUCKET": "s3://results"})} == {ChangeType.UNCHANGED}


def test_server_that_stays_away_is_reported_by_address(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_PATIENCE", 0.1)
    gateway.fault = lambda _: 503
    with pytest.raises(ServerAway, match=rf"{gateway.url} does not respond: status 503\. Start the server"):
        list(bootstrap({}))


def test_server_that_refuses_connections_is_reported(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_PATIENCE", 0.1)
    monkeypatch.setattr(run, "_PAUSE", 0.01)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/api"
    with (
        temporary_settings({PREFECT_API_URL: url}),
        pytest.raises(ServerAway, match=r"Connection refused\. Start the server, or correct PREFECT_API_URL"),
    ):
        list(bootstrap({}))


@pytest.mark.parametrize("status", [401, 404, 422])
def test_rejected_request_is_not_an_outage(gateway: Gateway, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.fault = lambda _: status
    with pytest.raises(Exception, match=str(status)):
        list(bootstrap({}))
    assert "Trying again" not in capsys.readouterr().err
