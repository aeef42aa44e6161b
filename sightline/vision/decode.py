"""An image file's bytes as pixels, the same for training and for classifying."""

from __future__ import annotations

import io
import warnings
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.registry import ImageInput
from sightline.vision.limits import Limits
from sightline.vision.reasons import Reason, Rejected

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Decoded", "decode"]

Pixels = NDArray[np.uint8]


class Decoded(NamedTuple):
    """``pixels``: uint8, shape = (height, width, 3), RGB. ``content_type``: what the bytes are, ``image/png`` say."""

    pixels: Pixels
    content_type: str


def decode(data: bytes, size: ImageInput | None, limits: Limits) -> Decoded:
    """Decode the first picture of an image file, upright, and stretch it bicubically to ``size``.

    Transparent parts become white. Without a ``size`` the picture keeps its own. Raises :class:`Rejected`.
    """
    with _open(data, limits) as image:
        content_type = image.get_format_mimetype() or "application/octet-stream"
        try:
            if size is not None:
                # A JPEG is decoded at a half, a quarter or an eighth where that is still as large as what is wanted.
                image.draft(None, (max(size.width, size.height),) * 2)
            image.load()
        # Each of Pillow's readers has its own way to say that a file breaks off.
        except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
            raise Rejected(Reason.TRUNCATED, f"the image breaks off or is damaged ({error})") from error
        return Decoded(_pixels(image, size), content_type)


def _open(data: bytes, limits: Limits) -> Image:
    from PIL import Image, UnidentifiedImageError

    _quieten()
    try:
        image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise Rejected(Reason.TOO_MANY_PIXELS, str(error)) from error
    except UnidentifiedImageError as error:
        raise Rejected(Reason.NOT_AN_IMAGE, f"no known kind of image begins with {data[:8]!r}") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise Rejected(Reason.TRUNCATED, f"the image's header is damaged ({error})") from error
    if image.width * image.height > limits.pixels:
        image.close()
        raise Rejected(
            Reason.TOO_MANY_PIXELS, f"it has {image.width} x {image.height} pixels, the limit is {limits.pixels}"
        )
    return image


def _pixels(image: Image, size: ImageInput | None) -> Pixels:
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image)
    picture = _rgb(upright)
    if size is not None and picture.size != (size.width, size.height):
        picture = picture.resize((size.width, size.height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(picture)


def _rgb(image: Image) -> Image:
    from PIL import Image

    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        # Pillow's own conversion would clip all but the darkest of these.
        values = np.asarray(image, np.float64)
        top = 65535.0 if image.mode != "F" or values.max(initial=0.0) > 1 else 1.0
        return Image.fromarray((values / top * 255).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
    return image.convert("RGB")


@cache
def _quieten() -> None:
    """What Pillow warns of, the limit refuses; its own refusal of yet larger ones stays."""
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
