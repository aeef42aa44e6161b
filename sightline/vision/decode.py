"""Decoding of image files, the same for training and for classification."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.registry import ImageInput
from sightline.vision import formats
from sightline.vision.colour import to_srgb
from sightline.vision.formats import Format
from sightline.vision.jpeg import check_stream, load_jpeg, reduced_size
from sightline.vision.library_warnings import collected_warnings
from sightline.vision.limits import Limits
from sightline.vision.png import PngHeader, read_png_header
from sightline.vision.raw import develop
from sightline.vision.reasons import Reason, Rejected
from sightline.vision.samples import is_deep, read_deep
from sightline.vision.tiff import TiffHeader, read_tiff_header

if TYPE_CHECKING:
    from PIL.Image import Image, Transpose

__all__ = ["Decoded", "decode"]

Pixels = NDArray[np.uint8]
_Header = PngHeader | TiffHeader | None

_LARGE = 16_000_000  # pixels: several threads that decode such images at the same time might fill the memory
_large_image_lock = Lock()


class Decoded(NamedTuple):
    """``pixels``: uint8, shape = (height, width, 3), RGB. ``content_type``: the file's type, such as ``image/png``.

    ``warnings``: what is wrong with the file although it could be read, such as a damaged colour profile.
    """

    pixels: Pixels
    content_type: str
    warnings: tuple[str, ...] = ()


def decode(data: bytes, size: ImageInput | None, limits: Limits) -> Decoded:
    """Decode the first image of a file, upright and in sRGB, and resize it bicubically to ``size``, if one is given.

    The aspect ratio is not preserved. Transparent parts become white. Raises :class:`Rejected` if the data is in
    none of the formats of :mod:`~sightline.vision.formats`, if any part of it is lost or damaged, if the range of its
    values is unknown (see :mod:`~sightline.vision.samples`), or if it has too many pixels, which are then not decoded.
    """
    with collected_warnings() as warnings:
        kind, header = _inspect(data)
        try:
            pixels = _pixels(data, kind, header, size, limits, warnings)
        except Rejected:
            raise
        # Pillow's decoders raise many kinds of exceptions for damaged files, struct.error and RuntimeError among them.
        except Exception as error:
            raise Rejected(Reason.TRUNCATED, f"the image is truncated or damaged ({error})") from error
    return Decoded(pixels, kind.value, tuple(warnings))


def _inspect(data: bytes) -> tuple[Format, _Header]:
    """Return the format, and what the header of a PNG or TIFF file declares; None for others and for a damaged one."""
    kind = formats.recognise(data)
    if kind is Format.PNG:
        return kind, read_png_header(data)
    if kind is Format.TIFF:
        header = read_tiff_header(data)
        return Format.RAW if header is not None and header.sensor else kind, header
    return kind, None


def _pixels(
    data: bytes, kind: Format, header: _Header, size: ImageInput | None, limits: Limits, warnings: list[str]
) -> Pixels:
    least = max(size.width, size.height) if size is not None else None
    if kind is Format.RAW:
        with _large_image_lock:
            return _resized(develop(data, limits.pixels, least), None, size)
    formats.check_length(data, kind, warnings)
    if isinstance(header, TiffHeader):
        _check_pixels(header.width, header.height, limits)
        # The tiles of a TIFF file are decoded completely, even if the image uses only a part of them.
        _check_pixels(*header.tile, limits, "each of its tiles")
    white = limits.white if size is None or size.white is None else size.white
    image = _open(data, kind, limits, optional=isinstance(header, TiffHeader) and is_deep(header))
    if image is None:
        with _memory_lock(header.width, header.height):  # type: ignore[union-attr]
            return _resized(_rgb(read_deep(data, None, header, white), warnings), None, size)  # type: ignore[arg-type]
    with image, _memory_lock(*(reduced_size(image, least) if kind is Format.JPEG else image.size)):
        loaded = _loaded(data, kind, header, image, least, white, warnings)
        # Pillow turns a TIFF when it is loaded, so this is the rest.
        rotation = _orientation(image)
        return _resized(_rgb(loaded, warnings), rotation, size)


def _loaded(
    data: bytes,
    kind: Format,
    header: _Header,
    image: Image,
    least: int | None,
    white: float | None,
    warnings: list[str],
) -> Image:
    """Return the image with 8 bits a sample, of at least ``least`` pixels a side, with its colour profile."""
    if kind is Format.JPEG:
        loaded = load_jpeg(data, image, least, warnings)
        loaded.info = image.info
        return loaded
    image.load()
    for part in header.jpegs if isinstance(header, TiffHeader) else ():
        check_stream(part, warnings)
    if header is None or not is_deep(header):
        return image
    loaded = read_deep(data, image, header, white)
    if loaded is not image:
        loaded.info = {key: value for key, value in image.info.items() if key != "transparency"}
    return loaded


def _open(data: bytes, kind: Format, limits: Limits, *, optional: bool) -> Image | None:
    """Open the file with Pillow; return None if it does not know this variant and ``optional``."""
    from PIL import Image, UnidentifiedImageError

    formats.register()
    try:
        image = Image.open(io.BytesIO(data), formats=kind.decoders)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Rejected(Reason.TOO_MANY_PIXELS, str(error)) from error
    except UnidentifiedImageError as error:
        if optional:
            return None
        raise Rejected(
            Reason.TRUNCATED, "the image's header is truncated or damaged, or of a variant that is not supported"
        ) from error
    except Exception as error:  # As many kinds as in decode.
        raise Rejected(Reason.TRUNCATED, f"the image's header is damaged ({error})") from error
    try:
        _check_pixels(*image.size, limits)
    except Rejected:
        image.close()
        raise
    return image


def _check_pixels(width: int, height: int, limits: Limits, part: str = "it") -> None:
    if width * height > limits.pixels:
        raise Rejected(Reason.TOO_MANY_PIXELS, f"{part} has {width} x {height} pixels, the limit is {limits.pixels}")


def _memory_lock(width: int, height: int) -> AbstractContextManager[object]:
    return _large_image_lock if width * height > _LARGE else nullcontext()


def _resized(rgb: Image, rotation: Transpose | None, size: ImageInput | None) -> Pixels:
    from PIL.Image import Resampling

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


def _rgb(image: Image, warnings: list[str]) -> Image:
    """Return the image in sRGB, with white behind its transparent parts."""
    from PIL import Image

    if image.has_transparency_data:
        layers = image.convert("RGBA")
        colours = layers.convert("RGB")
        colours.info = image.info
        flat = Image.new("RGB", layers.size, "white")
        flat.paste(to_srgb(colours, warnings), mask=layers.getchannel("A"))
        return flat
    if image.mode not in ("RGB", "L", "CMYK", "LAB"):
        info, image = image.info, image.convert("RGB")
        image.info = info
    managed = to_srgb(image, warnings)
    return managed if managed.mode == "RGB" else managed.convert("RGB")
