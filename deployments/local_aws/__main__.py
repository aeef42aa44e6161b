"""Run the server: create the buckets of ``compose.yaml``, the queues and the notifications, and restore the folder."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moto import backends
from moto.moto_server import werkzeug_app
from moto.s3.models import FakeKey, FakeMultipart
from moto.sqs.models import Message
from werkzeug.serving import make_server

from deployments.local_aws.application import DurableApplication
from deployments.local_aws.store import REGION, Store

PORT = 5000
BUCKETS = ("videos", "patients", "models", "results", "capture")
UPLOADS = "videos"  # every object in this bucket causes a message
QUEUE, DEAD_LETTERS = "uploads", "uploads-dead-letters"
MAX_RECEIVES = 5  # after so many, a message moves to the dead-letter queue


def main(folder: Path, port: int = PORT) -> None:
    """Serve until SIGTERM. The port is closed until everything is restored."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    configure_moto()
    moto = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    with serve(moto, "127.0.0.1", 0) as setup_port:
        create_resources(setup_port)
    store = Store(folder, queues=(QUEUE, DEAD_LETTERS))
    store.restore()
    with serve(DurableApplication(moto, store), "0.0.0.0", port):  # noqa: S104
        print("S3 and SQS are ready", flush=True)
        stop.wait()


def configure_moto() -> None:
    """Adapt moto to a service that runs for long and restarts."""
    werkzeug_app.DISABLE_GLOBAL_CORS = True  # type: ignore[attr-defined]  # or pages of every origin read the buckets
    # A listing is one page: the token of a second page would not survive a restart.
    os.environ["MOTO_S3_DEFAULT_MAX_KEYS"] = str(10**9)
    # Moto would search its folder for services, twice per request.
    services = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: services
    # Moto would keep every object and message that ever existed.
    for kind in (FakeKey, FakeMultipart, Message):
        kind.instances_tracked = deque(maxlen=0)  # type: ignore[union-attr]


@contextmanager
def serve(application: Any, address: str, port: int) -> Iterator[int]:
    """Serve the application on threads, and yield its port."""
    handler = werkzeug_app.MotoRequestHandler
    server = make_server(address, port, application, threaded=True, request_handler=handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def create_resources(port: int) -> None:
    """Create the buckets, the queues and the notifications."""
    s3, sqs = client("s3", port), client("sqs", port)
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)
    dead_letters = sqs.create_queue(QueueName=DEAD_LETTERS)["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": queue_arn(sqs, dead_letters), "maxReceiveCount": MAX_RECEIVES})
    queue = sqs.create_queue(QueueName=QUEUE, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    notification = {"QueueArn": queue_arn(sqs, queue), "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=UPLOADS, NotificationConfiguration={"QueueConfigurations": [notification]}
    )
    sqs.purge_queue(QueueUrl=queue)  # S3 sends a test message, here at every start


def queue_arn(sqs: Any, url: str) -> str:
    """Return the ARN of a queue."""
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def client(service: str, port: int) -> Any:
    """Return a boto3 client for the local server."""
    import boto3

    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
