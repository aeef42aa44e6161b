"""``python -m deployments.janitor``: remove the containers of flow runs that have ended, a day after.

Until then they are there to be looked into: ``docker logs`` has what they said.
"""

from __future__ import annotations

import signal
import sys
from threading import Event

__all__ = ["main", "remove_ended"]

LABEL = "io.prefect.flow-run-id"  # which the Docker worker gives to every container of a run
HOURS = 24
_SECONDS_BETWEEN_ROUNDS = 3600.0


def main() -> None:
    """Go round until SIGTERM."""
    from docker.errors import DockerException

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while True:
        try:
            for container in remove_ended(HOURS):
                print(f"removed {container}", flush=True)
        except (DockerException, OSError) as error:  # It may be back in an hour.
            print(f"Docker does not answer: {error}", file=sys.stderr)
        if stop.wait(_SECONDS_BETWEEN_ROUNDS):
            return


def remove_ended(hours: float) -> list[str]:
    """Remove the stopped containers of flow runs that were made so long ago; their ids."""
    import docker

    client = docker.from_env()  # type: ignore[attr-defined]  # mypy takes the folder docker/ for the package
    try:
        removed = client.containers.prune(filters={"label": LABEL, "until": f"{hours * 3600:.0f}s"})
    finally:
        client.close()
    return list(removed["ContainersDeleted"] or [])


if __name__ == "__main__":
    main()
