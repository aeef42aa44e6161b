"""Pressure maps as pictures, in the colours, size and compression of the maps that posture models are trained on."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEIGHT", "WIDTH", "heat_map"]

WIDTH, HEIGHT = 58, 130
"""The size of a map in pixels."""

_QUALITY = 90


def heat_map(pressure: NDArray[np.float64]) -> bytes:
    """Return the map as a JPEG file of 58 by 130 pixels, from dark blue (0) to dark red (1).

    ``pressure``: shape = (rows, columns), the head in the first row, the left hand of a person on their back in the
    first column. The rows and columns of any mat are interpolated to the same size.
    """
    from matplotlib import colormaps
    from PIL import Image

    enlarged = Image.fromarray(pressure.astype(np.float32)).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    colours = colormaps["jet"](np.asarray(enlarged, dtype=np.float64), bytes=True)[..., :3]
    file = io.BytesIO()
    Image.fromarray(colours).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
