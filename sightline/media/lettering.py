"""Text and shapes on frames: the font, and blending of a drawing into a frame's planes."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sightline.media.planes import Planes, rgb_to_yuv

if TYPE_CHECKING:
    from PIL import ImageFont

Layers = list[tuple[NDArray[np.uint16], NDArray[np.uint16]]]
"""For Y, U and V the factor of the plane's value and the summand, both scaled by 256."""


def make_layers(rgba: NDArray[np.uint8], full_range: bool) -> Layers:
    """Return the layers of a drawing, shape (height, width, 4), of even height and width."""
    alpha = rgba[..., 3].astype(np.float32) / 255
    keys = rgba[..., 0].astype(np.uint32) << 16 | rgba[..., 1].astype(np.uint32) << 8 | rgba[..., 2]
    colours, inverse = np.unique(keys, return_inverse=True)
    table = [rgb_to_yuv((int(key) >> 16, int(key) >> 8 & 255, int(key) & 255), full_range) for key in colours]
    yuv = np.array(table, np.float32)[inverse.reshape(keys.shape)]
    layers = []
    for channel in range(3):
        factor, summand = 256 * (1 - alpha), 256 * alpha * yuv[..., channel]
        if channel:
            factor, summand = (_halve(layer) for layer in (factor, summand))
        layers.append((np.round(factor).astype(np.uint16), np.floor(summand).astype(np.uint16)))
    return layers


def blend_layers(planes: Planes, layers: Layers, left: int, top: int) -> None:
    """Blend a drawing into the frame, in place. Its corner is at ``left`` and ``top``: even, and inside the frame."""
    for plane, (factor, summand), scale in zip((planes.y, planes.u, planes.v), layers, (1, 2, 2), strict=True):
        region = plane[top // scale :, left // scale :][: factor.shape[0], : factor.shape[1]]
        height, width = region.shape
        region[:] = (region * factor[:height, :width] + summand[:height, :width]) >> 8


@lru_cache(maxsize=8)
def load_font(size: int, *, bold: bool) -> ImageFont.FreeTypeFont:
    """Load DejaVu Sans from matplotlib: it covers Latin, Greek and Cyrillic; Pillow's default font only Latin."""
    from PIL import ImageFont

    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("matplotlib, which contains the banner's font, is not installed")
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")), size)


def _halve(plane: NDArray[np.float32]) -> Any:
    height, width = plane.shape
    return plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
