"""Cut-outs of real people: photos and a video, their masks, and the joints that a person labelled.

The masks of the COCO photos are their hand-labelled outlines, refined at the edge by GrabCut. Those of the video's
frames are MediaPipe's segmentation. The joints of the photos are hand-labelled; those of the video are MediaPipe's own,
on the unmixed frames at full resolution.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.folder import cached
from benchmarks._strangers import SHARED
from sightline.pose import JOINTS

__all__ = ["PHOTOS", "SIGNER", "CutOut", "Photo", "Picture", "photo", "signer"]

Image = NDArray[np.uint8]

_SCALE = 2
"""The photos are enlarged, for a smooth outline."""
_COCO = [
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    *(
        f"{side}_{joint}"
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
]
"""The joints of COCO's labels, in their order."""
_LABELLED, _HIDDEN = 1.0, 0.5
"""Confidence of a joint that is labelled as visible, and of one that is hidden by the person's own body."""


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
            levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
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
        picture = Picture(**cached(f"cutout-{name}", lambda: _from_coco(PHOTOS[name].annotation)))
    return CutOut(f"{name}{hue or ''}", (picture,), 1.0, PHOTOS[name].metres, PHOTOS[name].largest, "hand")


@cache
def signer() -> CutOut:
    """Return the person of the video, whom its right and lower edges cut."""
    arrays = cached("cutout-signer", _from_video)
    pictures = tuple(Picture(rgba, joints) for rgba, joints in zip(arrays["rgba"], arrays["joints"], strict=True))
    return CutOut(SIGNER, pictures, 29.97, 0.8, 720, "model")


def _from_coco(number: int) -> dict[str, NDArray[Any]]:
    import cv2

    table = json.loads((SHARED / "people" / "test_coco.json").read_bytes())
    annotation = next(row for row in table["annotations"] if row["id"] == number)
    photo_file = SHARED / "people" / f"coco_{annotation['image_id']:012d}.jpg"
    rgb = _enlarged(_read(photo_file))
    own = _outline(annotation, rgb.shape)
    others = np.zeros_like(own)
    for row in table["annotations"]:
        if row["image_id"] == annotation["image_id"] and row["id"] != number:
            others |= _outline(row, rgb.shape)
    left, top, width, height = (round(_SCALE * value) for value in annotation["bbox"])
    margin = 20 * _SCALE
    rows = slice(max(0, top - margin), top + height + margin)
    columns = slice(max(0, left - margin), left + width + margin)
    alpha = _refined(rgb[rows, columns], own[rows, columns], others[rows, columns] & ~own[rows, columns], height)
    seen = cv2.boundingRect((alpha > 0.5).astype(np.uint8))
    pad = 2 * _SCALE
    window = (
        slice(max(0, seen[1] - pad), seen[1] + seen[3] + pad),
        slice(max(0, seen[0] - pad), seen[0] + seen[2] + pad),
    )
    offset = columns.start + window[1].start, rows.start + window[0].start
    joints = _body_25(np.array(annotation["keypoints"], np.float64).reshape(-1, 3), offset)
    return {"rgba": _premultiplied(rgb[rows, columns][window], alpha[window]), "joints": joints}


def _read(file: Path) -> Image:
    from PIL import Image as Pillow

    return np.asarray(Pillow.open(file).convert("RGB"))


def _enlarged(rgb: Image) -> Image:
    import cv2

    return np.asarray(cv2.resize(rgb, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_CUBIC), np.uint8)


def _outline(annotation: dict[str, Any], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    import cv2

    mask = np.zeros(shape[:2], np.uint8)
    for polygon in annotation["segmentation"]:
        cv2.fillPoly(mask, [np.round(np.array(polygon).reshape(-1, 2) * _SCALE).astype(np.int32)], 1)
    return mask.astype(bool)


def _refined(rgb: Image, own: NDArray[np.bool_], others: NDArray[np.bool_], height: int) -> NDArray[np.float32]:
    """Return a soft alpha: GrabCut decides in a band of a few pixels about the labelled outline."""
    import cv2

    radius = int(np.clip(0.015 * height, 2 * _SCALE, 4 * _SCALE))
    band = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    mask = own.astype(np.uint8)
    labels = np.full(mask.shape, cv2.GC_BGD, np.uint8)
    labels[cv2.dilate(mask, band) > 0] = cv2.GC_PR_BGD
    labels[own] = cv2.GC_PR_FGD
    labels[cv2.erode(mask, band) > 0] = cv2.GC_FGD
    labels[others] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    cv2.grabCut(rgb, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    kept = cv2.medianBlur(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8), 2 * _SCALE + 1)
    count, parts, sizes, _ = cv2.connectedComponentsWithStats(kept)
    large = [part for part in range(1, count) if sizes[part, 4] > 0.03 * sizes[1:, 4].max()]
    return np.asarray(cv2.GaussianBlur(np.isin(parts, large).astype(np.float32), (0, 0), 0.6 * _SCALE))


def _premultiplied(rgb: Image, alpha: NDArray[np.float32]) -> Image:
    """Return RGBA. At the edge, the colour is that of the person nearby, without the old background."""
    import cv2

    inside = (alpha > 0.85).astype(np.float32)
    weight = cv2.GaussianBlur(inside, (0, 0), 1.5 * _SCALE)[..., None]
    near = cv2.GaussianBlur(rgb.astype(np.float32) * inside[..., None], (0, 0), 1.5 * _SCALE) / np.maximum(weight, 1e-3)
    colour = np.where((inside == 0)[..., None] & (weight > 1e-3), near, rgb)
    return np.dstack([colour * alpha[..., None], 255 * alpha]).clip(0, 255).astype(np.uint8)


def _body_25(labels: NDArray[np.float64], offset: tuple[int, int]) -> NDArray[np.float64]:
    joints = np.zeros((len(JOINTS), 3))
    for name, (x, y, state) in zip(_COCO, labels, strict=True):
        if state:
            confidence = _LABELLED if state == 2 else _HIDDEN
            joints[JOINTS.index(name)] = (_SCALE * x - offset[0], _SCALE * y - offset[1], confidence)
    for middle, side in (("neck", "shoulder"), ("mid_hip", "hip")):
        pair = joints[[JOINTS.index(f"left_{side}"), JOINTS.index(f"right_{side}")]]
        if pair[:, 2].all():
            joints[JOINTS.index(middle)] = (*pair[:, :2].mean(axis=0), pair[:, 2].min())
    return joints


def _from_video() -> dict[str, NDArray[Any]]:
    import cv2
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    from sightline.pose import PoseTracker

    reader = cv2.VideoCapture(str(SHARED / "video" / "signing_person.mp4"))
    pictures, joints = [], []
    with PoseTracker() as tracker, SelfieSegmentation(model_selection=0) as segmentation:
        while True:
            found, bgr = reader.read()
            if not found:
                break
            rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
            keypoints = tracker.track(rgb, len(pictures) / 29.97)
            if keypoints is None:
                raise RuntimeError(f"signing_person.mp4: nobody is found in frame {len(pictures)}")
            alpha = np.clip((segmentation.process(rgb).segmentation_mask - 0.25) / 0.35, 0, 1)
            alpha = np.maximum(alpha, _torso(keypoints, alpha.shape))
            pictures.append(_premultiplied(rgb, alpha.astype(np.float32)))
            joints.append(_within(keypoints.astype(np.float64), rgb.shape))
    return {"rgba": np.stack(pictures), "joints": np.stack(joints)}


def _torso(keypoints: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the mask of the torso, in which the segmentation has holes near the picture's lower edge."""
    import cv2

    names = ("right_shoulder", "left_shoulder", "left_hip", "right_hip")
    corners = keypoints[[JOINTS.index(name) for name in names], :2]
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 1)
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 4))


def _within(joints: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the joints with those outside the picture, or guessed by the model, as unlabelled."""
    outside = (joints[:, :2] < 0).any(axis=1) | (joints[:, :2] >= (shape[1], shape[0])).any(axis=1)
    joints[outside | (joints[:, 2] < 0.5)] = 0
    joints[joints[:, 2] > 0, 2] = _LABELLED
    return joints
