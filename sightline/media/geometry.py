"""The geometry of a picture: one transform makes every frame upright, with square pixels and of one size.

The display matrix is applied as FFmpeg applies it when it rotates automatically; it may turn and mirror. Then the
shorter side of non-square pixels is enlarged, so that no detail is lost. Frames whose size differs from that of the
first one, as in recordings of a video call, are scaled to it, with black bars if their shape differs.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any

_LARGEST_SIDE = 16_384
"""Pixels; the limit of H.264 encoders."""

_SAME_SHAPE = 0.02
"""Frames whose ratio of width and height differs by less are scaled without bars."""

_BT_601, _UNSPECIFIED_RANGE = 6, 0
"""Members of FFmpeg's ``AVColorSpace`` and ``AVColorRange``."""

Matrix = tuple[int, ...]
"""A display matrix of 3 by 3 numbers, row by row (ISO/IEC 14496-12, 8.3.2)."""


@dataclass(frozen=True)
class Size:
    """The size of a picture in pixels."""

    width: int
    height: int


def upright_size(frame: Any, pixel_aspect: Fraction | None) -> Size:
    """Return the size at which the frame is shown upright with square pixels.

    ``pixel_aspect``: the width of a pixel over its height, as stored; None if unknown.
    """
    turned = any(name == "transpose" for name, _ in _orientation(_display_matrix(frame)))
    aspect = _valid(pixel_aspect)
    width, height = Fraction(frame.width), Fraction(frame.height)
    if aspect > 1:
        width *= aspect
    else:
        height /= aspect
    shrink = max(Fraction(1), width / _LARGEST_SIDE, height / _LARGEST_SIDE)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    return Size(*reversed(size)) if turned else Size(*size)


class Upright:
    """Makes the frames of a video upright, with square pixels and of one size. For one thread."""

    def __init__(self, size: Size, pixel_aspect: Fraction | None) -> None:
        self._size, self._aspect = size, pixel_aspect
        self._key: Any = None
        self._graph: Any = None

    def __call__(self, frame: Any) -> Any:
        """Return the PyAV frame as displayed; the same object if there is nothing to do."""
        # The side data is read only if the rotation changes: PyAV's frame and its side data refer to each other, so
        # that such frames stay in memory until the next garbage collection.
        key = (frame.width, frame.height, frame.format.name, frame.rotation, frame.color_range, frame.colorspace)
        if key != self._key:
            matrix = _display_matrix(frame)
            own = upright_size(frame, self._aspect)
            self._key, self._graph = key, _build(frame, list(_filters(matrix, frame, own, self._size)))
        if self._graph is not None:
            self._graph.vpush(frame)
            frame = self._graph.vpull()
        if frame.format.is_rgb:
            # A conversion to YUV then has the matrix and range of FFmpeg's, and names them.
            frame.colorspace, frame.color_range = _BT_601, _UNSPECIFIED_RANGE
        return frame


def _valid(aspect: Fraction | None) -> Fraction:
    """Return the pixel aspect ratio; 1 if it is unknown or not positive."""
    return aspect if aspect is not None and aspect > 0 else Fraction(1)


def _display_matrix(frame: Any) -> Matrix | None:
    _name_unknown_side_data()
    for item in frame.side_data:
        if item.type.name == "DISPLAYMATRIX":
            return struct.unpack("=9i", bytes(item))
    return None


@cache
def _name_unknown_side_data() -> None:
    """Let PyAV read the side data of frames that have types added to FFmpeg after PyAV's list, such as Exif.

    PyAV 18 raises ``ValueError`` for all side data of such a frame, the display matrix included.
    """
    from av.sidedata.sidedata import Type

    def unknown(kind: type[Enum], value: object) -> Enum:
        member = object.__new__(kind)
        member._name_, member._value_ = f"UNKNOWN_{value}", value
        return member

    Type._missing_ = classmethod(unknown)  # type: ignore[assignment, method-assign]


def _orientation(matrix: Matrix | None) -> Iterator[tuple[str, str]]:
    """Yield the filters of FFmpeg's automatic rotation (``configure_input_video_filter`` of its command line)."""
    if matrix is None or not (matrix[0] or matrix[3]) or not (matrix[1] or matrix[4]):
        return
    scale = math.hypot(matrix[0], matrix[3]), math.hypot(matrix[1], matrix[4])
    angle = round(math.degrees(math.atan2(matrix[1] / scale[1], matrix[0] / scale[0]))) % 360
    if angle == 90:
        yield "transpose", "cclock_flip" if matrix[3] > 0 else "clock"
    elif angle == 180:
        if matrix[0] < 0:
            yield "hflip", ""
        if matrix[4] < 0:
            yield "vflip", ""
    elif angle == 270:
        yield "transpose", "clock_flip" if matrix[3] < 0 else "cclock"
    elif angle:
        yield "rotate", f"{angle}*PI/180"
    elif matrix[4] < 0:
        yield "vflip", ""


def _filters(matrix: Matrix | None, frame: Any, own: Size, size: Size) -> Iterator[tuple[str, str]]:
    """Yield the filters that show a frame, whose own upright size is ``own``, at ``size``."""
    orientation = list(_orientation(matrix))
    yield from orientation
    stored = Size(frame.width, frame.height)
    if any(name == "transpose" for name, _ in orientation):
        stored = Size(stored.height, stored.width)
    if abs(math.log((own.width / own.height) / (size.width / size.height))) < _SAME_SHAPE:
        if stored != size:
            yield "scale", f"{size.width}:{size.height}:flags=bicubic"
        return
    share = min(size.width / own.width, size.height / own.height)
    fitted = Size(max(1, round(own.width * share)), max(1, round(own.height * share)))
    yield "scale", f"{fitted.width}:{fitted.height}:flags=bicubic"
    yield "pad", f"{size.width}:{size.height}:(ow-iw)/2:(oh-ih)/2"


def _build(frame: Any, filters: list[tuple[str, str]]) -> Any | None:
    """Return a filter graph for frames like ``frame``; None if there is no filter."""
    from av.filter import Graph

    if not filters:
        return None
    graph = Graph()
    base = frame.time_base or Fraction(1, 1000)
    # Without matrix and range, a filter that converts the format would use those of standard definition.
    matrix, span = (0, 2) if frame.format.is_rgb else (int(frame.colorspace), int(frame.color_range))
    source = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={base.numerator}/"
        f"{base.denominator}:colorspace={matrix}:range={span}",
    )
    # vflip returns a frame whose rows are in reverse order in memory; PyAV cannot read that.
    filters = [*filters, ("copy", "")] if filters[-1][0] == "vflip" else filters
    nodes = [source, *(graph.add(name, args or None) for name, args in filters), graph.add("buffersink")]
    graph.link_nodes(*nodes).configure()
    return graph
