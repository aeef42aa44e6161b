"""Everything that a server needs, in the order in which one thing needs another."""

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
from deployments.bootstrap.changes import Change, Outcome
from deployments.bootstrap.environment import flow_environment
from deployments.bootstrap.pools import ensure_pools

__all__ = ["bootstrap"]


def bootstrap(environment: Mapping[str, str], *, deploy: bool = False, pool: str | None = None) -> Iterator[Change]:
    """Make blocks, work pools and automations as the environment says; with ``deploy``, the deployments.

    ``pool``: where they run, by default where ``prefect.yaml`` says.

    Gives each change as it is made. Raises ``InvalidInput`` and ``InvalidSetting`` for what cannot be made,
    :class:`subprocess.CalledProcessError` for a deployment that fails, and has said why.
    """
    from prefect.client.orchestration import get_client

    blocks: set[str] = set()
    for change in ensure_blocks(environment):
        blocks.add(change.name)
        yield change
    told = flow_environment(environment, blocks=frozenset(blocks))
    channels = _channels(environment, blocks)
    if channels:
        told["ALERT_CHANNELS"] = json.dumps(channels)
    with get_client(sync_client=True) as client:
        yield from ensure_pools(client, environment, told)
        if deploy:
            yield _deploy(pool)
        yield from ensure_automations(client, environment, channels)


def _deploy(pool: str | None) -> Change:
    """Deploy every flow, with what Prefect says of it on standard error."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    with TemporaryDirectory(prefix="sightline-") as folder:
        if pool is not None:
            file = Path(folder) / "prefect.yaml"
            file.write_text(prefect_file.in_pool(pool), "utf-8")
            command += ["--prefect-file", str(file)]
        # The entrypoints are modules, which are looked for from where the project is.
        subprocess.run(command, cwd=prefect_file.FILE.parent, stdout=sys.stderr, check=True)  # noqa: S603
    return Change("deployments", f"{len(prefect_file.deployments())} of {prefect_file.FILE.name}", Outcome.UPDATED)


def _channels(environment: Mapping[str, str], blocks: set[str]) -> list[str]:
    """Those of ALERT_CHANNELS; where that is not set, the blocks that were made to tell people."""
    if given := environment.get("ALERT_CHANNELS"):
        return list(map(str, json.loads(given)))
    return [each for each in (SLACK, EMAIL) if each in blocks and (each != EMAIL or environment.get("ALERT_EMAIL_TO"))]
