"""Publication of alerts to an SNS topic."""

from __future__ import annotations

from sightline.alerts.alert import Alert
from sightline.alerts.text import as_text, subject

__all__ = ["publish"]


def publish(topic: str, alert: Alert, timeout: float = 10.0) -> None:
    """Publish the alert to the topic with this ARN, in the topic's region.

    Credentials come from the standard AWS variables. Raises boto3's exceptions.

    Args:
        topic: The topic's ARN.
        alert: The alert, sent as plain text.
        timeout: Seconds until connecting, or reading the response, times out.
    """
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 1})
    client = boto3.client("sns", region_name=topic.split(":")[3], config=config)
    client.publish(TopicArn=topic, Subject=subject(alert), Message=as_text(alert))
