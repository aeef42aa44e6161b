"""JPEG files, decoded by libjpeg-turbo so that lost data is an error: libjpeg itself only warns and fills in grey."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.vision.reasons import Reason, Rejected

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["check_stream", "load_jpeg", "reduced_size"]

# Recommendation T.81, table B.1. Within a scan, 0xff00 is a stuffed byte, and 0xffd0 to 0xffd7 are restart markers.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_COEFFICIENTS = 64  # of a block

# What stops simplejpeg before the compressed data: libjpeg's warnings about the header (jerror.h: JWRN_JFIF_MAJOR,
# JWRN_ADOBE_XFORM, JWRN_NOT_SEQUENTIAL), and samplings of colours that TurboJPEG does not know. All others are damage.
_UNCHECKED = (
    "unknown JFIF revision",
    "Unknown Adobe color transform",
    "Invalid SOS parameters for sequential",
    "Could not determine subsampling",
)


def load_jpeg(data: bytes, header: Image, least: int | None, warnings: list[str]) -> Image:
    """Return the image, reduced by 2, 4 or 8 if both its sides are still at least ``least`` pixels.

    ``header``: the file as Pillow opened it. A warning is added to ``warnings`` if lost data could not be detected.
    Raises :class:`Rejected` if any part of the compressed data is lost or damaged.
    """
    from PIL import Image

    _check_scans(data)
    width, height = reduced_size(header, least)
    space = {"L": "GRAY", "RGB": "RGB"}.get(header.mode)
    if space is None:
        check_stream(data, warnings)
    pixels = _decode(data, space, width, height, warnings) if space else None
    if pixels is None:
        header.draft(None, (width, height))
        header.load()
        return header
    return Image.fromarray(pixels[..., 0] if space == "GRAY" else pixels)


def check_stream(data: bytes, warnings: list[str]) -> None:
    """Raise :class:`Rejected` if libjpeg warns about lost data in a JPEG of any colour space."""
    import simplejpeg

    try:
        _, _, space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        _judge(error, warnings)
        return
    _decode(data, {"CMYK": "CMYK", "YCCK": "CMYK", "Gray": "GRAY"}.get(space, "RGB"), 1, 1, warnings)


def reduced_size(header: Image, least: int | None) -> tuple[int, int]:
    """Return the width and the height at which :func:`load_jpeg` decodes the image."""
    width, height = header.size
    # Only these scales have fast inverse transforms.
    for divisor in (8, 4, 2) if least else ():
        reduced = -(-width // divisor), -(-height // divisor)
        if min(reduced) >= (least or 0):
            return reduced
    return width, height


def _decode(data: bytes, space: str, width: int, height: int, warnings: list[str]) -> NDArray[np.uint8] | None:
    """Return the pixels, shape = (height, width, channels); None if simplejpeg cannot read such JPEGs."""
    import simplejpeg

    try:
        return np.asarray(
            simplejpeg.decode_jpeg(data, colorspace=space, min_width=width, min_height=height, strict=True), np.uint8
        )
    except ValueError as error:
        _judge(error, warnings)
        return None


def _judge(error: ValueError, warnings: list[str]) -> None:
    """Warn that the data could not be checked, if that is the case; raise :class:`Rejected` for damage."""
    if not any(text in str(error) for text in _UNCHECKED):
        raise Rejected(Reason.TRUNCATED, f"the image is truncated or damaged ({error})") from error
    warnings.append(f"it was not checked for lost data, because it is an unusual JPEG: {error}")


class _Scan(NamedTuple):
    """``components``: their identifiers. ``first`` to ``last``: the coefficients; ``low``: the bits still to come."""

    components: bytes
    first: int
    last: int
    low: int


def _check_scans(data: bytes) -> None:
    """Raise :class:`Rejected` if a scan is missing: libjpeg does not warn, and leaves the coefficients at 0."""
    frame, missing = b"", {}  # type: bytes, dict[int, list[int]]
    for segment in _segments(data):
        if isinstance(segment, bytes):
            frame, missing = segment, {}
            continue
        if segment[1:] == (0, _COEFFICIENTS - 1, 0) and len(segment.components) == len(frame):
            return  # One scan has everything, as in most files.
        missing = missing or {component: [1] * _COEFFICIENTS for component in frame}
        for component in segment.components:
            if component in missing:
                missing[component][segment.first : segment.last + 1] = [segment.low] * (
                    segment.last + 1 - segment.first
                )
    if lost := [component for component, bits in missing.items() if any(bits)]:
        raise Rejected(
            Reason.TRUNCATED, f"the image is truncated: scans of {len(lost)} of its {len(missing)} components are lost"
        )


def _segments(data: bytes) -> Iterator[bytes | _Scan]:
    """Yield the components of the frame, then every scan, up to the end of the first image."""
    place, progressive = 2, False
    while match := _NEXT_MARKER.search(data, place):
        code, body = data[match.start() + 1], data[match.end() + 2 : match.end() + 260]
        if code == _END_OF_IMAGE:
            return
        length = int.from_bytes(data[match.end() : match.end() + 2], "big")
        place = match.end() + length
        if code in _START_OF_FRAME and len(body) > 6:
            progressive = code in _PROGRESSIVE
            yield body[6 : 6 + 3 * body[5] : 3]
        elif code == _START_OF_SCAN and len(body) >= 4 + 2 * body[0]:
            end = 1 + 2 * body[0]
            first, last, low = (body[end], body[end + 1], body[end + 2] & 15) if progressive else (0, 63, 0)
            yield _Scan(body[1:end:2], first, min(last, 63), low)
