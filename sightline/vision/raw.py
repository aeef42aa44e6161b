"""Raw photos of cameras, developed by LibRaw."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sightline.vision.reasons import Reason, Rejected

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["develop"]


def develop(data: bytes, pixels: int, least: int | None) -> Image:
    """Return the photo, upright, in sRGB, with the camera's white balance and LibRaw's brightness.

    A photo of which half the size is at least ``least`` pixels on both sides is developed at half its size, which is
    much faster. Raises :class:`Rejected` for a damaged file and for one with more than ``pixels`` pixels.
    """
    import rawpy
    from PIL import Image

    try:
        with rawpy.imread(io.BytesIO(data)) as photo:
            sizes = photo.sizes
            if sizes.raw_width * sizes.raw_height > pixels:
                raise Rejected(
                    Reason.TOO_MANY_PIXELS,
                    f"it has {sizes.raw_width} x {sizes.raw_height} pixels, the limit is {pixels}",
                )
            half = least is not None and min(sizes.width, sizes.height) >= 2 * least
            return Image.fromarray(photo.postprocess(use_camera_wb=True, half_size=half))
    except rawpy.LibRawError as error:
        raise Rejected(Reason.TRUNCATED, f"the raw photo is truncated, damaged or not supported ({error})") from error
