"""``python -m chaos.deploy``: deploy the flows as the bootstrap deploys the real ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from deployments import prefect_file
from flows.catalogue import FlowEntry

_FLOWS = (
    FlowEntry("chaos-work", "chaos.flows:chaos_work", "Work in steps, and make a result once.", memory="400m"),
    FlowEntry(
        "chaos-hang",
        "chaos.flows:chaos_hang",
        "Hang until the timeout ends the run.",
        memory="400m",
        timeout="training_timeout_seconds",
    ),
    FlowEntry("chaos-review", "chaos.flows:chaos_review", "Suspend the run until a person answers.", memory="400m"),
)


def main() -> None:
    """Deploy the flows to the server of ``PREFECT_API_URL``."""
    document = {"name": "chaos", "deployments": [prefect_file.deployment(entry) for entry in _FLOWS]}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_text(json.dumps(document), "utf-8")  # JSON is YAML
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
        subprocess.run(command, cwd=prefect_file.FILE.parent, check=True)


if __name__ == "__main__":
    main()
