"""``make api``: serve on this machine until Ctrl-C."""

from __future__ import annotations

import logging
import os
import socket
import sys

import uvicorn

from api.app import create_app
from sightline.errors import SightlineError
from sightline.settings import settings

__all__ = ["main"]

DEFAULT_PORT = 8000
_SHUTDOWN_SECONDS = 30


def main() -> None:
    """Serve on ``API_HOST`` and the port ``PORT``, 8000 by default. At the end, requests in progress are completed."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config, port = settings(), int(os.environ.get("PORT") or DEFAULT_PORT)
    try:
        app = create_app(config)
    except SightlineError as error:
        sys.exit(f"make api: {error}")
    listener = _listen(config.api_host, port)
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=_SHUTDOWN_SECONDS
        )
    )
    host = f"[{config.api_host}]" if ":" in config.api_host else config.api_host
    address = f"http://{host}:{listener.getsockname()[1]}"
    print(f"Try it at {address}, or read about the endpoints at {address}/docs. Ctrl-C stops it.", file=sys.stderr)
    server.run([listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        sys.exit(f"make api: port {port} of {host} is not available: {error}. Try make api PORT={port + 1}")
    # Connections inherit this. Without it the end of a response waits 40 ms for the caller's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


if __name__ == "__main__":
    main()
