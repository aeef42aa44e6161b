"""The events that the listener emits: a new object that matches an upload rule, and an invalid message."""

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
"""The JSON object that ``POST /api/events`` accepts."""

OBJECT_CREATED = "sightline.s3.object-created"
POISON = "sightline.s3.poison"
_BODY = 1000  # characters of a message in an alert


def upload_of(created: ObjectCreated, intakes: Intakes) -> Upload | None:
    """Return the object as an upload, or None if it matches no rule."""
    return intakes.upload(f"s3://{created.bucket}/{created.key}", created.etag)


def object_created(created: ObjectCreated, upload: Upload) -> Event:
    """Return the event of a new object.

    Its id is the upload's id, so the server ignores the event of a redelivered message. Triggers match the resource id
    ``sightline.s3.BUCKET/KEY`` or the labels. The payload contains the parameters of process-upload.
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


def poison(queue: str, message: Message, reason: str, place: str) -> Event:
    """Return the event of an invalid message, which is stored in ``place``."""
    return {
        "id": str(uuid5(NAMESPACE_URL, f"{queue}#{message.id}")),
        "event": POISON,
        "occurred": datetime.now(UTC).isoformat(),
        "resource": {"prefect.resource.id": f"sightline.s3-queue.{queue.rpartition('/')[2]}"},
        "payload": {
            "queue": queue,
            "message": message.id,
            "reason": reason,
            "kept": place,
            "body": message.body[:_BODY],
        },
    }
