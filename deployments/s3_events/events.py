"""The events that the Prefect server is told: a new object that a rule takes, and a message that tells of nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, uuid5

from deployments.s3_events.messages import ObjectCreated
from deployments.s3_events.sqs import Message
from sightline.uploads import Intakes, Upload

__all__ = ["OBJECT_CREATED", "POISON", "Event", "object_created", "poison", "upload_of"]

Event: TypeAlias = dict[str, Any]
"""As ``POST /api/events`` takes it."""

OBJECT_CREATED = "sightline.s3.object-created"
POISON = "sightline.s3.poison"
_BODY = 1000  # characters of a message that an alert shows


def upload_of(created: ObjectCreated, intakes: Intakes) -> Upload | None:
    """The object as an upload; None where no rule takes it."""
    return intakes.upload(f"s3://{created.bucket}/{created.key}", created.etag)


def object_created(created: ObjectCreated, upload: Upload) -> Event:
    """The event of a new object. Its id is the upload's, so that the server knows a message that comes again.

    A trigger matches on the resource's id, which is ``sightline.s3.BUCKET/KEY``, or on its labels; the payload has
    what process-upload takes.
    """
    labels = {"sightline.bucket": created.bucket, "sightline.kind": upload.kind, "sightline.patient": upload.patient}
    return {
        "id": str(upload.id),
        "event": OBJECT_CREATED,
        "occurred": created.at.isoformat(),
        "resource": {
            "prefect.resource.id": f"sightline.s3.{created.bucket}/{created.key}",
            "prefect.resource.name": PurePosixPath(created.key).name,
            **{label: text for label, text in labels.items() if text},
        },
        "payload": {
            "bucket": created.bucket,
            "key": created.key,
            "uri": upload.uri,
            "version": upload.version,
            "kind": upload.kind,
            "patient": upload.patient,
            "size": created.size,
            "etag": created.etag,
            "version_id": created.version_id,
        },
    }


def poison(queue: str, message: Message, reason: str, kept: str) -> Event:
    """The event of a message that tells of nothing; ``kept`` says where it is."""
    return {
        "id": str(uuid5(NAMESPACE_URL, f"{queue}#{message.id}")),
        "event": POISON,
        "occurred": datetime.now(UTC).isoformat(),
        "resource": {"prefect.resource.id": f"sightline.s3-queue.{queue.rpartition('/')[2]}"},
        "payload": {
            "queue": queue,
            "message": message.id,
            "reason": reason,
            "kept": kept,
            "body": message.body[:_BODY],
        },
    }
