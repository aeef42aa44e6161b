"""The events that the listener emits: a new object that matches an upload rule, and an invalid message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from deployments.s3_events.messages import ObjectCreated
from deployments.s3_events.sqs import Message
from sightline.events import Payload, Resource, S3ObjectCreated, S3PoisonMessage
from sightline.uploads import Upload, UploadRules

__all__ = ["Event", "object_created", "poison", "upload_of"]

Event: TypeAlias = dict[str, Any]
"""The JSON object that ``POST /api/events`` accepts."""

_BODY = 1000  # characters of a message in an alert


def upload_of(created: ObjectCreated, upload_rules: UploadRules) -> Upload | None:
    """Return the object as an upload, or None if it matches no rule."""
    return upload_rules.upload(f"s3://{created.bucket}/{created.key}", created.etag)


def object_created(created: ObjectCreated, upload: Upload) -> Event:
    """Return the event of a new object.

    Its id is the upload's id, so the server ignores the event of a redelivered message. Triggers match the resource id
    ``sightline.s3.BUCKET/KEY`` or the labels. The payload contains the parameters of process-upload.
    """
    payload = S3ObjectCreated(
        bucket=created.bucket,
        key=created.key,
        uri=upload.uri,
        version=upload.version,
        kind=upload.kind,
        patient=upload.patient,
        size=created.size,
        etag=created.etag,
        version_id=created.version_id,
    )
    resource = Resource.s3_object(created.bucket, created.key, upload.kind, upload.patient)
    return _event(upload.id, created.at, resource, payload)


def poison(queue: str, message: Message, reason: str, place: str) -> Event:
    """Return the event of an invalid message, which is stored in ``place``."""
    payload = S3PoisonMessage(queue=queue, message=message.id, reason=reason, place=place, body=message.body[:_BODY])
    event_id = uuid5(NAMESPACE_URL, f"{queue}#{message.id}")
    return _event(event_id, datetime.now(UTC), Resource.s3_queue(queue), payload)


def _event(event_id: UUID, occurred: datetime, resource: Resource, payload: Payload) -> Event:
    return {
        "id": str(event_id),
        "event": payload.event,
        "occurred": occurred.isoformat(),
        "resource": resource.labelled(),
        "payload": payload.as_json(),
    }
