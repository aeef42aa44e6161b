"""Parsing of the queue's messages: S3 notifications, directly or through SNS, and EventBridge events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from pydantic import AliasChoices, AwareDatetime, BaseModel, Field, ValidationError

__all__ = ["Invalid", "ObjectCreated", "Record", "read_message"]

_MAX_ENVELOPES = 3  # SNS notifications inside each other


@dataclass(frozen=True)
class Invalid:
    """A record that cannot be processed, and why."""

    reason: str


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


@dataclass(frozen=True)
class Record:
    """One record of a message. ``body`` is the body of a message with this record only."""

    body: str
    content: ObjectCreated | Invalid


class _Poison(Exception):
    """A message or a record is invalid; the text is the reason."""


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


class _Notified(BaseModel):
    at: AwareDatetime = Field(validation_alias=AliasChoices("eventTime", "time"))
    change: _Change = Field(validation_alias=AliasChoices("s3", "detail"))

    def created(self, key: str) -> ObjectCreated:
        bucket, item = self.change.bucket, self.change.object
        return ObjectCreated(
            bucket.name, key, item.etag.strip('"'), item.size, item.version_id, item.sequencer, self.at
        )


def read_message(body: str) -> list[Record]:
    """Return the records of a message that report a new object, or that are invalid.

    The list is empty for S3's test message and for other changes, such as deletions. A message that is not about S3
    objects is one invalid record.
    """
    try:
        document = _unwrapped(body)
        if isinstance(records := document.get("Records"), list):
            if len(records) == 1:
                return _record(body, records[0])
            return [read for record in records for read in _record(json.dumps({"Records": [record]}), record)]
        created = _from_eventbridge(document)
    except _Poison as reason:
        return [Record(body, Invalid(str(reason)))]
    except RecursionError:
        return [Record(body, Invalid("it is nested too deeply"))]
    return [Record(body, created)] if created else []


def _unwrapped(body: str) -> dict[str, Any]:
    """Return the document inside SNS's envelopes."""
    document = _json_object(body)
    for _ in range(_MAX_ENVELOPES):
        if document.get("Type") != "Notification":
            break
        document = _json_object(document.get("Message"))
    return document


def _record(body: str, record: Any) -> list[Record]:
    try:
        created = _from_s3_record(record)
    except _Poison as reason:
        return [Record(body, Invalid(str(reason)))]
    return [Record(body, created)] if created else []


def _from_s3_record(record: Any) -> ObjectCreated | None:
    name = record.get("eventName") if isinstance(record, Mapping) else None
    if not isinstance(name, str) or not isinstance(record.get("s3"), Mapping):
        raise _Poison("it is not about an S3 object")
    if not name.removeprefix("s3:").startswith("ObjectCreated:"):
        return None
    notified = _validate(record)
    return notified.created(unquote_plus(notified.change.object.key))


def _from_eventbridge(document: Mapping[str, Any]) -> ObjectCreated | None:
    if document.get("Event") == "s3:TestEvent":
        return None
    if document.get("source") != "aws.s3" or "detail-type" not in document:
        raise _Poison("it is neither an S3 notification nor an EventBridge event about S3")
    if document["detail-type"] != "Object Created":
        return None
    # EventBridge does not quote keys; S3 notifications do.
    notified = _validate(document)
    return notified.created(notified.change.object.key)


def _validate(document: Mapping[str, Any]) -> _Notified:
    try:
        return _Notified.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _Poison(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _json_object(text: Any) -> dict[str, Any]:
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        raise _Poison("it is not JSON") from error
    if not isinstance(document, dict):
        raise _Poison("it is not a JSON object")
    return document
