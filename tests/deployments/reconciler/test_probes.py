"""Outages of the services, seen by requests to servers that stop and start again."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from deployments.reconciler.probes import Finding, NoResponse, ServiceWatch, probe_queue, probe_server
from tests.deployments.s3_events.fake import await_true


@contextmanager
def http_server(status: int, port: int = 0) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("status", "responds"), [(200, True), (401, True), (503, False), (500, False)])
def test_server_responds_unless_the_gateway_answers_for_it(status: int, responds: bool) -> None:
    with http_server(status) as port:
        probe = probe_server(f"http://127.0.0.1:{port}/api/")
        if responds:
            assert probe() is None
        else:
            with pytest.raises(NoResponse, match=str(status)):
                probe()


def test_outage_is_found_once_after_its_end() -> None:
    started = datetime.now(UTC)

    def now() -> datetime:  # a hundred times as fast
        return started + (datetime.now(UTC) - started) * 100

    with http_server(200) as port:
        probes = {"server": probe_server(f"http://127.0.0.1:{port}/api")}
    with ServiceWatch(probes, now, 0.02) as watch:
        await_true(lambda: watch.is_away("server"), 10)
        assert not watch.findings
        threading.Event().wait(0.3)
        with http_server(200, port):
            await_true(lambda: bool(watch.findings), 10)
            finding = watch.findings.popleft()
            assert not watch.is_away("server")
            threading.Event().wait(0.2)
    assert finding.service == "server"
    assert finding.outage
    assert finding.outage.until - finding.outage.since >= timedelta(seconds=20)
    assert not watch.findings


def test_condition_of_a_service_is_passed_on() -> None:
    conditions = iter([None, "7 messages wait"])
    with ServiceWatch({"queue": lambda: next(conditions, None)}, lambda: datetime.now(UTC), 0.01) as watch:
        await_true(lambda: bool(watch.findings), 10)
        assert watch.findings.popleft() == Finding("queue", condition="7 messages wait")


@pytest.mark.usefixtures("s3_bucket")  # sets the AWS variables
def test_queue_reports_messages_that_stay() -> None:
    import boto3

    sqs = boto3.client("sqs")
    url, clock = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"], [datetime.now(UTC)]
    probe = probe_queue(url, lambda: clock[0])
    assert probe() is None
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    assert probe() is None
    clock[0] += timedelta(minutes=11)
    assert probe() == "1 message waits, and the queue has not been empty for 11 min"
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(NoResponse):
        probe()
