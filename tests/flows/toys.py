"""Small flows for the tests of the command line and the local server."""

from __future__ import annotations

import os
import time
from typing import Annotated, Literal

from prefect import flow, task
from prefect.states import Completed
from pydantic import BaseModel, Field

from sightline.errors import InvalidMedia
from tasks.support.progress import progress


class Sums(BaseModel):
    """The result of an addition."""

    name: str
    total: float
    parts: list[int]
    note: str | None = None
    extremes: dict[str, int] = {}
    exact: bool = True


@task
def add(parts: list[int], *, seconds: float = 0.0) -> float:
    with progress("adding") as report:
        for done in range(len(parts)):
            time.sleep(seconds / len(parts))
            report((done + 1) / len(parts))
    return float(sum(parts))


@task
def divide(total: float, by: int) -> float:
    return total / by


@flow
def add_up(
    name: str,
    parts: list[int] | None = None,
    *,
    unit: Literal["metre", "mile"] | None = None,
    by: Annotated[int, Field(ge=0)] = 1,
    seconds: float = 0.0,
) -> Sums:
    """Add the parts up.

    The sum is divided at the end.

    Args:
        name: The name of the sum.
        parts: The numbers to add.
        unit: Their unit.
        by: The divisor of the sum.
        seconds: The duration of the run.

    Returns:
        The sum.
    """
    print("a print from Python")
    os.write(1, b"a print from C\n")
    parts = parts or [1, 2, 3]
    return Sums(
        name=name,
        total=divide(add(parts, seconds=seconds), by),
        parts=parts,
        note=unit,
        extremes={"smallest": min(parts)},
    )


@flow
def refuse(video: str):  # type: ignore[no-untyped-def]
    """Refuse the video."""
    if video == "done.mp4":
        return Completed(name="Skipped", message=f"{video} was processed before")
    raise InvalidMedia(video, "holds no video stream", "Give a video")


@task(retries=1, retry_delay_seconds=0.1)
def reach() -> float:
    raise OSError("nobody\nthere")


@flow
def crash_after_retry() -> Sums:
    """Fail at both attempts."""
    return Sums(name="x", total=reach(), parts=[])
