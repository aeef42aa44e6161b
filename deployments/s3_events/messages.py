"""Parsing of the queue's messages: S3 notifications, directly or through SNS, and EventBridge events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from pydantic import AliasChoices, AwareDatetime, BaseModel, Field, ValidationError

__all__ = ["ObjectCreated", "Poison", "read_message"]

_MAX_ENVELOPES = 3  # SNS notifications inside each other


class Poison(Exception):
    """An invalid message; the text is the reason."""


@dataclass(frozen=True)
class ObjectCreated:
    """A new object in a bucket, or a new version of an object."""

    bucket: str
    key: str
    etag: str
    size: int | None
    version_id: str | None
    """S3's version id, if the bucket has versioning."""
    sequencer: str | None
    at: datetime


class _Bucket(BaseModel):
    name: str = Field(min_length=1)


class _Object(BaseModel):
    key: str = Field(min_length=1)
    size: int | None = None
    etag: str = Field(min_length=1, validation_alias=AliasChoices("eTag", "etag"))
    version_id: str | None = Field(None, validation_alias=AliasChoices("versionId", "version-id"))
    sequencer: str | None = None


class _Change(BaseModel):
    bucket: _Bucket
    object: _Object


class _Record(BaseModel):
    at: AwareDatetime = Field(validation_alias=AliasChoices("eventTime", "time"))
    change: _Change = Field(validation_alias=AliasChoices("s3", "detail"))

    def created(self, key: str) -> ObjectCreated:
        bucket, item = self.change.bucket, self.change.object
        return ObjectCreated(
            bucket.name, key, item.etag.strip('"'), item.size, item.version_id, item.sequencer, self.at
        )


def read_message(body: str) -> list[ObjectCreated]:
    """Return the objects that a message reports as created.

    The list is empty for S3's test message and for other changes, such as deletions. Raises :class:`Poison` for a
    message that is not about S3 objects.
    """
    document = _json_object(body)
    for _ in range(_MAX_ENVELOPES):
        if document.get("Type") != "Notification":
            break
        document = _json_object(document.get("Message"))
    if document.get("Event") == "s3:TestEvent":
        return []
    if isinstance(records := document.get("Records"), list):
        return [created for record in records if (created := _from_s3_record(record))]
    if document.get("source") == "aws.s3" and "detail-type" in document:
        # EventBridge does not quote keys; S3 notifications do.
        record = _validate(document) if document["detail-type"] == "Object Created" else None
        return [record.created(record.change.object.key)] if record else []
    raise Poison("it is neither an S3 notification nor an EventBridge event about S3")


def _from_s3_record(record: Any) -> ObjectCreated | None:
    name = record.get("eventName") if isinstance(record, Mapping) else None
    if not isinstance(name, str) or not isinstance(record.get("s3"), Mapping):
        raise Poison("one of its records is not about an S3 object")
    if not name.removeprefix("s3:").startswith("ObjectCreated:"):
        return None
    validated = _validate(record)
    return validated.created(unquote_plus(validated.change.object.key))


def _validate(document: Mapping[str, Any]) -> _Record:
    try:
        return _Record.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Poison(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _json_object(text: Any) -> dict[str, Any]:
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        raise Poison("it is not JSON") from error
    if not isinstance(document, dict):
        raise Poison("it is not a JSON object")
    return document
