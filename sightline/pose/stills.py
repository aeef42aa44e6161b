"""The stills of a video: written while it is tracked, finished when it is known who is hidden in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.media import Hiding, Still, blur_boxes
from sightline.pose.people_track import PeopleTrack
from sightline.pose.skeleton import Keypoints

__all__ = ["StillPose", "Stills"]

_QUALITY = 92


@dataclass(frozen=True)
class StillPose:
    """A stored still and the people in it; ``people``: keypoints, shape (25, 3), by the person's number."""

    image: Path
    time: float
    people: Mapping[int, Keypoints]


@dataclass
class Stills:
    """Writes stills to ``folder`` as JPEG. With ``hiding``, they are kept without loss until :meth:`finish`."""

    folder: Path
    hiding: Hiding | None = None
    _kept: list[tuple[Path, int, float]] = field(default_factory=list)

    def add(self, still: Still, blurred: NDArray[np.float32] | None) -> None:
        """Write a still; ``blurred``: boxes of faces to blur, shape (m, 4)."""
        from PIL import Image

        rgb = still.rgb
        if blurred is not None and len(blurred):
            rgb = rgb.copy()
            blur_boxes([rgb], blurred, rgb.shape[1])
        path = self.folder / f"{still.name}.{'png' if self.hiding else 'jpg'}"
        Image.fromarray(rgb).save(path, quality=_QUALITY, compress_level=1)
        self._kept.append((path, still.frame, still.time))

    def finish(self, track: PeopleTrack) -> list[StillPose]:
        """Hide others if that is wanted, and return the stills with the people of the track in them."""
        from PIL import Image

        stills = []
        for path, index, time in self._kept:
            image = path
            if self.hiding:
                image = path.with_suffix(".jpg")
                with Image.open(path) as kept:
                    hidden = self.hiding.hide(np.asarray(kept, np.uint8), time)
                Image.fromarray(hidden).save(image, quality=_QUALITY)
                path.unlink()
            rows = range(*np.searchsorted(track.frames, [index, index + 1]).tolist())
            stills.append(StillPose(image, time, {int(track.people[row]): track.keypoints[row] for row in rows}))
        return stills
