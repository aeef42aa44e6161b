"""Cut-outs of real people to compose: nine of COCO's photos, and a signing person of a video."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.folder import cached, version
from benchmarks._people.masks import VIDEO_RATE, from_coco, from_video
from sightline.pose import JOINTS

__all__ = ["PHOTOS", "SIGNER", "CutOut", "Photo", "Picture", "photo", "signer"]

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Photo:
    """A person of a COCO photo. ``metres``: the height of what is seen; ``largest``: the height in pixels it bears."""

    annotation: int
    metres: float
    largest: int
    walks: bool
    recolour: bool = False


PHOTOS = {
    "skier": Photo(442619, 1.60, 640, walks=True, recolour=True),
    "batter": Photo(460541, 1.65, 560, walks=True),
    "racer": Photo(437295, 1.45, 460, walks=True, recolour=True),
    "leader": Photo(533949, 1.30, 400, walks=True, recolour=True),
    "catcher": Photo(1717641, 1.15, 400, walks=False),
    "sitter": Photo(198196, 1.15, 320, walks=False),
    "vendor": Photo(230195, 1.00, 300, walks=False),
    "coach": Photo(488308, 1.70, 150, walks=True, recolour=True),
    "umpire": Photo(1724673, 1.75, 140, walks=True, recolour=True),
}
SIGNER = "signer"


@dataclass(frozen=True, eq=False)
class Picture:
    """A cut-out at one moment.

    ``rgba``: shape (height, width, 4), uint8, premultiplied by alpha. ``joints``: shape (25, 3), x and y in pixels of
    the picture; confidence 1 for a visible joint, 0.5 for one that the person's own body hides, 0 if unlabelled.
    """

    rgba: Image
    joints: NDArray[np.float64]

    def mirrored(self) -> Picture:
        """Return the mirror image. Left and right joints change their names."""
        joints = self.joints[_MIRRORED].copy()
        joints[:, 0] = self.rgba.shape[1] - joints[:, 0]
        joints[joints[:, 2] == 0] = 0
        return Picture(np.ascontiguousarray(self.rgba[:, ::-1]), joints)

    def turned_hue(self, degrees: float) -> Picture:
        """Return the person in clothes of another colour; the head keeps its own."""
        import cv2

        alpha = self.rgba[..., 3:].astype(np.float32) / 255
        rgb = np.clip(self.rgba[..., :3] / np.maximum(alpha, 1 / 255), 0, 255).astype(np.uint8)
        hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + round(degrees / 2)) % 180
        turned = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        head = self.joints[[JOINTS.index(name) for name in ("nose", "right_eye", "left_eye")]]
        centre = head[head[:, 2] > 0, :2].mean(axis=0)
        y, x = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
        radius = 0.085 * rgb.shape[0]
        keep = np.clip(np.hypot(x - centre[0], y - centre[1]) / radius - 0.9, 0, 0.2)[..., None] / 0.2
        mixed = (rgb * (1 - keep) + turned * keep) * alpha
        return Picture(np.dstack([mixed.astype(np.uint8), self.rgba[..., 3]]), self.joints)

    @cached_property
    def levels(self) -> tuple[Image, ...]:
        """The picture at 1, 1/2, 1/4, … of its size, to be reduced without aliasing."""
        import cv2

        levels = [self.rgba]
        while min(levels[-1].shape[:2]) >= 32:
            height, width = levels[-1].shape[:2]
            half = cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
            levels.append(np.asarray(half, np.uint8))
        return tuple(levels)

    @cached_property
    def area(self) -> float:
        """The sum of alpha, in pixels."""
        return float(self.rgba[..., 3].sum()) / 255


@dataclass(frozen=True, eq=False)
class CutOut:
    """A person to compose: pictures at ``rate`` per second, one for a photo.

    ``joints_by`` states whose joints are the reference: "hand" or "model".
    """

    name: str
    pictures: tuple[Picture, ...]
    rate: float
    metres: float
    largest: int
    joints_by: str

    def at(self, seconds: float) -> Picture:
        """Return the picture at a time; a video plays forwards and backwards."""
        if len(self.pictures) == 1:
            return self.pictures[0]
        last = len(self.pictures) - 1
        position = round(seconds * self.rate) % (2 * last)
        return self.pictures[min(position, 2 * last - position)]

    @property
    def height(self) -> int:
        """The pictures' height in pixels."""
        return self.pictures[0].rgba.shape[0]


def _mirror_name(name: str) -> str:
    side, _, rest = name.partition("_")
    return f"{ {'left': 'right', 'right': 'left'}[side] }_{rest}" if side in ("left", "right") else name


_MIRRORED = [JOINTS.index(_mirror_name(name)) for name in JOINTS]


@cache
def photo(name: str, hue: int = 0) -> CutOut:
    """Return the cut-out of a photo; ``hue`` turns the clothes' colours, in degrees."""
    if hue:
        picture = photo(name).pictures[0].turned_hue(hue)
    else:
        picture = Picture(**cached(_stored(name), lambda: from_coco(PHOTOS[name].annotation)))
    return CutOut(f"{name}{hue or ''}", (picture,), 1.0, PHOTOS[name].metres, PHOTOS[name].largest, "hand")


@cache
def signer() -> CutOut:
    """Return the person of the video, whom its right and lower edges cut."""
    arrays = cached(_stored(SIGNER), from_video)
    pictures = tuple(Picture(rgba, joints) for rgba, joints in zip(arrays["rgba"], arrays["joints"], strict=True))
    return CutOut(SIGNER, pictures, VIDEO_RATE, 0.8, 720, "model")


def _stored(name: str) -> str:
    return f"cutout-{name}-{version('benchmarks._people', 'masks')}"
