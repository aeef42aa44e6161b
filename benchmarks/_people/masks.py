"""Masks and joints of the people in the photos and in the video.

The masks of the COCO photos are their hand-labelled outlines, refined at the edge by GrabCut. Those of the video's
frames are MediaPipe's segmentation. The joints of the photos are hand-labelled; those of the video are MediaPipe's own,
on the unmixed frames at full resolution.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._strangers import SHARED
from sightline.pose import JOINTS

__all__ = ["VIDEO_RATE", "from_coco", "from_video"]

Image = NDArray[np.uint8]

VIDEO_RATE = 29.97
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


def from_coco(number: int) -> dict[str, NDArray[Any]]:
    """Return the picture of an annotated person as ``rgba``, and their ``joints``."""
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
        cv2.fillPoly(mask, [np.round(np.array(polygon).reshape(-1, 2) * _SCALE).astype(np.int32)], [1.0])
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
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(rgb, labels, (0, 0, 1, 1), *models, 4, cv2.GC_INIT_WITH_MASK)
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


def from_video() -> dict[str, NDArray[Any]]:
    """Return the pictures of the signing person as ``rgba``, and their ``joints``, one of each per frame."""
    import cv2
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    from benchmarks._people.single_tracker import PoseTracker

    reader = cv2.VideoCapture(str(SHARED / "video" / "signing_person.mp4"))
    pictures: list[Image] = []
    joints: list[NDArray[np.float64]] = []
    with PoseTracker() as tracker, SelfieSegmentation(model_selection=0) as segmentation:
        while True:
            found, bgr = reader.read()
            if not found:
                break
            rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
            keypoints = tracker.track(rgb, len(pictures) / VIDEO_RATE)
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
    corners = np.round(keypoints[[JOINTS.index(name) for name in names], :2]).astype(np.int32)
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, corners, [1.0])
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 4))


def _within(joints: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the joints with those outside the picture, or guessed by the model, as unlabelled."""
    outside = (joints[:, :2] < 0).any(axis=1) | (joints[:, :2] >= (shape[1], shape[0])).any(axis=1)
    joints[outside | (joints[:, 2] < 0.5)] = 0
    joints[joints[:, 2] > 0, 2] = _LABELLED
    return joints
