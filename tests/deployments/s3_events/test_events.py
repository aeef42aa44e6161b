"""What the server is told: as its own schema takes it, and of what the rules take only."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.s3_events.events import object_created, poison, upload_of
from deployments.s3_events.messages import read_message
from deployments.s3_events.sqs import Message
from sightline.uploads import Intakes, Upload
from tests.deployments.s3_events.fake import s3_message


def told(intakes: Intakes, *args: Any, **more: Any) -> tuple[Upload, dict[str, Any]]:
    [created] = read_message(s3_message(*args, **more))
    upload = upload_of(created, intakes)
    assert upload
    return upload, object_created(created, upload)


def test_the_servers_own_schema_takes_the_events(intakes: Intakes) -> None:
    from prefect.server.events.schemas.events import Event

    _, event = told(intakes, "ana/visit 1.mp4", versionId="v1")
    read = Event.model_validate(event)
    assert read.resource.id == "sightline.s3.videos/ana/visit 1.mp4"
    assert read.payload["uri"] == "s3://videos/ana/visit 1.mp4"
    assert read.payload["kind"] == "video"
    assert read.payload["patient"] == "ana"
    Event.model_validate(poison("http://sqs/1/uploads", Message("m", "r", "x" * 5000, 1), "it is not JSON", "q"))


def test_a_message_that_comes_again_has_the_same_id_and_another_version_another(intakes: Intakes) -> None:
    ids = [
        told(intakes, "ana/a.mp4", etag="1", sequencer="1", versionId="x")[1]["id"],
        told(intakes, "ana/a.mp4", etag="1", sequencer="2", versionId="y")[1]["id"],
        told(intakes, "ana/a.mp4", etag="2")[1]["id"],
        told(intakes, "ana/b.mp4", etag="1")[1]["id"],
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_a_file_without_a_patient_is_told_of_without_one(intakes: Intakes) -> None:
    upload, event = told(intakes, "clip.mp4")
    assert upload.patient is None
    assert "sightline.patient" not in event["resource"]


@pytest.mark.parametrize(
    ("key", "bucket"),
    [("ana/notes.txt", "videos"), ("annotated/ana/visit.mp4", "videos"), ("ana/visit.mp4", "others")],
)
def test_what_no_rule_takes_is_no_upload(intakes: Intakes, key: str, bucket: str) -> None:
    [created] = read_message(s3_message(key, bucket=bucket))
    assert upload_of(created, intakes) is None
