"""The messages of a queue in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from moto.sqs.models import Message, Queue

from deployments.local_aws.files import dump, load, synchronize, write_file

__all__ = ["MessageFolder"]


class MessageFolder:
    """A queue in a folder: one file per message that is not deleted."""

    def __init__(self, folder: Path, queue: Queue) -> None:
        self._folder, self._queue = folder, queue
        self._written: dict[str, tuple[Any, ...]] = {}
        queue.deleted_messages = _DeletedHandles(queue)  # type: ignore[assignment]

    def restore(self) -> None:
        """Restore the messages. One that was received becomes visible when it would have without a restart."""
        self._folder.mkdir(parents=True, exist_ok=True)
        messages = []
        for path in self._folder.iterdir():
            fields = load(path.read_bytes())
            message = Message(fields["id"], fields["body"])
            vars(message).update(fields)
            messages.append(message)
        self._queue._messages = sorted(messages, key=lambda message: message.sent_timestamp or 0)
        self._written = {message.id: _state(message) for message in messages}

    def write_changes(self) -> None:
        """Write what changed since the last call. Raises ``OSError``."""
        messages = {message.id: message for message in self._queue._messages}
        changed = [message for message in messages.values() if self._written.get(message.id) != _state(message)]
        removed = self._written.keys() - messages.keys()
        for name in removed:
            (self._folder / name).unlink(missing_ok=True)
        for message in changed:
            write_file(self._folder / message.id, dump(vars(message)))
        if changed or removed:
            synchronize(self._folder)
        self._written = {name: _state(message) for name, message in messages.items()}


def _state(message: Message) -> tuple[Any, ...]:
    """Return what changes during the life of a message."""
    return message.receipt_handle, message.approximate_receive_count, message.visible_at


class _DeletedHandles:
    """The receipt handles of deleted messages: those that no message has. Deleting a message twice is no error."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def __contains__(self, handle: str) -> bool:
        return not any(message.had_receipt_handle(handle) for message in self._queue._messages)

    def update(self, handles: Iterable[str]) -> None:
        """Moto adds the handles of a message that it deletes."""
