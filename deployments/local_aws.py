"""Local S3 and SQS with persistent buckets: ``python local_aws.py FOLDER``, run in moto's image.

It creates the buckets of ``compose.yaml``, a queue with a dead-letter queue, and notifications for every object put
into the videos bucket. Moto holds everything in memory; this program writes the objects to the folder every few seconds
and at shutdown, and restores them at startup. It is meant for one machine and has no access control.
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
MAX_RECEIVES = 5  # after so many, a message moves to the dead-letter queue
SAVE_INTERVAL = 5.0  # seconds
INDEX = "index.json"


def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = serve(PORT)
    try:
        create_resources(folder)
        print("S3 and SQS are ready", flush=True)
        while not stop.wait(SAVE_INTERVAL):
            save(folder)
        save(folder)
    finally:
        server.shutdown()


def serve(port: int) -> Any:
    """Serve moto on all addresses. Conditional requests are serialised, because moto's check and write can race."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    application, lock = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def respond(environ: dict[str, Any], start_response: Any) -> Any:
        if "HTTP_IF_NONE_MATCH" not in environ and "HTTP_IF_MATCH" not in environ:
            return application(environ, start_response)
        with lock:
            return list(application(environ, start_response))

    server = make_server("0.0.0.0", port, respond, threaded=True, request_handler=MotoRequestHandler)  # noqa: S104
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def create_resources(folder: Path) -> None:
    """Create the buckets, restore their objects, and then create the queue: restored objects cause no messages."""
    s3, sqs = client("s3"), client("sqs")
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)
    restore(folder)
    dead_letters = sqs.create_queue(QueueName=DEAD_LETTERS)["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": queue_arn(sqs, dead_letters), "maxReceiveCount": MAX_RECEIVES})
    queue = sqs.create_queue(QueueName=QUEUE, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    notification = {"QueueArn": queue_arn(sqs, queue), "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=UPLOADS, NotificationConfiguration={"QueueConfigurations": [notification]}
    )


def queue_arn(sqs: Any, url: str) -> str:
    """Return the ARN of a queue."""
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def client(service: str) -> Any:
    """Return a boto3 client for the local server."""
    import boto3

    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{PORT}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106
    )


def stored_objects() -> dict[tuple[str, str], Any]:
    """Return moto's objects by bucket and key."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    buckets = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets
    return {(name, key): item for name in BUCKETS for key, item in list(buckets[name].keys.items())}


def save(folder: Path) -> None:
    """Write new objects to the folder and delete old files. The index is replaced before any file is deleted."""
    index = {}
    for (bucket, key), item in stored_objects().items():
        etag, modified = item.etag.strip('"'), item.last_modified.isoformat()
        name = sha256(json.dumps([bucket, key, etag, modified]).encode()).hexdigest()
        index[name] = [bucket, key, etag, modified, item.metadata.get("Content-Type")]
        if not (folder / name).exists():
            replace(folder / name, item.value)
    replace(folder / INDEX, json.dumps(index).encode())
    for path in folder.iterdir():
        if path.name not in index and path.name != INDEX:
            path.unlink()


def replace(path: Path, content: bytes) -> None:
    """Write the file atomically."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


def restore(folder: Path) -> None:
    """Restore the saved objects with their ETags and times, which identify the processed versions."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / INDEX).exists():
        return
    index, s3 = json.loads((folder / INDEX).read_text("utf-8")), client("s3")
    for name, (bucket, key, _, _, content_type) in index.items():
        body = (folder / name).read_bytes()
        s3.put_object(Bucket=bucket, Key=key, Body=body, **({"ContentType": content_type} if content_type else {}))
    restored = stored_objects()
    for bucket, key, etag, modified, _ in index.values():
        item = restored[bucket, key]
        item._etag, item.last_modified = etag, datetime.fromisoformat(modified)


def check() -> None:
    """Raise if the queue, which is created last, does not exist: the container's health check."""
    client("sqs").get_queue_url(QueueName=QUEUE)


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check()
    else:
        main(Path(sys.argv[1]))
