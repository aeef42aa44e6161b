"""``python -m deployments.janitor``: remove the stopped containers of flow runs one day after their creation.

Until then they can be inspected: ``docker logs`` shows their output.
"""

from __future__ import annotations

import signal
import sys
from threading import Event

__all__ = ["main", "remove_stopped"]

LABEL = "io.prefect.flow-run-id"  # set by the Docker worker on every container of a run
HOURS = 24
_INTERVAL = 3600.0  # seconds between two passes


def main() -> None:
    """Remove stopped containers every hour until SIGTERM."""
    from docker.errors import DockerException

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while True:
        try:
            for container in remove_stopped(HOURS):
                print(f"removed {container}", flush=True)
        except (DockerException, OSError) as error:  # transient: the next pass tries again
            print(f"Docker does not respond: {error}", file=sys.stderr)
        if stop.wait(_INTERVAL):
            return


def remove_stopped(hours: float) -> list[str]:
    """Remove the stopped containers of flow runs that were created at least ``hours`` ago; return their ids."""
    import docker

    client = docker.from_env()  # type: ignore[attr-defined]  # mypy takes the folder docker/ for the package
    try:
        removed = client.containers.prune(filters={"label": LABEL, "until": f"{hours * 3600:.0f}s"})
    finally:
        client.close()
    return list(removed["ContainersDeleted"] or [])


if __name__ == "__main__":
    main()
