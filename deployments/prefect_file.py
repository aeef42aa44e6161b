"""The deployments, derived from the catalogue of flows, and ``prefect.yaml``, which is generated from them.

``prefect.yaml`` is the file that ``prefect deploy`` reads. ``make fix`` writes it; ``make lint`` fails if it is
not up to date. The local server and the bootstrap use the same deployments.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]

from flows.catalogue import CATALOGUE, FlowEntry

__all__ = [
    "CONTAINERS",
    "DEPLOYMENT",
    "FILE",
    "GPU_CONTAINERS",
    "HOUSEKEEPING",
    "POOLS",
    "PROCESSES",
    "deployment",
    "deployments",
    "flows_of",
    "in_pool",
    "main",
    "pool_of",
    "render",
]

FILE = Path(__file__).resolve().parent.parent / "prefect.yaml"
DEPLOYMENT = "media"
"""The name of every deployment, after the flow's name: ``process-video/media``."""
CONTAINERS = "media-docker"
"""The work pool of containers."""
GPU_CONTAINERS = "media-docker-gpu"
"""The work pool of containers with GPUs."""
HOUSEKEEPING = "media-housekeeping"
"""The work pool of the containers that must not wait for other flows, such as the sweep that rescues lost uploads."""
PROCESSES = "media-process"
"""The work pool of processes on a machine without Docker."""
POOLS = (CONTAINERS, GPU_CONTAINERS, HOUSEKEEPING, PROCESSES)
"""The work pools of this project."""

_WORKING_DIRECTORY = "prefect.deployments.steps.set_working_directory"
_HEADER = """\
# Generated from flows/catalogue.py by `make fix`: edit the catalogue, not this file.
#
# Every flow as a deployment: run `python -m deployments.bootstrap` once, which creates the work pools and their queues,
# and then `prefect --no-prompt deploy --all`. A queue limits the concurrent runs of its flow. `make ui` runs the same
# deployments without containers.
"""


def deployments() -> dict[str, dict[str, Any]]:
    """Return the deployments in the form of ``prefect.yaml``, by the flow's target (``module:function``)."""
    return {entry.target: deployment(entry) for entry in CATALOGUE}


def pool_of(entry: FlowEntry, pool: str = CONTAINERS) -> str:
    """Return the work pool of a flow, if ``pool`` is the one of most flows.

    Beside a pool of containers, flows for housekeeping have a pool of their own. Other pools run every flow.
    """
    return HOUSEKEEPING if entry.pool == "housekeeping" and pool in (CONTAINERS, GPU_CONTAINERS) else pool


def flows_of(pool: str) -> list[FlowEntry]:
    """Return the flows that the work pool may run, in the order in which their waiting runs start."""
    entries = [
        entry
        for entry in CATALOGUE
        if (entry.pool == "housekeeping" if pool == HOUSEKEEPING else pool_of(entry, pool) == pool)
    ]
    return sorted(entries, key=lambda entry: entry.bulk)


def in_pool(pool: str, environment: Mapping[str, str]) -> str:
    """Return ``prefect.yaml`` with the deployments in the named work pool; see :func:`pool_of`.

    The schedules that the variables of ``environment`` switch on are active. In :data:`PROCESSES`, deployments run in
    this folder, without a memory limit.
    """

    def moved(entry: FlowEntry) -> dict[str, Any]:
        spec = deployment(entry, environment)
        work_pool = {**spec["work_pool"], "name": pool_of(entry, pool)}
        if pool != PROCESSES:
            return {**spec, "work_pool": work_pool}
        del work_pool["job_variables"]
        return {**spec, "work_pool": work_pool, "pull": [{_WORKING_DIRECTORY: {"directory": str(FILE.parent)}}]}

    return _yaml([moved(entry) for entry in CATALOGUE])


def render() -> str:
    """Return the text of ``prefect.yaml``."""
    return _HEADER + _yaml(list(deployments().values()))


def main() -> int:
    """Write ``prefect.yaml``, or with ``--check`` only compare it; return the exit status."""
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text("utf-8") == render():
            return 0
        print(f"{FILE.name} differs from flows/catalogue.py: run `make fix`", file=sys.stderr)
        return 1
    FILE.write_text(render(), "utf-8")
    return 0


def deployment(entry: FlowEntry, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return one flow's deployment in the form of ``prefect.yaml``.

    It has no ``concurrency_limit``: that is a lease, and a run crashes if the server cannot renew it. The flow's work
    queue has the limit instead; the server counts the runs in the database.
    """
    spec: dict[str, Any] = {
        "name": DEPLOYMENT,
        "entrypoint": entry.target.replace(":", "."),
        "description": entry.summary,
        "tags": list(entry.tags),
        "work_pool": {
            "name": pool_of(entry),
            "work_queue_name": entry.name,
            "job_variables": {"mem_limit": entry.memory},
        },
        # The image holds the code; without a pull step Prefect would copy the folder that the flows were deployed from.
        "pull": [{_WORKING_DIRECTORY: {"directory": "/opt/sightline"}}],
        "enforce_parameter_schema": True,
    }
    if entry.schedules:
        spec["schedules"] = [
            {"slug": schedule.slug, "cron": schedule.cron, "timezone": "UTC"}
            | ({"parameters": dict(schedule.parameters)} if schedule.parameters else {})
            | ({"active": bool((environment or {}).get(schedule.variable))} if schedule.variable else {})
            for schedule in entry.schedules
        ]
    if entry.triggers:
        spec["triggers"] = [
            {
                "name": trigger.name,
                "type": "event",
                "expect": [trigger.expect],
                "match": dict(trigger.match),
                "parameters": dict(trigger.parameters),
            }
            for trigger in entry.triggers
        ]
    return spec


class _Dumper(yaml.SafeDumper):  # type: ignore[misc,unused-ignore]
    def ignore_aliases(self, data: Any) -> bool:
        """Return True: equal values are written out, because generated anchors are hard to read."""
        return True


def _yaml(specs: list[dict[str, Any]]) -> str:
    document = {"name": "sightline", "deployments": specs}
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True))


if __name__ == "__main__":
    sys.exit(main())
