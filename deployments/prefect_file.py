"""``prefect.yaml``, as the local server and a process pool take it.

There is one account of the deployments: names, triggers, schedules and limits are those of the file, wherever they run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]

__all__ = ["DEPLOYMENT", "FILE", "PROCESSES", "deployments", "in_pool"]

FILE = Path(__file__).resolve().parent.parent / "prefect.yaml"
DEPLOYMENT = "media"
"""What every deployment is called, after its flow's name."""
PROCESSES = "media-process"
"""The work pool of those who do without containers."""


def deployments() -> dict[str, dict[str, Any]]:
    """The deployments, by the flow's entrypoint: ``module:function``, as the catalogue has it."""
    found = yaml.safe_load(FILE.read_text("utf-8"))["deployments"]
    return {":".join(each["entrypoint"].rsplit(".", 1)): each for each in found}


def in_pool(pool: str) -> str:
    """The file with every deployment in the named pool.

    In the pool of processes they run in this folder, and no container has to be limited.
    """

    def moved(spec: dict[str, Any]) -> dict[str, Any]:
        if pool != PROCESSES:
            return {**spec, "work_pool": {**spec["work_pool"], "name": pool}}
        here = {"prefect.deployments.steps.set_working_directory": {"directory": str(FILE.parent)}}
        return {**spec, "work_pool": {"name": pool, "work_queue_name": "default"}, "pull": [here]}

    specs = [moved(spec) for spec in yaml.safe_load(FILE.read_text("utf-8"))["deployments"]]
    return str(yaml.safe_dump({"name": "sightline", "deployments": specs}, sort_keys=False))
