"""Throughput, CPU time and memory of the S3 listener. Run by ``make bench``.

Moto's queue, which handles one request at a time, and a fake Prefect server that creates every run and accepts every
event run as separate processes on this machine. One run measures:

- the listener's throughput in messages per second, from the queue to a run on the server and deleted, and its ratio to
  a plain loop on the same queue and server that receives messages, creates a run for each, and deletes them. Target:
  0.6.
- the listener's CPU time per message in milliseconds. Target: 3.
- the listener's peak memory in MB, and its ratio to the peak after the first tenth of the messages. Target: 1.1, which
  shows that memory does not grow with the number of messages.

Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

import httpx

OUT = Path(__file__).parent / "out"
_BATCH = 10


def main() -> None:
    """Measure, print the figures, and write them to ``benchmarks/out/s3_events.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--api", type=int, help=argparse.SUPPRESS)  # run the fake server on this port
    parser.add_argument("--queue", type=int, help=argparse.SUPPRESS)  # run the queue on this port
    arguments = parser.parse_args()
    if arguments.api or arguments.queue:
        _serve_api(arguments.api) if arguments.api else _serve_queue(arguments.queue)
        return
    result = _measure(arguments.messages)
    print(f"{result['messages']:,} messages: {result['per_second']:.0f} per second")
    print(f"ratio to a plain loop ({result['bare_per_second']:.0f} per second): {result['over_bare']:.2f} (target 0.6)")
    print(f"CPU time per message: {result['cpu_milliseconds']:.2f} ms (target 3)")
    growth = f"{result['growth']:.3f} times the peak after the first tenth"
    print(f"peak memory: {result['peak_mb']:.0f} MB, {growth} (target 1.1)")
    OUT.mkdir(exist_ok=True)
    (OUT / "s3_events.json").write_text(json.dumps(result, indent=2))


def _measure(messages: int) -> dict[str, Any]:
    queue_port, api_port = _free_port(), _free_port()
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{queue_port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }
    os.environ.update(environment)
    with (
        _process(["benchmarks.s3_events", "--queue", str(queue_port)], environment),
        _process(["benchmarks.s3_events", "--api", str(api_port)], environment),
    ):
        _await_port(queue_port)
        _await_port(api_port)
        import boto3

        sqs = boto3.client("sqs")
        plain_loop = _plain_loop(sqs, api_port, max(messages // 5, _BATCH))
        url = sqs.create_queue(QueueName="uploads")["QueueUrl"]
        environment |= {
            "S3_EVENTS_QUEUE_URL": url,
            "S3_EVENTS_HEALTH_PORT": "0",
            "S3_EVENTS_WAIT_SECONDS": "1",
            "S3_EVENTS_VISIBILITY_SECONDS": "600",
            "PREFECT_API_URL": f"http://127.0.0.1:{api_port}/api",
            "VIDEO_BUCKET": "s3://videos",
        }
        with _process(["deployments.s3_events"], environment) as listener, _sending(sqs, url, messages):
            _await_accepted(api_port, 1)
            start, first, cpu = time.perf_counter(), _accepted(api_port), _cpu_seconds(listener.pid)
            _await_accepted(api_port, messages // 10)
            early = _peak_mb(listener.pid)
            _await_accepted(api_port, messages)
            seconds, cpu = time.perf_counter() - start, _cpu_seconds(listener.pid) - cpu
            peak = _peak_mb(listener.pid)
            listener.send_signal(signal.SIGTERM)
            if listener.wait(30) != 0:
                raise SystemExit("the listener did not exit with status 0")
    done = messages - first
    return {
        "messages": messages,
        "per_second": done / seconds,
        "bare_per_second": plain_loop,
        "over_bare": done / seconds / plain_loop,
        "cpu_milliseconds": 1e3 * cpu / done,
        "peak_mb": peak,
        "growth": peak / early,
    }


def _plain_loop(sqs: Any, api_port: int, messages: int) -> float:
    """Return the messages per second of a loop that receives, creates runs and deletes, and checks nothing."""
    runs = f"http://127.0.0.1:{api_port}/api/deployments/1/create_flow_run"
    url = sqs.create_queue(QueueName="bare")["QueueUrl"]
    done = 0
    with _sending(sqs, url, messages), httpx.Client(trust_env=False) as api:
        start = time.perf_counter()
        while done < messages:
            response = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=1)
            received = response.get("Messages", [])
            entries = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]} for index, message in enumerate(received)
            ]
            for message in received:
                api.post(runs, json={"idempotency_key": message["MessageId"], "parameters": {"uri": message["Body"]}})
            if entries:
                sqs.delete_message_batch(QueueUrl=url, Entries=entries)
            done += len(received)
        return messages / (time.perf_counter() - start)


@contextmanager
def _sending(sqs: Any, url: str, messages: int) -> Iterator[None]:
    """Send messages, at most a hundred at a time: moto's time per request grows with the length of the queue."""
    stop = Event()

    def waiting() -> int:
        name = "ApproximateNumberOfMessages"
        return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])

    def send() -> None:
        for first in range(0, messages, _BATCH):
            while first % (5 * _BATCH) == 0 and waiting() > 10 * _BATCH:
                if stop.wait(0.02):
                    return
            numbers = range(first, min(first + _BATCH, messages))
            entries = [{"Id": str(n), "MessageBody": _message(n)} for n in numbers]
            sqs.send_message_batch(QueueUrl=url, Entries=entries)

    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send)
        try:
            yield
        finally:
            stop.set()
        sent.result()


def _message(number: int) -> str:
    item = {"key": f"patient+{number % 50}/visit-{number}.mp4", "size": 1 << 20, "eTag": f"{number:032x}"}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-01-31T10:20:30.123Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "videos", "arn": "arn:aws:s3:::videos"}, "object": item},
    }
    return json.dumps({"Records": [record]})


def _serve_api(port: int) -> None:
    """Create runs and accept events as Prefect's API does, and return the number of events on GET."""
    ids: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # as in Prefect's server

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/api/events":
                ids.update(event["id"] for event in body)
                self.send_response(204)
                self.end_headers()
            else:
                self._respond(201, json.dumps({"id": body["idempotency_key"]}))

        def do_GET(self) -> None:
            if self.path.startswith("/api/csrf-token"):
                self._respond(422, "CSRF protection is disabled.")
            elif self.path.startswith("/api/deployments"):
                self._respond(200, json.dumps({"id": "00000000-0000-0000-0000-000000000001"}))
            else:
                self._respond(200, str(len(ids)))

        def _respond(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def _serve_queue(port: int) -> None:
    """Serve moto's SQS without two slow operations of moto.

    Moto lists the services in its folder twice per request, and formats the time three times per waiting message.
    """
    from moto import backends
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    services = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: services
    with patch("moto.sqs.models.unix_time_millis", lambda: 1000 * time.time()):
        make_server("127.0.0.1", port, DomainDispatcherApplication(create_backend_app), threaded=True).serve_forever()


def _accepted(port: int) -> int:
    return int(httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).text)


def _await_accepted(port: int, events: int, limit: float = 600) -> None:
    deadline = time.monotonic() + limit
    while _accepted(port) < events:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server had {_accepted(port):,} of {events:,} events after {limit:.0f} s")
        time.sleep(0.02)


@contextmanager
def _process(arguments: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, "-m", *arguments], env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _cpu_seconds(pid: int) -> float:
    ticks = [int(field) for field in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]]
    return sum(ticks) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
