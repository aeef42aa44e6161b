"""Messages of every format are parsed alike, and each invalid record is returned with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.s3_events.messages import Invalid, ObjectCreated, read_message
from tests.deployments.s3_events.fake import s3_message

CLIP = ObjectCreated(
    bucket="videos",
    key="ana/visit 1+2 ü.mp4",
    etag="d41d8cd98f00b204e9800998ecf8427e",
    size=1024,
    version_id="096fKKXTRTtl3on89fVO.nfljtsv6qko",
    sequencer="0A1B2C3D4E5F678901",
    at=datetime(2026, 1, 31, 10, 20, 30, 123000, UTC),
)
DIRECT = s3_message(CLIP.key, versionId=CLIP.version_id)


def contents(body: str) -> list[ObjectCreated | Invalid]:
    return [record.content for record in read_message(body)]


def keys(body: str) -> list[str]:
    return [content.key for content in contents(body) if isinstance(content, ObjectCreated)]


def through_sns(message: str) -> str:
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:eu-west-1:123456789012:uploads",
            "Subject": "Amazon S3 Notification",
            "Message": message,
            "Timestamp": "2026-01-31T10:20:31.000Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/cert.pem",
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        }
    )


def from_eventbridge(key: str = CLIP.key, kind: str = "Object Created") -> str:
    return json.dumps(
        {
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": kind,
            "source": "aws.s3",
            "account": "123456789012",
            "time": "2026-01-31T10:20:30.123Z",
            "region": "eu-west-1",
            "resources": ["arn:aws:s3:::videos"],
            "detail": {
                "version": "0",
                "bucket": {"name": "videos"},
                "object": {
                    "key": key,
                    "size": 1024,
                    "etag": CLIP.etag,
                    "version-id": CLIP.version_id,
                    "sequencer": CLIP.sequencer,
                },
                "request-id": "N4N7GDK58NMKJ12R",
                "requester": "123456789012",
                "source-ip-address": "192.0.2.7",
                "reason": "PutObject",
            },
        }
    )


@pytest.mark.parametrize(
    "body",
    [DIRECT, through_sns(DIRECT), from_eventbridge(), through_sns(from_eventbridge())],
    ids=["direct or SNS raw delivery", "through SNS", "EventBridge", "EventBridge through SNS"],
)
def test_every_message_format_yields_the_same_object(body: str) -> None:
    [record] = read_message(body)
    assert (record.content, record.body) == (CLIP, body)


def test_fields_that_other_systems_omit_are_optional() -> None:
    """Moto, and S3 without versioning, omit the sequencer and the version; MinIO writes s3: before the event."""
    message = json.loads(s3_message("a.mp4"))
    [record] = message["Records"]
    del record["s3"]["object"]["sequencer"], record["s3"]["object"]["size"]
    record["eventName"] = "s3:ObjectCreated:CompleteMultipartUpload"
    [created] = contents(json.dumps(message))
    assert isinstance(created, ObjectCreated)
    assert (created.version_id, created.sequencer, created.size) == (None, None, None)


def test_message_with_two_records_yields_two_objects() -> None:
    records = [json.loads(s3_message(key))["Records"][0] for key in ("a.mp4", "b.mp4")]
    assert keys(json.dumps({"Records": records})) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize("wrap", [str, through_sns], ids=["direct", "through SNS"])
def test_body_of_each_record_is_a_message_with_this_record_only(wrap: Callable[[str], str]) -> None:
    """It can be moved from the dead-letter queue back to the queue."""
    records = [json.loads(s3_message(key))["Records"][0] for key in ("a.mp4", "b.mp4")]
    read = read_message(wrap(json.dumps({"Records": [records[0], {"kinesis": {}}, 7, records[1]]})))
    assert [read_message(record.body) for record in read] == [[record] for record in read]
    assert [isinstance(record.content, Invalid) for record in read] == [False, True, True, False]


TEST_EVENT = json.dumps(
    {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-01-31T10:20:30.123Z",
        "Bucket": "videos",
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR",
    }
)
REMOVED = json.dumps(
    {
        "Records": [
            {
                "eventName": "ObjectRemoved:Delete",
                "eventTime": "2026-01-31T10:20:30.123Z",
                "s3": {"bucket": {"name": "videos"}, "object": {"key": "a.mp4", "sequencer": "0A"}},
            }
        ]
    }
)


@pytest.mark.parametrize(
    "body",
    [TEST_EVENT, through_sns(TEST_EVENT), REMOVED, from_eventbridge(kind="Object Deleted"), '{"Records": []}'],
    ids=["test event", "test event through SNS", "removed", "deleted by EventBridge", "no records"],
)
def test_message_without_a_new_object_yields_none(body: str) -> None:
    assert read_message(body) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "it is not JSON"),
        ("hello", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ('"text"', "it is not a JSON object"),
        ('{"Type": "Notification"}', "it is not a JSON object"),
        ('{"Type": "SubscriptionConfirmation"}', "it is neither"),
        ('{"Records": [{"kinesis": {}}]}', "it is not about an S3 object"),
        ('{"Records": [7]}', "it is not about an S3 object"),
        (json.dumps({"detail-type": "Object Created", "source": "aws.s3", "detail": {}}), "Field required"),
        (s3_message("a.mp4", etag=""), "s3.object.eTag: String should have at least 1 character"),
        (s3_message("a.mp4", etag="\ud800"), "s3.object.eTag: Input should be a valid string"),
        (f'{{"Records": [7, {"[" * 900}{"]" * 900}]}}', "it is not about an S3 object"),
    ],
)
def test_invalid_message_is_returned_with_the_reason(body: str, reason: str) -> None:
    for record in read_message(body):
        assert isinstance(record.content, Invalid)
        assert reason in record.content.reason
    assert read_message(body)


@given(st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable()))
def test_any_object_key_is_preserved(key: str) -> None:
    assert [keys(body) for body in (s3_message(key), from_eventbridge(key))] == [[key], [key]]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Records", "Type", "Message", "s3", "object", "key", "eventName", "detail", "source"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_parsed_or_invalid(value: Any) -> None:
    assert all(isinstance(content, ObjectCreated | Invalid) for content in contents(json.dumps(value)))


@given(st.lists(json_values | st.sampled_from([json.loads(DIRECT)["Records"][0]]), max_size=6))
def test_valid_records_are_found_beside_any_others(records: list[Any]) -> None:
    valid = records.count(json.loads(DIRECT)["Records"][0])
    assert contents(json.dumps({"Records": records})).count(CLIP) == valid
