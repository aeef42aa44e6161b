"""Decoding of image files, the same for training and for classification."""

from __future__ import annotations

import io
import re
import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.registry import ImageInput
from sightline.vision.limits import Limits
from sightline.vision.reasons import Reason, Rejected

if TYPE_CHECKING:
    from PIL.Image import Image, Transpose

__all__ = ["Decoded", "decode"]

Pixels = NDArray[np.uint8]

# Some of Pillow's other formats start a program, such as Ghostscript, on untrusted data.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_SIGNATURE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP|GIF8[79]a|II[*+]\0|MM\0[*+]|....ftypavif", re.DOTALL
)
_LARGE = 16_000_000  # pixels: several threads that decode such images at the same time might fill the memory
_large_image_lock = Lock()


class Decoded(NamedTuple):
    """``pixels``: uint8, shape = (height, width, 3), RGB. ``content_type``: the file's type, such as ``image/png``."""

    pixels: Pixels
    content_type: str


def decode(data: bytes, size: ImageInput | None, limits: Limits) -> Decoded:
    """Decode the first image of a file, upright, and resize it bicubically to ``size``, if one is given.

    The aspect ratio is not preserved. Transparent parts become white. Raises :class:`Rejected` if the data is not a
    JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file, is truncated or damaged, or has too many pixels, which are then not
    decoded.
    """
    with _open(data, limits) as image:
        try:
            if size is not None:
                # A JPEG is decoded at 1/2, 1/4 or 1/8 of its size if that is still large enough.
                image.draft(None, (max(size.width, size.height),) * 2)
            with _memory_lock(image):
                image.load()
                return Decoded(_pixels(image, size), _content_type(image))
        # Pillow's decoders raise many kinds of exceptions for damaged files, struct.error and RuntimeError among them.
        except Exception as error:
            raise Rejected(Reason.TRUNCATED, f"the image is truncated or damaged ({error})") from error


def _open(data: bytes, limits: Limits) -> Image:
    from PIL import Image, UnidentifiedImageError

    _ignore_size_warnings()
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Rejected(Reason.TOO_MANY_PIXELS, str(error)) from error
    except UnidentifiedImageError as error:
        if _SIGNATURE.match(data):
            raise Rejected(Reason.TRUNCATED, "the image's header is truncated or damaged") from error
        raise Rejected(
            Reason.NOT_AN_IMAGE, f"not one of {', '.join(_FORMATS)}: the file starts with {data[:8]!r}"
        ) from error
    except Exception as error:  # As many kinds as in decode.
        raise Rejected(Reason.TRUNCATED, f"the image's header is damaged ({error})") from error
    # The tiles of a TIFF file are decoded completely, even if the image uses only a part of them.
    for width, height, part in ((*image.size, "it"), (*_tile(image), "each of its tiles")):
        if width * height > limits.pixels:
            image.close()
            raise Rejected(
                Reason.TOO_MANY_PIXELS, f"{part} has {width} x {height} pixels, the limit is {limits.pixels}"
            )
    return image


def _tile(image: Image) -> tuple[int, int]:
    from PIL.TiffImagePlugin import TiffImageFile

    if not isinstance(image, TiffImageFile):
        return 0, 0
    width, height = (image.tag_v2.get(tag, 0) for tag in (322, 323))  # TileWidth, TileLength
    return (width, height) if isinstance(width, int) and isinstance(height, int) else (0, 0)


def _memory_lock(image: Image) -> AbstractContextManager[object]:
    return _large_image_lock if image.width * image.height > _LARGE else nullcontext()


def _content_type(image: Image) -> str:
    # Cameras add a preview to the image. Pillow calls such a file MPO; everything else calls it JPEG.
    from PIL.Image import MIME

    return MIME["JPEG" if image.format == "MPO" else str(image.format)]


def _pixels(image: Image, size: ImageInput | None) -> Pixels:
    from PIL.Image import Resampling

    rotation = _orientation(image)
    rgb = _rgb(image)
    if size is not None:
        # Rotation follows resizing: it is then less work.
        swapped = rotation is not None and _swaps_sides(rotation)
        target = (size.height, size.width) if swapped else (size.width, size.height)
        if rgb.size != target:
            rgb = rgb.resize(target, Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(rgb if rotation is None else rgb.transpose(rotation))


def _orientation(image: Image) -> Transpose | None:
    """Return the rotation that makes the image upright; None if it is, or if the orientation is unknown."""
    from PIL.Image import Transpose

    try:
        stored = image.getexif().get(0x0112)
    except Exception:  # Damaged metadata does not make the image invalid: it stays unrotated.
        return None
    rotations = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return rotations.get(stored) if isinstance(stored, int) else None


def _swaps_sides(rotation: Transpose) -> bool:
    from PIL.Image import Transpose

    return rotation in (Transpose.TRANSPOSE, Transpose.TRANSVERSE, Transpose.ROTATE_90, Transpose.ROTATE_270)


def _rgb(image: Image) -> Image:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        # Pillow's own conversion would clip all but the darkest values.
        values = np.nan_to_num(np.asarray(image, np.float32), posinf=np.inf)
        top = 1.0 if image.mode == "F" and values.max(initial=0.0) <= 1 else 65535.0
        return Image.fromarray((values / top * 255).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


@cache
def _ignore_size_warnings() -> None:
    """Ignore Pillow's warning about large images: the limit rejects them. Its error for even larger ones remains."""
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
