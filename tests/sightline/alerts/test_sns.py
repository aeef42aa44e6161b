"""Publication of alerts to the subscribers of an SNS topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sightline.alerts import Alert, as_text, publish
from sightline.storage import Location


@pytest.fixture
def sns(s3_bucket: Location, s3_environment: dict[str, str]) -> Any:
    """A client of the SNS service that the AWS variables select."""
    import boto3

    return boto3.client("sns")


def sent_notifications(topic: str) -> list[tuple[Any, ...]]:
    from moto.sns.models import sns_backends

    return list(sns_backends[topic.split(":")[4]][topic.split(":")[3]].topics[topic].sent_notifications)


def test_topic_receives_text_with_subject(sns: Any, alert: Callable[..., Alert]) -> None:
    topic = sns.create_topic(Name="ward-alerts")["TopicArn"]
    sent = alert(title="José\nfailed")
    publish(topic, sent)
    [(_, message, title, *_)] = sent_notifications(topic)
    assert title == "sightline: Jose failed"
    assert message == as_text(sent)


def test_unknown_topic_is_an_error(sns: Any, alert: Callable[..., Alert]) -> None:
    with pytest.raises(ClientError, match="NotFound"):
        publish("arn:aws:sns:us-east-1:123456789012:nowhere", alert())
