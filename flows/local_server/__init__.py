"""The Prefect server of one user on this machine, which the first command starts and later ones use.

It listens on loopback, on a free port, behind a key that only the user can read. It has a database of its own, never
that of ``prefect server start``, and stops by itself when it has not been used for a while.
"""

from flows.local_server.client import earlier_database, keeping_running, using_server
from flows.local_server.database import copy_template
from flows.local_server.lifecycle import Say, replace, running, start, stop
from flows.local_server.state import HOST, Folder, LocalServerError, Lock, ServerState, default_folder

__all__ = [
    "HOST",
    "Folder",
    "LocalServerError",
    "Lock",
    "Say",
    "ServerState",
    "copy_template",
    "default_folder",
    "earlier_database",
    "keeping_running",
    "replace",
    "running",
    "start",
    "stop",
    "using_server",
]
