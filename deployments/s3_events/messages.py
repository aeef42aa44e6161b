"""What a message of the queue tells: S3's own notifications, through SNS or not, and EventBridge's events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from pydantic import AliasChoices, AwareDatetime, BaseModel, Field, ValidationError

__all__ = ["ObjectCreated", "Poison", "read_message"]

_ENVELOPES = 3


class Poison(Exception):
    """A message that tells of nothing the listener knows; its text says why."""


@dataclass(frozen=True)
class ObjectCreated:
    """A new object of a bucket, or a new version of one."""

    bucket: str
    key: str
    etag: str
    size: int | None
    version_id: str | None
    """S3's own, where the bucket keeps versions."""
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
        bucket, found = self.change.bucket, self.change.object
        return ObjectCreated(
            bucket.name, key, found.etag.strip('"'), found.size, found.version_id, found.sequencer, self.at
        )


def read_message(body: str) -> list[ObjectCreated]:
    """The objects that a message tells of; none for S3's test message, or for what happened to objects otherwise.

    Raises :class:`Poison` for what is no message about objects.
    """
    document = _json(body)
    for _ in range(_ENVELOPES):
        if document.get("Type") != "Notification":
            break
        document = _json(document.get("Message"))
    if document.get("Event") == "s3:TestEvent":
        return []
    if isinstance(records := document.get("Records"), list):
        return [created for record in records if (created := _of_s3(record))]
    if document.get("source") == "aws.s3" and "detail-type" in document:
        # Keys are quoted everywhere but here.
        record = _read(document) if document["detail-type"] == "Object Created" else None
        return [record.created(record.change.object.key)] if record else []
    raise Poison("it is neither a notification of S3's nor an event of EventBridge's about S3")


def _of_s3(record: Any) -> ObjectCreated | None:
    name = record.get("eventName") if isinstance(record, Mapping) else None
    if not isinstance(name, str) or not isinstance(record.get("s3"), Mapping):
        raise Poison("one of its records is not about an object of S3")
    if not name.removeprefix("s3:").startswith("ObjectCreated:"):
        return None
    read = _read(record)
    return read.created(unquote_plus(read.change.object.key))


def _read(document: Mapping[str, Any]) -> _Record:
    try:
        return _Record.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Poison(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _json(text: Any) -> dict[str, Any]:
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        raise Poison("it is not JSON") from error
    if not isinstance(document, dict):
        raise Poison("it is not a JSON object")
    return document
