"""The formats of image files, recognised by their first bytes, never by their names."""

from __future__ import annotations

import re
from enum import Enum
from functools import cache

from sightline.vision.reasons import Reason, Rejected

__all__ = ["SIGNATURE", "SUFFIXES", "Format", "check_length", "recognise", "register"]

SIGNATURE = 32
"""The number of bytes by which a format is recognised."""

_RAW_SUFFIXES = (".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".orf", ".pef", ".raf", ".rw2")
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif",
    ".hif", *_RAW_SUFFIXES,
)  # fmt: skip
"""The usual suffixes of the names. They do not decide how a file is read."""


class Format(Enum):
    """A format. The value is its media type."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    GIF = "image/gif"
    BMP = "image/bmp"
    TIFF = "image/tiff"
    AVIF = "image/avif"
    HEIF = "image/heif"
    RAW = "image/x-dcraw"

    @property
    def decoders(self) -> tuple[str, ...]:
        """The names of Pillow's decoders for it: others of Pillow's may start programs on untrusted data."""
        # Cameras add a preview to the image. Pillow calls such a file MPO; everything else calls it JPEG.
        return ("JPEG", "MPO") if self is Format.JPEG else (self.name,)


_SIGNATURES = {
    Format.JPEG: rb"\xff\xd8\xff",
    Format.PNG: rb"\x89PNG\r\n\x1a\n",
    Format.WEBP: rb"RIFF....WEBP",
    Format.GIF: rb"GIF8[79]a",
    # The sizes of its second header, which follows the file's length and four bytes of 0.
    Format.BMP: rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    Format.RAW: rb"II\*\0....CR|II(RO|RS|U\0)|MMOR|FUJIFILMCCD-RAW|....ftypcrx ",
    Format.TIFF: rb"II[*+]\0|MM\0[*+]",
    Format.AVIF: rb"....ftypavi[fs]",
    Format.HEIF: rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)",
}
_NUMPY = b"\x93NUMPY"
_PATTERNS = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in _SIGNATURES.items()}


def recognise(data: bytes) -> Format:
    """Return the format of a file by its first :data:`SIGNATURE` bytes. Raises :class:`Rejected` if it is no image."""
    for kind, pattern in _PATTERNS.items():
        if pattern.match(data):
            # The general brand of both formats: the compatible ones are more exact.
            if kind is Format.HEIF and data[8:12] in (b"mif1", b"msf1") and b"avif" in data[16:64]:
                return Format.AVIF
            return kind
    if data.startswith(_NUMPY):
        raise Rejected(
            Reason.NOT_AN_IMAGE,
            "a NumPy array, whose range is unknown. Frames of a pressure mat are read by sightline watch-posture, with "
            "the range in bed.toml",
        )
    names = ", ".join(kind.name for kind in Format)
    raise Rejected(Reason.NOT_AN_IMAGE, f"not one of {names}: the file starts with {data[:8]!r}")


def check_length(data: bytes, kind: Format, warnings: list[str]) -> None:
    """Raise :class:`Rejected` if a part of the file is missing by the lengths that it states itself.

    More bytes than it states are a warning, which is added to ``warnings``: something may have been inserted.
    """
    if kind is Format.WEBP:
        missing = int.from_bytes(data[4:8], "little") + 8 - len(data)
    elif kind is Format.BMP:
        missing = int.from_bytes(data[2:6], "little") - len(data)
    elif kind in (Format.AVIF, Format.HEIF):
        missing = _missing_of_boxes(data)
    else:
        return
    if missing > 0:
        raise Rejected(Reason.TRUNCATED, f"the image is truncated: {missing} bytes are missing")
    if missing < -1:  # A chunk is padded to an even length, which not every program counts.
        warnings.append(f"it has {-missing} more bytes than it states")


def _missing_of_boxes(data: bytes) -> int:
    """Return the number of bytes by which the last box exceeds the file. ISO/IEC 14496-12, 4.2."""
    place = 0
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if length == 1:
            length = int.from_bytes(data[place + 8 : place + 16], "big")
        if length == 0:  # It extends to the end of the file.
            return 0
        if length < 8:
            raise Rejected(Reason.TRUNCATED, f"the image is damaged: a box at byte {place} has {length} bytes")
        place += length
    return max(place - len(data), len(data) - place if place < len(data) else 0)


@cache
def register() -> None:
    """Add HEIF to Pillow's formats."""
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False)
