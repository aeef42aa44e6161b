"""An alert to the subscribers of an SNS topic."""

from __future__ import annotations

from sightline.alerts.alert import Alert
from sightline.alerts.text import as_text, subject

__all__ = ["publish"]


def publish(topic: str, alert: Alert, timeout: float = 10.0) -> None:
    """Publish to the topic with this ARN, in its own region; credentials come from the standard AWS variables.

    Each of connecting and reading may take ``timeout`` seconds. Raises what boto3 raises.
    """
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 1})
    client = boto3.client("sns", region_name=topic.split(":")[3], config=config)
    client.publish(TopicArn=topic, Subject=subject(alert), Message=as_text(alert))
