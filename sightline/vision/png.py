"""What a PNG file declares, and whether its chunks are intact."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from sightline.vision.reasons import Reason, Rejected

__all__ = ["PngHeader", "read_png_header"]

_SIGNATURE = 8  # bytes
_WITH_ALPHA = (4, 6)  # colour types


class PngHeader(NamedTuple):
    """``bits``: those of a sample in the file. ``significant``: those that it had originally, by its sBIT chunk."""

    bits: int
    significant: int | None


def read_png_header(data: bytes) -> PngHeader:
    """Return what the file declares about its samples.

    Raises :class:`Rejected` for a missing chunk and for one with a wrong checksum, which Pillow does not check in the
    chunks with the pixels. See the PNG specification, third edition, 5.3 and 11.3.2.7.
    """
    place, bits, colour, significant = _SIGNATURE, 8, 0, None
    while place + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        body, end = memoryview(data)[place + 8 : place + 8 + length], place + 12 + length
        if end > len(data):
            break
        if zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(data[end - 4 : end], "big"):
            raise Rejected(Reason.TRUNCATED, f"the image is damaged: its chunk {name!r} has a wrong checksum")
        if name == b"IHDR" and length >= 10:
            bits, colour = body[8], body[9]
        elif name == b"sBIT" and length:
            # The last value is that of the transparency, if there is any.
            significant = max(body[: length - (colour in _WITH_ALPHA)] or body)
        elif name == b"IEND":
            return PngHeader(bits, significant)
        place = end
    raise Rejected(Reason.TRUNCATED, "the image is truncated: its IEND chunk is missing")
