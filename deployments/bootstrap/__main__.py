"""The command: one line on standard output for each thing, and what was done with it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from deployments.bootstrap import bootstrap
from sightline.errors import SightlineError

__all__ = ["main"]


def main() -> int:
    """1 where something could not be made, and a line says what."""
    parser = argparse.ArgumentParser(prog="python -m deployments.bootstrap", description=__doc__)
    parser.add_argument("--deploy", action="store_true", help="deploy every flow of prefect.yaml too")
    parser.add_argument("--pool", metavar="NAME", help="where the flows run, media-process say; as prefect.yaml has it")
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
