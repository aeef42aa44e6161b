"""All resources of a server, created in the order of their dependencies."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from deployments import prefect_file
from deployments.bootstrap.automations import remove_automations
from deployments.bootstrap.blocks import EMAIL, SLACK, ensure_blocks
from deployments.bootstrap.environment import flow_environment
from deployments.bootstrap.pools import ensure_pools
from deployments.bootstrap.queues import ensure_queues
from deployments.bootstrap.resources import Change, ChangeType
from sightline.errors import SightlineError

__all__ = ["ServerAway", "bootstrap"]

_PATIENCE = 180.0  # seconds without a response; the gateway of compose.yaml holds requests back for longer
_PAUSE = 3.0


class ServerAway(SightlineError):
    """The Prefect server does not respond, or only with errors."""


def bootstrap(environment: Mapping[str, str], *, deploy: bool = False, pool: str | None = None) -> Iterator[Change]:
    """Create or update blocks, work pools and their queues; with ``deploy``, also the deployments.

    ``pool`` is the work pool of the deployments, by default those in ``prefect.yaml``.

    Yields every change as soon as it is done. If the server does not respond, waits for it and begins again, which
    repeats no change. Raises :class:`ServerAway` if that takes too long, ``InvalidInput`` or ``InvalidSetting`` for a
    resource that cannot be created, and :class:`subprocess.CalledProcessError` if ``prefect deploy`` fails, which
    prints the reason itself.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            for change in _changes(environment, deploy, pool):
                yield change
                deadline = time.monotonic() + _PATIENCE
        except Exception as error:
            reason = _outage(error)
            if reason is None:
                raise
            if time.monotonic() > deadline:
                raise ServerAway(
                    f"{_api_url()} does not respond: {reason}. Start the server, or correct PREFECT_API_URL"
                ) from error
            print(f"{_api_url()} does not respond: {reason}. Trying again", file=sys.stderr, flush=True)
            time.sleep(_PAUSE)
        else:
            return


def _changes(environment: Mapping[str, str], deploy: bool, pool: str | None) -> Iterator[Change]:
    from prefect.client.orchestration import get_client

    blocks: set[str] = set()
    for change in ensure_blocks(environment):
        blocks.add(change.name)
        yield change
    flow_variables = flow_environment(environment, blocks=frozenset(blocks))
    if channels := _channels(environment, blocks):
        flow_variables["ALERT_CHANNELS"] = json.dumps(channels)
    with get_client(sync_client=True) as client:
        yield from ensure_pools(client, environment, flow_variables)
        if pool is not None and pool not in prefect_file.POOLS:
            yield from ensure_queues(client, pool)
        if deploy:
            yield _deploy(pool or prefect_file.CONTAINERS, environment)
        yield from remove_automations(client)


def _deploy(pool: str, environment: Mapping[str, str]) -> Change:
    """Deploy every flow; Prefect's output goes to standard error."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    with TemporaryDirectory(prefix="sightline-") as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_text(prefect_file.in_pool(pool, environment), "utf-8")
        command += ["--prefect-file", str(file)]
        # Entrypoints are modules; Prefect imports them from the working directory.
        subprocess.run(command, cwd=prefect_file.FILE.parent, stdout=sys.stderr, check=True)  # noqa: S603
    return Change("deployments", f"{len(prefect_file.deployments())} of {prefect_file.FILE.name}", ChangeType.UPDATED)


def _channels(environment: Mapping[str, str], blocks: set[str]) -> list[str]:
    """Return ALERT_CHANNELS, or if it is not set, the notification blocks that were created."""
    if setting := environment.get("ALERT_CHANNELS"):
        return list(map(str, json.loads(setting)))
    has_recipients = bool(environment.get("ALERT_EMAIL_TO"))
    return [block for block in (SLACK, EMAIL) if block in blocks and (block != EMAIL or has_recipients)]


def _outage(error: BaseException | None) -> str | None:
    """Return why the server does not respond, if that is the cause of the error, else None."""
    if isinstance(error, subprocess.CalledProcessError):  # its reason is in the output only
        try:
            httpx.get(f"{_api_url()}/ready", timeout=_PAUSE, trust_env=False).raise_for_status()
        except httpx.HTTPError as failure:
            return _outage(failure)
        return None
    while error is not None:
        if isinstance(error, httpx.HTTPStatusError) and error.response.is_server_error:
            return f"status {error.response.status_code}"
        if isinstance(error, httpx.NetworkError | httpx.TimeoutException | httpx.RemoteProtocolError):
            return str(error) or type(error).__name__
        error = error.__cause__
    return None


def _api_url() -> str:
    from prefect.settings import get_current_settings

    return str(get_current_settings().api.url)
