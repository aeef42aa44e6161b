"""The receivers of alerts: a webhook and a mail server that the containers can reach."""

from __future__ import annotations

import json
import threading
import time
from asyncio import Server
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

__all__ = ["CHANNELS", "Inbox", "Message", "receive_alerts"]

CHANNELS = WEBHOOK, MAIL = ("webhook", "mail")


@dataclass(frozen=True)
class Message:
    """A message that a channel received. ``at`` is a monotonic time."""

    channel: str
    title: str
    at: float = field(default_factory=time.monotonic)


class Inbox:
    """The messages of all channels, in the order of their arrival."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def since(self, count: int) -> list[Message]:
        """Return the messages after the first ``count``."""
        return self.messages[count:]

    @staticmethod
    def counts(messages: list[Message]) -> dict[str, int]:
        """Return the number of messages by channel."""
        found = Counter(message.channel for message in messages)
        return {channel: found[channel] for channel in CHANNELS}


class _Mails:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self._inbox.messages.append(Message(MAIL, str(mail["subject"])))
        return "250 OK"


class _OnAnyPort(Controller):
    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        self.hostname = "127.0.0.1"  # for the connection that checks the start
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def receive_alerts(inbox: Inbox) -> Iterator[tuple[int, int]]:
    """Receive alerts inside the context; yield the ports of the webhook and of the mail server."""

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            inbox.messages.append(Message(WEBHOOK, str(content.get("title") or content)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    # Containers reach this machine by the address of a bridge, so loopback is not enough.
    mails = _OnAnyPort(_Mails(inbox), hostname="0.0.0.0", port=0)
    mails.start()
    try:
        with ThreadingHTTPServer(("0.0.0.0", 0), Webhook) as webhook:
            threading.Thread(target=webhook.serve_forever, daemon=True).start()
            yield webhook.server_port, mails.port
            webhook.shutdown()
    finally:
        mails.stop()
