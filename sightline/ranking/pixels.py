"""Crops of any size as a ranking model takes them, the same for training and for scoring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.registry import ImageInput

__all__ = ["model_input"]


def model_input(crops: Sequence[NDArray[np.uint8]], size: ImageInput) -> NDArray[np.float32]:
    """Crops, uint8, RGB, shape (height, width, 3) each, as float32, shape (n, 3, height, width), normalised.

    A crop is not stretched, which would change the length of a stride: it is brought to the input's size as a whole,
    and what is left on two sides is filled with the mean colour, which normalised is 0. Raises ValueError for anything
    else than crops.
    """
    made = np.zeros((len(crops), 3, size.height, size.width), np.float32)
    mean, std = (np.array(each, np.float32) for each in (size.mean, size.std))
    for row, crop in enumerate(crops):
        if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or not crop.size:
            raise ValueError(f"a crop is (height, width, 3) of uint8; this one is {crop.shape} of {crop.dtype}")
        fitted = _fitted(crop, size)
        height, width = fitted.shape[:2]
        top, left = (size.height - height) // 2, (size.width - width) // 2
        made[row, :, top : top + height, left : left + width] = (
            (fitted.astype(np.float32) / 255 - mean) / std
        ).transpose(2, 0, 1)
    return made


def _fitted(crop: NDArray[np.uint8], size: ImageInput) -> NDArray[np.uint8]:
    from PIL import Image

    height, width = crop.shape[:2]
    scale = min(size.height / height, size.width / width)
    wanted = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(np.ascontiguousarray(crop))
    return np.asarray(picture if picture.size == wanted else picture.resize(wanted, Image.Resampling.BICUBIC))
