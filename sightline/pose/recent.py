"""A recent frame that is kept for following people backwards, reduced to bound the memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.pose.appearance import Appearance, appearance_of
from sightline.pose.estimator import Frame, Person, PoseEstimator, Region
from sightline.pose.skeleton import Keypoints

__all__ = ["Recent"]

_LONGEST = 1280
"""Pixels. 24 frames of this size are 66 MB."""


@dataclass(eq=False)
class Recent:
    """A frame with its time in seconds, and the people found in it by the number of their piece.

    ``scale``: pixels of ``rgb`` per pixel of the frame, whose width and height are ``size``. Regions and keypoints are
    in pixels of the frame.
    """

    rgb: Frame
    scale: float
    size: tuple[int, int]
    time: float
    people: dict[int, Person]

    @classmethod
    def of(cls, rgb: Frame, time: float, people: dict[int, Person]) -> Recent:
        """Return the frame, reduced to at most 1280 pixels. The caller does not change ``rgb`` any more."""
        import cv2

        height, width = rgb.shape[:2]
        scale = min(1.0, _LONGEST / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = rgb if scale == 1 else cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR)
        return cls(np.asarray(small, np.uint8), scale, (width, height), time, people)

    def landmarks(self, estimator: PoseEstimator, region: Region) -> Person | None:
        """Return the person in the region, or None if there is none."""
        scale = self.scale
        small = region._replace(x=region.x * scale, y=region.y * scale, side=region.side * scale)
        person = estimator.refined_landmarks(self.rgb, small)
        if person is None:
            return None
        keypoints = person.keypoints / np.array([scale, scale, 1], np.float32)
        found, mask = person.region, person.mask
        return person._replace(
            keypoints=keypoints,
            region=found._replace(x=found.x / scale, y=found.y / scale, side=found.side / scale),
            mask=mask if mask is None or scale == 1 else mask.enlarged(1 / scale, self.size),
        )

    def appearance_of(self, keypoints: Keypoints) -> Appearance:
        """Return the appearance of a person in this frame."""
        return appearance_of(self.rgb, keypoints * np.array([self.scale, self.scale, 1], np.float32))
