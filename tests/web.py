"""A server on loopback with the responses of a test, valid or not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

__all__ = ["Response", "Server", "listening", "ok", "redirect"]

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
Response = bytes | Callable[[socket.socket], None]


class Server:
    """Sends the next of ``responses`` to every request, and repeats the last one."""

    def __init__(self, responses: list[Response], address: str = "127.0.0.1") -> None:
        self.requests: list[str] = []
        self.responses = responses
        is_ipv6 = ":" in address
        self._listener = socket.create_server((address, 0), family=socket.AF_INET6 if is_ipv6 else socket.AF_INET)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://{f'[{address}]' if is_ipv6 else address}:{self.port}"
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.requests.append("")
            threading.Thread(target=self._respond, args=(connection, len(self.requests) - 1), daemon=True).start()

    def _respond(self, connection: socket.socket, number: int) -> None:
        with connection:
            self.requests[number] = connection.recv(65536).decode("latin-1")
            response = self.responses[min(number, len(self.responses) - 1)]
            try:
                if callable(response):
                    response(connection)
                else:
                    connection.sendall(response)
            except OSError:
                return  # The client may close the connection early.


@contextmanager
def listening(*responses: Response, address: str = "127.0.0.1") -> Iterator[Server]:
    with closing(Server(list(responses), address)) as server:
        yield server


def ok(content: bytes) -> bytes:
    return _OK % (len(content), content)


def redirect(url: str, status: str = "302 Found") -> bytes:
    return f"HTTP/1.1 {status}\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()
