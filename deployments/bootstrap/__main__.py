"""Command line of the bootstrap: one line per resource with its outcome."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from deployments.bootstrap import bootstrap
from sightline.errors import SightlineError

__all__ = ["main"]

_DESCRIPTION = "Create or update the work pools, queues and blocks that the flows need on the Prefect server."


def main() -> int:
    """Run the bootstrap and return the exit status: 0, or 1 after an error, which is printed."""
    parser = argparse.ArgumentParser(prog="python -m deployments.bootstrap", description=_DESCRIPTION)
    parser.add_argument("--deploy", action="store_true", help="also deploy every flow of prefect.yaml")
    parser.add_argument(
        "--pool",
        metavar="NAME",
        help="the work pool of the deployments, for example media-process (default: those in prefect.yaml)",
    )
    arguments = parser.parse_args()
    try:
        for change in bootstrap(os.environ, deploy=arguments.deploy, pool=arguments.pool):
            print(change, flush=True)
    except SightlineError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
