"""Skeletons drawn on frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sightline.media.colours import limb_colour
from sightline.media.history import Points
from sightline.media.planes import Planes, Rgb

MIN_CONFIDENCE = 0.5
"""Points with a lower confidence are not drawn."""


def draw_skeleton(planes: Planes, points: Points, limbs: Sequence[tuple[int, int, Rgb]], number: int = 1) -> None:
    """Draw the skeleton of a person in their colours, in place. ``limbs`` as in :class:`PeopleSeries`."""
    import cv2

    # Lines are drawn with 1/16 pixel precision; at integer pixels a motionless person would jitter.
    shift = 4
    thick = max(2, round(min(planes.y.shape) / 180))
    limbs = [(a, b, limb_colour(number, first)) for a, b, first in limbs]
    visible = points[:, 2] >= MIN_CONFIDENCE
    for plane, channel, scale in ((planes.y, 0, 1.0), (planes.u, 1, 0.5), (planes.v, 2, 0.5)):
        positions = np.round((points[:, :2] * scale + (scale - 1) / 2) * (1 << shift)).astype(int).tolist()
        width = max(1, round(thick * scale))
        for a, b, rgb in limbs:
            if visible[a] and visible[b]:
                cv2.line(
                    plane,
                    positions[a],
                    positions[b],
                    (planes.colour(rgb)[channel],),
                    width,
                    cv2.LINE_AA,
                    shift,
                )
        white = (planes.colour((255, 255, 255))[channel],)
        radius = round(thick * scale * (1 << shift))
        for point in np.flatnonzero(visible):
            cv2.circle(plane, positions[point], radius, white, -1, cv2.LINE_AA, shift)
