"""What a TIFF file declares about its samples, and whether it is a camera's raw photo."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

__all__ = ["FLOAT", "SIGNED", "UNSIGNED", "TiffHeader", "read_tiff_header"]

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
"""The values of the tag SampleFormat."""

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_MAXIMUM, _SUB_IFDS, _FORMAT, _SIGNED_MINIMUM, _SIGNED_MAXIMUM, _JPEG_TABLES = 281, 330, 339, 340, 341, 347
_OFFSETS, _LENGTHS, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_LENGTHS = 273, 279, 322, 323, 324, 325
_DNG_VERSION = 50706
_SENSOR = frozenset({32803, 34892})  # PhotometricInterpretation of DNG: CFA, LinearRaw
_SENSOR_COMPRESSION = frozenset({32767, 34713, 65535})  # Sony, Nikon, Pentax
_NEW_JPEG = 7
_MAX_DIRECTORIES = 16


@dataclass(frozen=True)
class TiffHeader:
    """The first image of a file. ``bits`` and ``sample_format``: of a sample.

    ``maximum`` and ``minimum``: the sample values that it declares, None if it does not. ``white_is_zero``: whether the
    tag PhotometricInterpretation says so. ``sensor``: whether the file is a raw photo, whose first image is a preview.
    ``tile``: width and height of a tile, 0 if there are none. ``jpegs``: the parts that are compressed as JPEG.
    """

    width: int
    height: int
    bits: int
    sample_format: int
    white_is_zero: bool
    maximum: float | None
    minimum: float | None
    sensor: bool
    tile: tuple[int, int]
    jpegs: tuple[bytes, ...]


def read_tiff_header(data: bytes) -> TiffHeader | None:
    """Return what the file declares, None if its header is damaged. Tags: TIFF 6.0, and DNG 1.7."""
    try:
        directories = list(_directories(data))
        first = directories[0]
        return TiffHeader(
            width=int(_number(first, _WIDTH, 0)),
            height=int(_number(first, _HEIGHT, 0)),
            bits=int(max(_numbers(first, _BITS) or (1,))),
            sample_format=int(_number(first, _FORMAT, UNSIGNED)),
            white_is_zero=_number(first, _PHOTOMETRIC, 1) == 0,
            maximum=_largest(first, _SIGNED_MAXIMUM, _MAXIMUM),
            minimum=_largest(first, _SIGNED_MINIMUM),
            sensor=_DNG_VERSION in first or data[8:10] == b"CR" or any(map(_is_sensor, directories)),
            tile=(int(_number(first, _TILE_WIDTH, 0)), int(_number(first, _TILE_HEIGHT, 0))),
            jpegs=tuple(_jpegs(data, first)),
        )
    except Exception:  # As many kinds as in Pillow's decoders, which then report the damage themselves.
        return None


def _directories(data: bytes) -> Iterator[ImageFileDirectory_v2]:
    """Yield the first directory, and those below it."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    head, file = data[: 16 if data[2:3] == b"+" else 8], io.BytesIO(data)
    places = [ImageFileDirectory_v2(head).next]
    for _ in range(_MAX_DIRECTORIES):
        if not places:
            return
        directory = ImageFileDirectory_v2(head)
        file.seek(places.pop(0))
        directory.load(file)
        yield directory
        places += [int(place) for place in _numbers(directory, _SUB_IFDS)]


def _is_sensor(directory: ImageFileDirectory_v2) -> bool:
    return directory.get(_PHOTOMETRIC) in _SENSOR or directory.get(_COMPRESSION) in _SENSOR_COMPRESSION


def _jpegs(data: bytes, directory: ImageFileDirectory_v2) -> Iterator[bytes]:
    """Yield the strips or tiles as complete JPEGs. TIFF Technical Note 2: they share the tables of one tag."""
    if directory.get(_COMPRESSION) != _NEW_JPEG:
        return
    tables = directory.get(_JPEG_TABLES, b"")
    head = tables[:-2] if tables[:2] == b"\xff\xd8" and tables[-2:] == b"\xff\xd9" else b"\xff\xd8"
    offsets = _numbers(directory, _TILE_OFFSETS) or _numbers(directory, _OFFSETS)
    lengths = _numbers(directory, _TILE_LENGTHS) or _numbers(directory, _LENGTHS)
    for offset, length in zip(offsets, lengths, strict=False):
        yield head + data[int(offset) + 2 : int(offset + length)]


def _numbers(directory: ImageFileDirectory_v2, tag: int) -> tuple[float, ...]:
    value: Any = directory.get(tag, ())
    return tuple(map(float, value if isinstance(value, tuple) else (value,)))


def _number(directory: ImageFileDirectory_v2, tag: int, default: float) -> float:
    return next(iter(_numbers(directory, tag)), float(default))


def _largest(directory: ImageFileDirectory_v2, *tags: int) -> float | None:
    """Return the largest value of the first of the tags that is there."""
    return next((max(values) for tag in tags if (values := _numbers(directory, tag))), None)
