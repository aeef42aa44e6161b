"""An image file's bytes as pixels, the same for training and for classifying."""

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

# Of the many more kinds that Pillow knows, some start a program, Ghostscript say, on what a stranger has sent.
_KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_BEGINNING = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP|GIF8[79]a|II[*+]\0|MM\0[*+]|....ftypavif", re.DOTALL
)
_LARGE = 16_000_000  # pixels: decoded by several threads at once, such pictures might fill the memory
_large_turn = Lock()


class Decoded(NamedTuple):
    """``pixels``: uint8, shape = (height, width, 3), RGB. ``content_type``: what the bytes are, ``image/png`` say."""

    pixels: Pixels
    content_type: str


def decode(data: bytes, size: ImageInput | None, limits: Limits) -> Decoded:
    """Decode the first picture of an image file, upright, and stretch it bicubically to ``size``.

    Transparent parts become white. Without a ``size`` the picture keeps its own. Raises :class:`Rejected`: for what is
    not a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file, breaks off, or has too many pixels, which are not decoded then.
    """
    with _open(data, limits) as image:
        try:
            if size is not None:
                # A JPEG is decoded at a half, a quarter or an eighth where that is still as large as what is wanted.
                image.draft(None, (max(size.width, size.height),) * 2)
            with _turn(image):
                image.load()
                return Decoded(_pixels(image, size), _content_type(image))
        # Each of Pillow's readers has its own ways to say that a file is damaged: struct.error and RuntimeError too.
        except Exception as error:
            raise Rejected(Reason.TRUNCATED, f"the image breaks off or is damaged ({error})") from error


def _open(data: bytes, limits: Limits) -> Image:
    from PIL import Image, UnidentifiedImageError

    _quieten()
    try:
        image = Image.open(io.BytesIO(data), formats=_KINDS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Rejected(Reason.TOO_MANY_PIXELS, str(error)) from error
    except UnidentifiedImageError as error:
        if _BEGINNING.match(data):
            raise Rejected(Reason.TRUNCATED, "the image's header breaks off or is damaged") from error
        raise Rejected(
            Reason.NOT_AN_IMAGE, f"none of {', '.join(_KINDS)}: the file begins with {data[:8]!r}"
        ) from error
    except Exception as error:  # As varied as in decode.
        raise Rejected(Reason.TRUNCATED, f"the image's header is damaged ({error})") from error
    # A TIFF file's tiles are decoded whole, however little of them the picture shows.
    for width, height, what in ((*image.size, "it"), (*_tile(image), "each of its tiles")):
        if width * height > limits.pixels:
            image.close()
            raise Rejected(
                Reason.TOO_MANY_PIXELS, f"{what} has {width} x {height} pixels, the limit is {limits.pixels}"
            )
    return image


def _tile(image: Image) -> tuple[int, int]:
    from PIL.TiffImagePlugin import TiffImageFile

    if not isinstance(image, TiffImageFile):
        return 0, 0
    width, height = (image.tag_v2.get(tag, 0) for tag in (322, 323))  # TileWidth, TileLength
    return (width, height) if isinstance(width, int) and isinstance(height, int) else (0, 0)


def _turn(image: Image) -> AbstractContextManager[object]:
    return _large_turn if image.width * image.height > _LARGE else nullcontext()


def _content_type(image: Image) -> str:
    # Cameras put a preview beside the picture, which makes it an MPO file for Pillow, and a JPEG file for all others.
    from PIL.Image import MIME

    return MIME["JPEG" if image.format == "MPO" else str(image.format)]


def _pixels(image: Image, size: ImageInput | None) -> Pixels:
    from PIL.Image import Resampling

    turn = _orientation(image)
    picture = _rgb(image)
    if size is not None:
        # Turned after it has been made small, which is less work.
        wanted = (size.height, size.width) if turn is not None and _swaps_sides(turn) else (size.width, size.height)
        if picture.size != wanted:
            picture = picture.resize(wanted, Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(picture if turn is None else picture.transpose(turn))


def _orientation(image: Image) -> Transpose | None:
    """What makes the picture upright; None for one that is, or whose camera did not say."""
    from PIL.Image import Transpose

    try:
        stored = image.getexif().get(0x0112)
    except Exception:  # Damaged notes on the picture do not make it a damaged one: it is shown as it lies.
        return None
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return turns.get(stored) if isinstance(stored, int) else None


def _swaps_sides(turn: Transpose) -> bool:
    from PIL.Image import Transpose

    return turn in (Transpose.TRANSPOSE, Transpose.TRANSVERSE, Transpose.ROTATE_90, Transpose.ROTATE_270)


def _rgb(image: Image) -> Image:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        # Pillow's own conversion would clip all but the darkest of these.
        values = np.nan_to_num(np.asarray(image, np.float32), posinf=np.inf)
        top = 1.0 if image.mode == "F" and values.max(initial=0.0) <= 1 else 65535.0
        return Image.fromarray((values / top * 255).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


@cache
def _quieten() -> None:
    """What Pillow warns of, the limit refuses; its own refusal of yet larger ones stays."""
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
