"""Conversion of crops into the input of a ranking model, the same for training and for scoring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.registry import ImageInput

__all__ = ["model_input"]


def model_input(crops: Sequence[NDArray[np.uint8]], size: ImageInput) -> NDArray[np.float32]:
    """Return normalised input, float32, shape (n, 3, height, width), of crops, uint8, RGB, shape (height, width, 3).

    The aspect ratio of a crop is preserved, because stretching would change the length of a stride: the crop is scaled
    to fit, and two sides are padded with the mean colour, which is 0 after normalisation. Raises ValueError for an
    empty crop and for one of another type or shape.
    """
    batch = np.zeros((len(crops), 3, size.height, size.width), np.float32)
    mean, std = (np.array(values, np.float32) for values in (size.mean, size.std))
    for row, crop in enumerate(crops):
        if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or not crop.size:
            raise ValueError(
                f"a crop must be uint8 of shape (height, width, 3); this one is {crop.dtype} of {crop.shape}"
            )
        fitted = _fitted(crop, size)
        height, width = fitted.shape[:2]
        top, left = (size.height - height) // 2, (size.width - width) // 2
        batch[row, :, top : top + height, left : left + width] = (
            (fitted.astype(np.float32) / 255 - mean) / std
        ).transpose(2, 0, 1)
    return batch


def _fitted(crop: NDArray[np.uint8], size: ImageInput) -> NDArray[np.uint8]:
    from PIL import Image

    height, width = crop.shape[:2]
    scale = min(size.height / height, size.width / width)
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(np.ascontiguousarray(crop))
    return np.asarray(image if image.size == target else image.resize(target, Image.Resampling.BICUBIC))
