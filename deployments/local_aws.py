"""A stand-in for S3 and SQS that keeps its buckets: ``python local_aws.py FOLDER``, in moto's own image.

It has the buckets of ``compose.yaml``, a queue with a dead-letter queue, and notifications of whatever is put into the
videos. Moto keeps all of it in memory; here the objects are written to the folder every few seconds and at the end, and
read from it at the start. It stands in for AWS on one machine, and guards nothing.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

PORT = 5000
BUCKETS = ("videos", "patients", "models", "results", "capture")
UPLOADS = "videos"
QUEUE, DEAD_LETTERS = "uploads", "uploads-dead-letters"
RECEIVES = 5  # of a message, before it is a dead letter
SECONDS_BETWEEN_SAVES = 5.0
INDEX = "index.json"


def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = serve(PORT)
    try:
        make(folder)
        print("S3 and SQS are ready", flush=True)
        while not stop.wait(SECONDS_BETWEEN_SAVES):
            save(folder)
        save(folder)
    finally:
        server.shutdown()


def serve(port: int) -> Any:
    """Moto on every address; conditional requests one at a time, for moto looks first and writes then."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    application, turn = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def respond(environ: dict[str, Any], start_response: Any) -> Any:
        if "HTTP_IF_NONE_MATCH" not in environ and "HTTP_IF_MATCH" not in environ:
            return application(environ, start_response)
        with turn:
            return list(application(environ, start_response))

    server = make_server("0.0.0.0", port, respond, threaded=True, request_handler=MotoRequestHandler)  # noqa: S104
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def make(folder: Path) -> None:
    """Bring the buckets back, then make the queue: what was there before is no news."""
    s3, sqs = client("s3"), client("sqs")
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)
    restore(folder)
    dead = sqs.create_queue(QueueName=DEAD_LETTERS)["QueueUrl"]
    target = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": RECEIVES})
    queue = sqs.create_queue(QueueName=QUEUE, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(
        Bucket=UPLOADS,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )


def client(service: str) -> Any:
    """A client of the stand-in."""
    import boto3

    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{PORT}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106
    )


def objects() -> dict[tuple[str, str], Any]:
    """Every object, as moto has it, by its bucket and key."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    buckets = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets
    return {(name, key): found for name in BUCKETS for key, found in list(buckets[name].keys.items())}


def save(folder: Path) -> None:
    """Bring the folder up to date. The index is replaced last, so it never names a file that is not there."""
    index, kept = {}, objects()
    for (bucket, key), found in kept.items():
        etag, modified = found.etag.strip('"'), found.last_modified.isoformat()
        name = sha256(json.dumps([bucket, key, etag, modified]).encode()).hexdigest()
        index[name] = [bucket, key, etag, modified, found.metadata.get("Content-Type")]
        if not (folder / name).exists():
            replace(folder / name, found.value)
    replace(folder / INDEX, json.dumps(index).encode())
    for path in folder.iterdir():
        if path.name not in index and path.name != INDEX:
            path.unlink()


def replace(path: Path, content: bytes) -> None:
    """Write the file, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


def restore(folder: Path) -> None:
    """Put back what was saved, with its ETags and times: they tell which version of a file was processed."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / INDEX).exists():
        return
    index, s3 = json.loads((folder / INDEX).read_text("utf-8")), client("s3")
    for name, (bucket, key, _, _, kind) in index.items():
        body = (folder / name).read_bytes()
        s3.put_object(Bucket=bucket, Key=key, Body=body, **({"ContentType": kind} if kind else {}))
    kept = objects()
    for bucket, key, etag, modified, _ in index.values():
        found = kept[bucket, key]
        found._etag, found.last_modified = etag, datetime.fromisoformat(modified)


def check() -> None:
    """The container's health check: raises where the queue, which is made last, is not there."""
    client("sqs").get_queue_url(QueueName=QUEUE)


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check()
    else:
        main(Path(sys.argv[1]))
