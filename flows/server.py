"""``sightline server``: the local Prefect server that the commands of a user share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from flows.local_server import Folder, ServerState, default_folder, running, stop, using_server
from sightline.settings import settings

__all__ = ["LocalServer", "server"]


class LocalServer(BaseModel):
    """The local server. ``url`` and the fields from ``prefect`` on are None if it does not run.

    ``login`` is the file with the login of the UI, which is also the value for PREFECT_API_AUTH_STRING.
    """

    model_config = ConfigDict(frozen=True)

    action: Literal["started", "stopped", "running", "not running"]
    database: str
    log: str
    login: str
    url: str | None = None
    prefect: str | None = None
    process: int | None = None
    since: str | None = None
    idle_minutes: float | None = None

    @classmethod
    def of(
        cls, action: Literal["started", "stopped", "running", "not running"], folder: Folder, state: ServerState | None
    ) -> LocalServer:
        """Return the description of a folder's server."""
        files = {"database": str(folder.database), "log": str(folder.log), "login": str(folder.key_file)}
        if state is None:
            return cls(action=action, **files)
        return cls(
            action=action,
            **files,
            url=state.url,
            prefect=state.prefect,
            process=state.pid,
            since=state.started,
            idle_minutes=state.idle_minutes,
        )

    def __str__(self) -> str:
        if self.url is None:
            return f"{self.action}; its database is {self.database}"
        if self.action == "stopped":
            return f"stopped {self.url}; its database is {self.database}"
        end = f"until {self.idle_minutes:g} minutes without use" if self.idle_minutes else "until it is stopped"
        return "\n".join(
            [
                f"{self.action}: {self.url}, Prefect {self.prefect}, process {self.process}, {end}",
                f"login of its pages, in {self.login}: {Path(self.login).read_text('utf-8').strip()}",
                f"for other programs: PREFECT_API_URL={self.url}/api PREFECT_API_AUTH_STRING=$(cat {self.login})",
                f"database: {self.database}, log: {self.log}",
            ]
        )


def server(action: Literal["start", "stop", "status"]) -> LocalServer:
    """Start, stop or show the Prefect server that the commands of this user share.

    A command starts it if PREFECT_API_URL is not set and LOCAL_SERVER is persistent, the default. It stops by itself
    after LOCAL_SERVER_IDLE_MINUTES without use; an open page of its UI is use.

    Args:
        action: start starts it, for its pages; stop stops it now, also if commands use it; status shows it.
    """
    folder = default_folder()
    if action == "stop":
        state = stop(folder)
        return LocalServer.of("stopped" if state else "not running", folder, state)
    if action == "status":
        state = running(folder)
        return LocalServer.of("running" if state else "not running", folder, state)
    before = running(folder)
    with using_server(folder, settings().local_server_idle_minutes, _say) as state:
        return LocalServer.of("running" if before == state else "started", folder, state)


def _say(text: str) -> None:
    print(f"sightline: {text}", file=sys.stderr)
