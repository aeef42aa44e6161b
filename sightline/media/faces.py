"""Faces over time, and their blur."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.media.people import Outline
from sightline.media.series import TimeSeries

NOBODY, DOUBTFUL = 0, -1
"""Owners of heads that belong to no tracked person, or to one of several, and of what is probably no head."""


class Heads(NamedTuple):
    """The heads in a frame. ``boxes``: shape (m, 4), left, top, right and bottom in pixels.

    ``owners``, shape (m,): the number of the tracked person whose head it is, :data:`NOBODY` or :data:`DOUBTFUL`.
    ``strangers``: the bodies of people who are not tracked. ``down``, shape (m, 2): the unit vector from the eyes to
    the mouth of a head of which only the face was found; 0 for other heads. None: there are no such heads.
    """

    boxes: NDArray[np.float32]
    owners: NDArray[np.int64]
    strangers: tuple[Outline, ...] = ()
    down: NDArray[np.float32] | None = None


class FaceSeries(TimeSeries[Heads]):
    """The detected heads over time.

    ``reach``: a box is covered for this many seconds before and after its sample, so that a face that is missed once
    stays covered.
    """

    def __init__(self, reach: float) -> None:
        super().__init__(ahead=0.0)
        self.reach = reach

    def renumber(self, numbers: Mapping[int, int]) -> None:
        """Give the owners other numbers; those without a new one become nobody."""
        kept = {**numbers, DOUBTFUL: DOUBTFUL}
        with self._changed:
            self._values = [
                heads._replace(owners=np.array([kept.get(owner, NOBODY) for owner in heads.owners.tolist()], np.int64))
                for heads in self._values
            ]

    def at(self, time: float) -> NDArray[np.float32]:
        """Return the boxes to cover at ``time``, shape (m, 4)."""
        boxes = [heads.boxes for _, heads in self.near(time)]
        return np.concatenate(boxes) if boxes else np.zeros((0, 4), np.float32)

    def all(self) -> list[tuple[float, Heads]]:
        """Return all samples, once the series has ended."""
        return self.between(-math.inf, math.inf)

    def near(self, time: float) -> list[tuple[float, Heads]]:
        """Return the samples within reach of ``time``."""
        samples = self.between(time - self.reach, time + self.reach)
        return [sample for sample in samples if abs(sample[0] - time) <= self.reach]


def blur_boxes(images: Sequence[NDArray[np.uint8]], boxes: NDArray[np.float32], width: int) -> None:
    """Make the boxes unrecognisable, in place: average coarse blocks, then interpolate.

    ``images``: the planes of one frame, or one image of shape (height, width, 3). ``boxes``: shape (m, 4), in pixels of
    an image ``width`` pixels wide; they are scaled for smaller planes.
    """
    import cv2

    for image in images:
        scale = image.shape[1] / width
        height, image_width = image.shape[:2]
        for box in boxes:
            x0, y0 = np.floor(box[:2] * scale).astype(int).clip(0)
            x1, y1 = np.minimum(np.ceil(box[2:] * scale).astype(int), (image_width, height))
            if x1 <= x0 or y1 <= y0:
                continue
            region = image[y0:y1, x0:x1]
            # Six blocks across a face leave no feature. A Gaussian blur alone could be inverted.
            coarse = cv2.resize(region, (min(6, x1 - x0), min(6, y1 - y0)), interpolation=cv2.INTER_AREA)
            image[y0:y1, x0:x1] = cv2.resize(coarse, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
