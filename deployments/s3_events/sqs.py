"""The queue and its dead-letter queue."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

__all__ = ["AWS_ERRORS", "BATCH", "Message", "Queue"]

AWS_ERRORS = (BotoCoreError, ClientError)
BATCH = 10  # messages that SQS handles in one request, at most
_MAX_VISIBILITY = 43_200
_REGION = re.compile(r"//sqs\.([a-z0-9-]+)\.")
_REASON = 200


@dataclass(frozen=True)
class Message:
    """A message as it was received. ``receives`` counts how often, this time included."""

    id: str
    receipt: str
    body: str
    receives: int


@dataclass(frozen=True)
class Queue:
    """The queue at ``url``. Every method raises what boto3 raises."""

    client: Any
    url: str
    dead_letters: str | None
    """The URL of the dead-letter queue; None where there is none."""
    wait_seconds: int
    visibility_seconds: int

    @classmethod
    def open(cls, url: str, dead_letters: str | None, wait_seconds: int, visibility_seconds: int) -> Queue:
        """Connect; ``dead_letters`` None is the queue that the redrive policy names."""
        import boto3
        from botocore.config import Config

        region = _REGION.search(url)
        config = Config(connect_timeout=5, read_timeout=wait_seconds + 15, retries={"total_max_attempts": 3})
        client = boto3.client("sqs", region_name=region[1] if region else None, config=config)
        queue = cls(client, url, dead_letters, wait_seconds, visibility_seconds)
        return queue if dead_letters else cls(client, url, queue._redrive(), wait_seconds, visibility_seconds)

    def receive(self) -> list[Message]:
        """Up to ten messages, as soon as there is one; none where none came while it waited."""
        answer = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=self.wait_seconds,
            VisibilityTimeout=self.visibility_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [
            Message(
                each["MessageId"],
                each["ReceiptHandle"],
                each["Body"],
                int(each.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for each in answer.get("Messages", ())
        ]

    def delete(self, messages: Sequence[Message]) -> list[str]:
        """Delete them; the ids of those that SQS did not, and that will come again."""
        return self._batch(self.client.delete_message_batch, messages, {})

    def keep_for(self, messages: Sequence[Message], seconds: float) -> list[str]:
        """Keep them from other listeners for so long, 0 to give them back; the ids of those that cannot be kept."""
        visibility = min(int(seconds), _MAX_VISIBILITY)
        return self._batch(self.client.change_message_visibility_batch, messages, {"VisibilityTimeout": visibility})

    def bury(self, message: Message, reason: str) -> None:
        """Send the message to the dead-letter queue, which there must be, with the reason as an attribute."""
        attributes = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in (("reason", reason[:_REASON]), ("source-queue", self.url), ("message-id", message.id))
        }
        self.client.send_message(QueueUrl=self.dead_letters, MessageBody=message.body, MessageAttributes=attributes)

    def _batch(
        self, request: Callable[..., dict[str, Any]], messages: Sequence[Message], fields: dict[str, Any]
    ) -> list[str]:
        if not messages:
            return []
        entries = [{"Id": str(n), "ReceiptHandle": each.receipt, **fields} for n, each in enumerate(messages)]
        answer = request(QueueUrl=self.url, Entries=entries)
        return [messages[int(each["Id"])].id for each in answer.get("Failed", ())]

    def _redrive(self) -> str | None:
        answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"])
        policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
        if "deadLetterTargetArn" not in policy:
            return None
        *_, account, name = policy["deadLetterTargetArn"].split(":")
        return str(self.client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])
