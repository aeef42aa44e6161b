"""Which moments of a video are kept as pictures, and what the pictures are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.media.frames import Frame

EVEN_MOMENTS = 12


@dataclass(frozen=True)
class Moment:
    """A time in seconds that is wanted as a picture. ``label``: what is seen there; None for an even position."""

    time: float
    label: str | None = None


@dataclass(frozen=True)
class Still:
    """A picture that is kept. ``name``: its file name without folder and extension; ``rgb``: (height, width, 3)."""

    name: str
    frame: int
    time: float
    rgb: NDArray[np.uint8]


def pose_name(picture: str) -> str:
    """What the pose in a still is called; ``picture`` is the still's name."""
    return picture.replace("frame_", "pose_", 1)


def select_moments(labelled: Iterable[tuple[float, str]], duration: float) -> list[Moment]:
    """The labelled moments and :data:`EVEN_MOMENTS` at even intervals over ``duration`` seconds, ascending."""
    even = [Moment(duration * place / EVEN_MOMENTS) for place in range(EVEN_MOMENTS)]
    return sorted([*(Moment(time, label) for time, label in labelled), *even], key=lambda moment: moment.time)


class Stills:
    """Names the stills of a video as its frames come by.

    One counter runs over the labelled ones, then over the even ones. A video of fewer frames than even positions keeps
    each frame once.
    """

    def __init__(self, moments: list[Moment]) -> None:
        self._moments = moments
        self._labelled = 0
        self._even = sum(moment.label is not None for moment in moments)

    def of(self, frame: Frame) -> Iterator[Still]:
        """The stills that the frame serves. Frames come in order."""
        shown = [self._moments[place] for place in frame.moments]
        for moment in shown:
            if moment.label is not None:
                name = f"frame_{self._labelled:03d}_at_{moment.time:.2f}s_{moment.label}"
                self._labelled += 1
                yield Still(name, frame.index, frame.time, frame.rgb)
        if any(moment.label is None for moment in shown):
            name = f"frame_{self._even:03d}_at_pos_{frame.index}"
            self._even += 1
            yield Still(name, frame.index, frame.time, frame.rgb)
