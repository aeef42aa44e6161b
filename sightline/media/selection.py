"""The selection and the names of stills: moments of a video that are stored as images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.media.frames import Frame

EVEN_MOMENTS = 12


@dataclass(frozen=True)
class Moment:
    """The time of a still, in seconds. ``label``: person and emotion; None for an even position."""

    time: float
    label: str | None = None


@dataclass(frozen=True)
class Still:
    """A stored image. ``name``: its file name without folder and extension; ``rgb``: (height, width, 3)."""

    name: str
    frame: int
    time: float
    rgb: NDArray[np.uint8]


def still_pose_name(still: str) -> str:
    """Return the file name, without extension, of the pose in the still named ``still``."""
    return still.replace("frame_", "pose_", 1)


def select_moments(labelled: Iterable[tuple[float, str]], duration: float) -> list[Moment]:
    """Return the labelled moments and :data:`EVEN_MOMENTS` at even intervals over ``duration`` seconds, ascending."""
    even = [Moment(duration * index / EVEN_MOMENTS) for index in range(EVEN_MOMENTS)]
    return sorted([*(Moment(time, label) for time, label in labelled), *even], key=lambda moment: moment.time)


class StillSelector:
    """Selects and names the stills of a video while its frames are read.

    One counter numbers the labelled stills, then the even ones. If a video has fewer frames than even positions, every
    frame is stored once.
    """

    def __init__(self, moments: list[Moment]) -> None:
        self._moments = moments
        self._labelled = 0
        self._even = sum(moment.label is not None for moment in moments)

    def select(self, frame: Frame) -> Iterator[Still]:
        """Yield the stills that the frame shows. Call it with the frames in order."""
        shown = [self._moments[index] for index in frame.moments]
        for moment in shown:
            if moment.label is not None:
                name = f"frame_{self._labelled:03d}_at_{moment.time:.2f}s_{moment.label}"
                self._labelled += 1
                yield Still(name, frame.index, frame.time, frame.rgb)
        if any(moment.label is None for moment in shown):
            name = f"frame_{self._even:03d}_at_pos_{frame.index}"
            self._even += 1
            yield Still(name, frame.index, frame.time, frame.rgb)
