"""TIFF files of any kind of sample, written by the specification: Pillow writes few of them."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FORMATS = {"u": 1, "i": 2, "f": 3}
_TYPES = {1: "B", 2: "c", 3: "H", 4: "I", 5: "I", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d"}  # types of a tag's values
_RATIONAL = (5, 10)

Tag = tuple[int, int, list[Any]]
"""Number, type and values."""


def tiff(samples: NDArray[Any], photometric: int = 1, order: str = "<", *tags: Tag) -> bytes:
    """Return an uncompressed TIFF of samples, shape = (height, width) or (height, width, channels)."""
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    content = samples.astype(samples.dtype.newbyteorder(order)).tobytes()  # type: ignore[arg-type]
    bits, kind = samples.dtype.itemsize * 8, _FORMATS[samples.dtype.kind]
    entries = sorted([
        (256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * channels), (259, 3, [1]), (262, 3, [photometric]),
        (273, 4, [8]), (277, 3, [channels]), (278, 4, [height]), (279, 4, [len(content)]), (339, 3, [kind] * channels),
        *tags,
    ])  # fmt: skip
    start = 8 + len(content) + len(content) % 2
    further = start + 2 + 12 * len(entries) + 4
    directory, values = struct.pack(f"{order}H", len(entries)), b""
    for number, kind, items in entries:
        packed = struct.pack(f"{order}{len(items)}{_TYPES[kind]}", *items)
        place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(f"{order}I", further + len(values))
        count = len(items) // 2 if kind in _RATIONAL else len(items)
        directory += struct.pack(f"{order}HHI", number, kind, count) + place
        values += packed + bytes(len(packed) % 2) if len(packed) > 4 else b""
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, start)
    return (head + content).ljust(start, b"\0") + directory + bytes(4) + values


def rows(top: float, kind: str) -> NDArray[Any]:
    """Return a ramp from 0 to ``top``, shape = (16, 64), of the NumPy type ``kind``."""
    ramp = np.linspace(0, top, 64)
    return np.broadcast_to(ramp if kind[0] == "f" else ramp.round(), (16, 64)).astype(kind)


def dng(colours: NDArray[np.uint8], orientation: int = 1) -> bytes:
    """Return a raw photo of an image, shape = (height, width, 3): each pixel of the sensor sees one of its colours."""
    height, width = colours.shape[:2]
    linear = (np.clip((colours / 255 + 0.055) / 1.055, 0, 1) ** 2.4 * 65535).astype(np.uint16)
    sensor = np.empty((height, width), np.uint16)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        sensor[row::2, column::2] = linear[row::2, column::2, channel]
    to_sensor = [32404542, -15371385, -4985314, -9692660, 18760108, 415560, 556434, -2040259, 10572252]  # XYZ to sRGB
    return tiff(
        sensor, 32803, "<", (50706, 1, [1, 4, 0, 0]), (50708, 2, [bytes([c]) for c in b"sightline test\0"]),
        (271, 2, [bytes([c]) for c in b"sightline\0"]), (274, 3, [orientation]),
        (33421, 3, [2, 2]), (33422, 1, [0, 1, 1, 2]), (50717, 4, [65535]), (50778, 3, [21]),
        (50721, 10, [part for value in to_sensor for part in (value, 10_000_000)]), (50728, 5, [1, 1, 1, 1, 1, 1]),
    )  # fmt: skip
