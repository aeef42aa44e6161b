"""Samples of more than 8 bits, whose range and polarity are those that the file declares, never those of its content.

A container of 16 bits often holds values of 10, 12 or 14. The range is, in this order,

1. what the file declares: PNG's sBIT, TIFF's BitsPerSample, MaxSampleValue and SMaxSampleValue;
2. ``white``, which the model's record or the setting IMAGE_WHITE states;
3. that of the container (1 for floating point), if the values fill more than half of it.

An image that fits none of these is rejected as ``UNKNOWN_RANGE``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sightline.vision.png import PngHeader
from sightline.vision.reasons import Reason, Rejected
from sightline.vision.tiff import FLOAT, SIGNED, TiffHeader

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["is_deep", "read_deep"]

Values = NDArray[np.float64]

_ROUNDING = 1e-6  # of floating point values, relative to white
_FIX = (
    "Write its values over the whole range, declare the range in the file (PNG: sBIT; TIFF: SMaxSampleValue), or set "
    "IMAGE_WHITE to the value of white, such as 4095 for 12 bits"
)


def is_deep(header: PngHeader | TiffHeader | None) -> bool:
    """Return whether the file has samples that 8 bits cannot hold."""
    if isinstance(header, TiffHeader):
        return header.bits > 8 or header.sample_format in (SIGNED, FLOAT)
    return header is not None and header.bits > 8


def read_deep(data: bytes, image: Image | None, header: PngHeader | TiffHeader, white: float | None) -> Image:
    """Return the image with 8 bits a sample, of mode L, RGB or RGBA.

    ``image``: the file as Pillow loaded it, None if it cannot. Raises :class:`Rejected` if the range of the values is
    unknown, if they exceed it, or if the samples cannot be read.
    """
    if image is not None and len(image.getbands()) > 1 and white is None and not _declares_range(header):
        return _high_bytes(image)
    from PIL import Image

    samples = _samples(data, image, header)
    colours, alpha = (samples[..., :3], samples[..., 3:]) if samples.shape[-1] == 4 else (samples, None)
    levels = _levels(colours, header, white)
    if alpha is not None:
        levels = np.concatenate([levels, alpha / _top(header)], axis=-1)
    pixels = (levels * 255 + 0.5).astype(np.uint8)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if picture.mode == "L" and image is not None and isinstance(key := image.info.get("transparency"), int):
        picture.putalpha(Image.fromarray(np.where(samples[..., 0] == key, 0, 255).astype(np.uint8)))
    return picture


def _high_bytes(image: Image) -> Image:
    """Return the image as Pillow reads it, if its values fill the container: then the high bytes are the picture."""
    bands = zip(image.split(), image.getbands(), strict=True)
    highest = max(float(band.getextrema()[1]) for band, name in bands if name != "A")  # type: ignore[arg-type]
    if highest < 128:
        raise _unknown(highest * 256, 65535)
    return image


def _levels(values: Values, header: PngHeader | TiffHeader, white: float | None) -> Values:
    """Return the values as shares of white, with black as 0; NaN is black."""
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    black, margin = 0.0, 0.0
    if isinstance(header, PngHeader):
        declared = _significant_white(values, header)
    else:
        # TIFF 6.0 defines MaxSampleValue as the largest value in the image, but some programs write the range into it.
        declared = header.maximum if _is_range(header.maximum, high) else None
        if header.sample_format != FLOAT and header.bits not in (8, 16, 32, 64):
            declared = declared or _top(header)
        black = min(0.0, header.minimum or 0.0) if _is_range(-(header.minimum or 0) - 1, -low - 1) else 0.0
        margin = _ROUNDING if header.sample_format == FLOAT else 0.0
    top, white = _top(header), declared or white
    if white is None:
        if high <= top / 2:
            raise _unknown(high, top)
        white = top
    if low < black - margin * white or high > white + margin * white:
        raise Rejected(
            Reason.UNKNOWN_RANGE,
            f"its values are {low:g} to {high:g}, and its range is {black:g} to {white:g}. {_FIX}",
        )
    share: Values = np.nan_to_num((values - black) / (white - black)).clip(0, 1)
    return 1 - share if isinstance(header, TiffHeader) and header.white_is_zero else share


def _is_range(maximum: float | None, largest: float) -> bool:
    """Return whether a declared maximum is that of the range: of a number of bits, or not the image's own one."""
    if maximum is None or maximum <= 0:
        return False
    return (maximum.is_integer() and int(maximum) & (int(maximum) + 1) == 0) or abs(
        maximum - largest
    ) > _ROUNDING * maximum


def _unknown(high: float, top: float) -> Rejected:
    return Rejected(
        Reason.UNKNOWN_RANGE,
        f"its values reach {high:g} of {top:g}, so they may have fewer bits than the file, which does not declare how "
        f"many. {_FIX}",
    )


def _top(header: PngHeader | TiffHeader) -> float:
    """Return the largest value of the container."""
    if isinstance(header, PngHeader):
        return 65535.0
    if header.sample_format == FLOAT:
        return 1.0
    return float(2 ** (header.bits - (header.sample_format == SIGNED)) - 1)


def _declares_range(header: PngHeader | TiffHeader) -> bool:
    if isinstance(header, TiffHeader):
        return header.maximum is not None or header.bits not in (8, 16, 32, 64)
    return header.significant is not None and header.significant < header.bits


def _significant_white(values: Values, header: PngHeader) -> float | None:
    """Return white by PNG's sBIT, whose values should be scaled to the container, but often are not.

    Values that were scaled are multiples of a step (up to rounding), or beyond the range of the significant bits.
    """
    significant = header.significant or header.bits
    if significant >= header.bits:
        return None
    limit = 2**significant - 1
    if values.max() > limit:
        return _top(header)
    step = 2 ** (header.bits - significant)
    return float(limit) if (values % step != 0).mean() > 0.01 else None


def _samples(data: bytes, image: Image | None, header: PngHeader | TiffHeader) -> Values:
    """Return the file's own values, shape = (height, width, channels), RGB or RGBA if there are colours."""
    if image is not None and len(image.getbands()) == 1:
        values: NDArray[Any] = np.asarray(image)
        if isinstance(header, TiffHeader):
            if header.sample_format == SIGNED and values.dtype == np.uint8:
                values = values.view(np.int8)
            elif header.sample_format not in (SIGNED, FLOAT) and values.dtype == np.int32:
                values = values.view(np.uint32)
        return values[..., None].astype(np.float64)
    return _samples_by_opencv(data, image)


def _samples_by_opencv(data: bytes, image: Image | None) -> Values:
    """Read what Pillow cannot: colours of more than 8 bits, and some variants of TIFF. Like Pillow, it turns a TIFF."""
    import cv2

    # Otherwise it writes what cannot be read to standard error.
    cv2.setLogLevel(0)
    try:
        values: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise Rejected(Reason.NOT_AN_IMAGE, f"a variant of its format that is not supported ({error})") from error
    if values is None:
        raise Rejected(
            Reason.TRUNCATED if image is not None else Reason.NOT_AN_IMAGE,
            "the image is damaged, or in a variant of its format that is not supported",
        )
    if values.ndim == 2:
        values = values[..., None]
    elif values.shape[-1] in (3, 4):
        values = values[..., [2, 1, 0, 3][: values.shape[-1]]]
    else:
        raise Rejected(Reason.NOT_AN_IMAGE, f"{values.shape[-1]} samples in a pixel are not supported")
    if image is not None and not _agree(values, image):
        raise Rejected(Reason.NOT_AN_IMAGE, f"{image.mode} with 16 bits in a sample is not supported")
    return values.astype(np.float64)


def _agree(values: NDArray[Any], image: Image) -> bool:
    """Return whether the high bytes of the values are the image that Pillow read."""
    mode = "RGBA" if values.shape[-1] == 4 else "RGB"
    expected = np.asarray(image.convert(mode) if image.mode != mode else image)
    return values.shape == expected.shape and values.dtype == np.uint16 and bool((values >> 8 == expected).all())
