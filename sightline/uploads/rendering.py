"""Alerts about uploads."""

from __future__ import annotations

from sightline.alerts import Alert

__all__ = ["invalid_record_alert"]

_BODY = 1000  # characters of a record


def invalid_record_alert(
    queue: str, dead_letters: str | None, message: str, number: int, reason: str, body: str
) -> Alert:
    """Return the alert about a record of S3's notifications that starts no run.

    Args:
        queue: The URL of the queue.
        dead_letters: The URL of its dead-letter queue; without one the message stays in the queue.
        message: The id of the message. With ``number`` it identifies the event, also if it is received again.
        number: The position of the record in the message, from 0.
        reason: Why the record starts no run.
        body: The record.
    """
    if dead_letters:
        fix = "Remove the cause, then move the record back with a redrive of the dead-letter queue"
    else:
        fix = "Remove the message from the queue, or give the queue a dead-letter queue"
    return Alert(
        key=f"invalid record {queue} {message} {number}",
        kind="failure",
        title="An upload notification is invalid and starts no run",
        facts={
            "reason": reason,
            "queue": queue,
            "dead-letter queue": dead_letters or "none, so the message stays for the queue's redrive policy",
            "message": f"{message}, record {number + 1}",
            "record": body[:_BODY],
            "fix": fix,
        },
    )
