"""Backgrounds without people: generated rooms, and the photos with their people filled in."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.folder import cached
from benchmarks._strangers import SHARED

__all__ = ["background"]

Image = NDArray[np.uint8]
Random = np.random.Generator

_PHOTOS = (785, 196141, 197388)
_ROOMS = 0.75
"""The share of generated rooms."""


def background(random: Random, size: tuple[int, int], horizon: float, floor: float) -> Image:
    """Return a background, shape (height, width, 3), RGB.

    ``horizon`` is the height of the camera's eye line in pixels from the top, ``floor`` that of the edge between wall
    and floor.
    """
    if random.random() < _ROOMS:
        return _room(random, size, horizon, floor)
    return _landscape(random, size)


def _room(random: Random, size: tuple[int, int], horizon: float, floor: float) -> Image:
    import cv2

    width, height = size
    edge = int(np.clip(floor, 0.3 * height, 0.8 * height))
    wall = _light_colour(random)
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = wall
    canvas[:edge] += 14 * _texture(random, (edge, width), scale=random.uniform(2, 12))[..., None]
    canvas[edge:] = _floor(random, (height - edge, width), max(edge - horizon, 1))
    for _ in range(random.integers(2, 6)):
        _furniture(random, canvas, edge)
    canvas[edge - max(2, height // 90) : edge] = wall * random.uniform(0.5, 0.9)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = random.uniform(0, 2 * np.pi)
    light = 1 + random.uniform(0.05, 0.25) * (np.cos(angle) * x + np.sin(angle) * y)
    light *= 1 - random.uniform(0, 0.2) * (x**2 + y**2) / 2
    soft = cv2.GaussianBlur(canvas * light[..., None].astype(np.float32), (0, 0), random.uniform(0.5, 1.6))
    return _pixels(soft)


def _light_colour(random: Random) -> NDArray[np.float32]:
    base = random.uniform(90, 215)
    return np.clip(base + random.normal(0, 14, 3), 40, 240).astype(np.float32)


def _texture(random: Random, shape: tuple[int, int], scale: float) -> NDArray[np.float32]:
    """Return smooth noise of unit variance."""
    import cv2

    small = random.normal(size=(max(2, int(shape[0] / scale)), max(2, int(shape[1] / scale)))).astype(np.float32)
    noise = cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray((noise - noise.mean()) / max(float(noise.std()), 1e-6) / 2, np.float32)


def _floor(random: Random, shape: tuple[int, int], first: float) -> NDArray[np.float32]:
    """Return tiles or boards in perspective."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    depth = 1 / (rows + first)
    across = (columns - shape[1] / 2) * depth * random.uniform(1.5, 4)
    along = shape[1] * depth * random.uniform(1, 6)
    colour = np.clip(random.uniform(60, 170) + random.normal(0, 16, 3), 20, 220)
    pattern = np.floor(across).astype(int) + (np.floor(along).astype(int) if random.random() < 0.6 else 0)
    tone = 1 + random.uniform(0.02, 0.2) * (pattern % 2 - 0.5)
    noise = 6 * _texture(random, shape, scale=random.uniform(1.5, 5))
    return np.asarray(colour * tone[..., None] + noise[..., None], np.float32)


def _furniture(random: Random, canvas: NDArray[np.float32], edge: int) -> None:
    """Draw a window, door, picture, cupboard or curtain onto the wall."""
    import cv2

    height, width = canvas.shape[:2]
    kind = random.choice(("window", "door", "picture", "cupboard", "stripes"))
    wide = int(width * random.uniform(0.07, 0.24))
    left = int(random.integers(-wide // 3, width - wide // 2))
    top, bottom = {
        "window": (0.08 * edge, 0.65 * edge),
        "door": (0.05 * edge, edge),
        "picture": (0.15 * edge, 0.15 * edge + 0.7 * wide),
        "cupboard": (0.45 * edge, edge + 0.05 * height),
        "stripes": (0.0, edge),
    }[str(kind)]
    box = slice(int(max(top, 0)), int(min(bottom, height))), slice(max(left, 0), min(left + wide, width))
    part = canvas[box]
    if not part.size:
        return
    colour = np.clip(random.uniform(30, 245) + random.normal(0, 30, 3), 5, 250)
    part[:] = colour + 10 * _texture(random, (part.shape[0], part.shape[1]), scale=random.uniform(2, 20))[..., None]
    if kind == "stripes":
        part *= 1 + 0.2 * np.sin(np.arange(part.shape[1]) * random.uniform(0.1, 0.6))[None, :, None]
    elif kind in ("picture", "window") and min(part.shape[:2]) > 12:
        inner = part[5:-5, 5:-5]
        inner[:] = np.clip(
            random.uniform(80, 235) + 40 * _texture(random, (inner.shape[0], inner.shape[1]), 12), 0, 255
        )[..., None]
    frame = tuple(float(value) for value in colour * random.uniform(0.4, 1.2))
    cv2.rectangle(canvas, (box[1].start, box[0].start), (box[1].stop - 1, box[0].stop - 1), frame, 2)


def _landscape(random: Random, size: tuple[int, int]) -> Image:
    """Return a part of a photo whose people are filled in, as large as the frame."""
    import cv2

    photo = _without_people(int(random.choice(_PHOTOS)))
    width, height = size
    share = random.uniform(0.75, 1)
    rows = int(share * min(photo.shape[0], photo.shape[1] * height / width))
    columns = int(rows * width / height)
    top, left = random.integers(0, photo.shape[0] - rows + 1), random.integers(0, photo.shape[1] - columns + 1)
    part = cv2.resize(photo[top : top + rows, left : left + columns], size, interpolation=cv2.INTER_CUBIC)
    part = part[:, ::-1] if random.random() < 0.5 else part
    grain = 5 * _texture(random, (height, width), 2)
    return _pixels(random.uniform(0.75, 1) * part + grain[..., None])


@cache
def _without_people(number: int) -> Image:
    return cached(f"scene-{number}", lambda: {"rgb": _filled(number)})["rgb"]


def _filled(number: int) -> Image:
    """Return a photo in which every person is replaced by the nearest background on both sides, and blurred."""
    import cv2
    from PIL import Image as Pillow

    table = json.loads((SHARED / "people" / "test_coco.json").read_bytes())
    rgb = np.asarray(Pillow.open(SHARED / "people" / f"coco_{number:012d}.jpg").convert("RGB"))
    mask = np.zeros(rgb.shape[:2], np.uint8)
    for row in table["annotations"]:
        if row["image_id"] == number:
            for polygon in row["segmentation"]:
                cv2.fillPoly(mask, [np.round(np.array(polygon).reshape(-1, 2)).astype(np.int32)], [1.0])
    mask = np.asarray(cv2.dilate(mask, np.ones((15, 15), np.uint8)), np.uint8)
    filled: NDArray[Any] = rgb.astype(np.float32)
    columns = np.arange(rgb.shape[1])
    for y in range(len(rgb)):
        known = mask[y] == 0
        for channel in range(3):
            filled[y, :, channel] = np.interp(
                columns, columns[known], cv2.blur(filled[y, known, channel], (1, 9))[:, 0]
            )
    smooth = cv2.GaussianBlur(filled, (0, 0), 5)
    hole = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2)[..., None]
    noise = np.random.default_rng(number).normal(0, 6, rgb.shape)
    return _pixels(rgb * (1 - hole) + (smooth + noise) * hole)


def _pixels(values: NDArray[Any]) -> Image:
    return np.asarray(np.clip(values, 0, 255), np.uint8)
