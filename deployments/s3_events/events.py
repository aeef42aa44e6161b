"""The events that the listener emits for users' automations: a new object that has its run, and an invalid record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from deployments.s3_events.messages import ObjectCreated
from sightline.events import Payload, Resource, S3ObjectCreated, S3PoisonMessage
from sightline.uploads import Upload, UploadRules

__all__ = ["Event", "object_created", "poison", "upload_of"]

Event: TypeAlias = dict[str, Any]
"""The JSON object that ``POST /api/events`` accepts."""

_BODY = 1000  # characters of a record in an event


def upload_of(created: ObjectCreated, upload_rules: UploadRules) -> Upload | None:
    """Return the object as an upload, or None if it matches no rule."""
    return upload_rules.upload(f"s3://{created.bucket}/{created.key}", created.etag)


def object_created(created: ObjectCreated, upload: Upload) -> Event:
    """Return the event of a new object.

    Its id is the upload's id, so the server ignores the event of a message that is received again soon. Triggers match
    the resource id ``sightline.s3.BUCKET/KEY`` or the labels.
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


def poison(queue: str, message: str, number: int, reason: str, place: str, body: str) -> Event:
    """Return the event of an invalid record, which is stored in ``place``.

    ``message`` is the id of its message, ``number`` its position in the message from 0, ``body`` the record.
    """
    payload = S3PoisonMessage(queue=queue, message=message, reason=reason, place=place, body=body[:_BODY])
    event_id = uuid5(NAMESPACE_URL, f"{queue}#{message}#{number}")
    return _event(event_id, datetime.now(UTC), Resource.s3_queue(queue), payload)


def _event(event_id: UUID, occurred: datetime, resource: Resource, payload: Payload) -> Event:
    return {
        "id": str(event_id),
        "event": payload.event,
        "occurred": occurred.isoformat(),
        "resource": resource.labelled(),
        "payload": payload.as_json(),
    }
