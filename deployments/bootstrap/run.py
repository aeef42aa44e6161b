"""All resources of a server, created in the order of their dependencies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from deployments import prefect_file
from deployments.bootstrap.automations import ensure_automations
from deployments.bootstrap.blocks import EMAIL, SLACK, ensure_blocks
from deployments.bootstrap.environment import flow_environment
from deployments.bootstrap.pools import ensure_pools
from deployments.bootstrap.resources import Change, ChangeType

__all__ = ["bootstrap"]


def bootstrap(environment: Mapping[str, str], *, deploy: bool = False, pool: str | None = None) -> Iterator[Change]:
    """Create or update blocks, work pools and automations; with ``deploy``, also the deployments.

    ``pool`` is the work pool of the deployments, by default the one in ``prefect.yaml``.

    Yields every change as soon as it is done. Raises ``InvalidInput`` or ``InvalidSetting`` for a resource that cannot
    be created, and :class:`subprocess.CalledProcessError` if ``prefect deploy`` fails, which prints the reason itself.
    """
    from prefect.client.orchestration import get_client

    blocks: set[str] = set()
    for change in ensure_blocks(environment):
        blocks.add(change.name)
        yield change
    flow_variables = flow_environment(environment, blocks=frozenset(blocks))
    channels = _channels(environment, blocks)
    if channels:
        flow_variables["ALERT_CHANNELS"] = json.dumps(channels)
    with get_client(sync_client=True) as client:
        yield from ensure_pools(client, environment, flow_variables)
        if deploy:
            yield _deploy(pool)
        yield from ensure_automations(client, environment, channels)


def _deploy(pool: str | None) -> Change:
    """Deploy every flow; Prefect's output goes to standard error."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    with TemporaryDirectory(prefix="sightline-") as folder:
        if pool is not None:
            file = Path(folder) / "prefect.yaml"
            file.write_text(prefect_file.in_pool(pool), "utf-8")
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
