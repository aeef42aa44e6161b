"""The SQS queue and its dead-letter queue."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

__all__ = ["AWS_ERRORS", "BATCH", "Message", "Queue"]

AWS_ERRORS = (BotoCoreError, ClientError)
BATCH = 10  # the most messages that SQS accepts in one request
_MAX_VISIBILITY = 43_200  # seconds; the limit of SQS
_REGION = re.compile(r"//sqs\.([a-z0-9-]+)\.")
_REASON = 200  # characters
_EXTENSIONS = 3  # of the visibility timeout, in one visibility timeout: one may fail


@dataclass(frozen=True)
class Message:
    """A received message. ``receives`` is the number of times it was received, including this one."""

    id: str
    receipt: str
    body: str
    receives: int


@dataclass(frozen=True)
class Queue:
    """The queue at ``url``. Every method raises boto3's exceptions, :data:`AWS_ERRORS`."""

    client: Any
    url: str
    dead_letters: str | None
    """The URL of the dead-letter queue, if there is one."""
    wait_seconds: int
    visibility_seconds: int

    @classmethod
    def open(cls, url: str, dead_letters: str | None, wait_seconds: int, visibility_seconds: int) -> Queue:
        """Connect to the queue. If ``dead_letters`` is None, the dead-letter queue of the redrive policy is used."""
        import boto3
        from botocore.config import Config

        region = _REGION.search(url)
        config = Config(connect_timeout=5, read_timeout=wait_seconds + 15, retries={"total_max_attempts": 3})
        client = boto3.client("sqs", region_name=region[1] if region else None, config=config)
        queue = cls(client, url, dead_letters, wait_seconds, visibility_seconds)
        return queue if dead_letters else cls(client, url, queue._redrive_target(), wait_seconds, visibility_seconds)

    def receive(self) -> list[Message]:
        """Wait for messages and return up to ten; the list is empty if none arrived within ``wait_seconds``."""
        response = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=self.wait_seconds,
            VisibilityTimeout=self.visibility_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [
            Message(
                message["MessageId"],
                message["ReceiptHandle"],
                message["Body"],
                int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for message in response.get("Messages", ())
        ]

    def delete(self, messages: Sequence[Message]) -> list[str]:
        """Delete the messages. Return the ids of those that SQS did not delete; they will be received again."""
        return self._batch(self.client.delete_message_batch, messages, {})

    def extend_visibility(self, messages: Sequence[Message], seconds: float) -> list[str]:
        """Hide the messages from other listeners for ``seconds`` from now; 0 returns them to the queue.

        Return the ids of the messages for which this failed.
        """
        visibility = min(int(seconds), _MAX_VISIBILITY)
        return self._batch(self.client.change_message_visibility_batch, messages, {"VisibilityTimeout": visibility})

    @contextmanager
    def hold(self, messages: Sequence[Message], on_failure: Callable[[str], None]) -> Iterator[set[str]]:
        """Hide the messages from other listeners until the block ends, however long that takes.

        Yield the ids of the messages that were lost: they will be received again. A failure to extend the visibility
        timeouts is passed to ``on_failure``, and tried again.
        """
        done, lost = Event(), set[str]()

        def extend() -> None:
            while not done.wait(self.visibility_seconds / _EXTENSIONS):
                try:
                    held = [message for message in messages if message.id not in lost]
                    lost.update(self.extend_visibility(held, self.visibility_seconds))
                except AWS_ERRORS as error:
                    on_failure(str(error))

        thread = Thread(target=extend, name="visibility", daemon=True)
        thread.start()
        try:
            yield lost
        finally:
            done.set()
            thread.join()

    def send_to_dead_letters(self, message: Message, body: str, reason: str) -> None:
        """Send ``body``, one record of the message, to the dead-letter queue, which must exist.

        The reason and the message's id are attributes.
        """
        attributes = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in (("reason", reason[:_REASON]), ("source-queue", self.url), ("message-id", message.id))
        }
        self.client.send_message(QueueUrl=self.dead_letters, MessageBody=body, MessageAttributes=attributes)

    def _batch(
        self, request: Callable[..., dict[str, Any]], messages: Sequence[Message], fields: dict[str, Any]
    ) -> list[str]:
        if not messages:
            return []
        entries = [
            {"Id": str(index), "ReceiptHandle": message.receipt, **fields} for index, message in enumerate(messages)
        ]
        response = request(QueueUrl=self.url, Entries=entries)
        return [messages[int(failure["Id"])].id for failure in response.get("Failed", ())]

    def _redrive_target(self) -> str | None:
        response = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"])
        policy = json.loads(response.get("Attributes", {}).get("RedrivePolicy", "{}"))
        if "deadLetterTargetArn" not in policy:
            return None
        *_, account, name = policy["deadLetterTargetArn"].split(":")
        return str(self.client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])
