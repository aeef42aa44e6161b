"""Events match the server's schema and are emitted only for objects that match an upload rule."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.s3_events.events import object_created, poison, upload_of
from deployments.s3_events.messages import ObjectCreated, read_message
from sightline.uploads import Upload, UploadRules
from tests.deployments.s3_events.fake import s3_message


def created_by(body: str) -> ObjectCreated:
    [record] = read_message(body)
    assert isinstance(record.content, ObjectCreated)
    return record.content


def event_of(upload_rules: UploadRules, *args: Any, **more: Any) -> tuple[Upload, dict[str, Any]]:
    created = created_by(s3_message(*args, **more))
    upload = upload_of(created, upload_rules)
    assert upload
    return upload, object_created(created, upload)


def test_events_are_valid_in_the_servers_schema(upload_rules: UploadRules) -> None:
    from prefect.server.events.schemas.events import Event

    _, event = event_of(upload_rules, "ana/visit 1.mp4", versionId="v1")
    parsed = Event.model_validate(event)
    assert parsed.resource.id == "sightline.s3.videos/ana/visit 1.mp4"
    assert parsed.payload["uri"] == "s3://videos/ana/visit 1.mp4"
    assert parsed.payload["kind"] == "video"
    assert parsed.payload["patient"] == "ana"
    Event.model_validate(poison("http://sqs/1/uploads", "m", 0, "it is not JSON", "q", "x" * 5000))


def test_event_of_an_invalid_record_depends_on_its_message_and_position() -> None:
    records = [("m", 0), ("m", 0), ("m", 1), ("n", 0)]
    ids = [poison("http://sqs/1/uploads", *record, "it is not JSON", "q", "x")["id"] for record in records]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_event_id_depends_only_on_the_object_and_its_etag(upload_rules: UploadRules) -> None:
    ids = [
        event_of(upload_rules, "ana/a.mp4", etag="1", sequencer="1", versionId="x")[1]["id"],
        event_of(upload_rules, "ana/a.mp4", etag="1", sequencer="2", versionId="y")[1]["id"],
        event_of(upload_rules, "ana/a.mp4", etag="2")[1]["id"],
        event_of(upload_rules, "ana/b.mp4", etag="1")[1]["id"],
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_event_of_a_file_without_patient_has_no_patient_label(upload_rules: UploadRules) -> None:
    upload, event = event_of(upload_rules, "clip.mp4")
    assert upload.patient is None
    assert "sightline.patient" not in event["resource"]


@pytest.mark.parametrize(
    ("key", "bucket"),
    [("ana/notes.txt", "videos"), ("annotated/ana/visit.mp4", "videos"), ("ana/visit.mp4", "others")],
)
def test_object_that_matches_no_rule_is_no_upload(upload_rules: UploadRules, key: str, bucket: str) -> None:
    assert upload_of(created_by(s3_message(key, bucket=bucket)), upload_rules) is None
