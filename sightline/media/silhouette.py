"""The silhouette of a person: a coarse mask of part of a frame, stored in about 130 bytes."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
"""A mask of a frame or of part of it: shape (height, width), zero or not."""

GRID = 64
"""Cells along the longer side of a silhouette."""

_HEADER = struct.Struct("<fffBBH")
_COVERED = 0.02
"""A cell belongs to a silhouette if this share of it does: details are added, never lost."""


@dataclass(frozen=True, eq=False)
class Silhouette:
    """A mask of square cells. ``left`` and ``top``: its corner in pixels of the frame; ``cell``: a cell's side.

    ``covered``, shape (rows, columns): the cells that contain some part of the person. ``own``: those in which
    nobody else is, as :mod:`sightline.pose.silhouettes` determines it; None if nobody else is near, or unknown.
    """

    left: float
    top: float
    cell: float
    covered: NDArray[np.bool_]
    own: NDArray[np.bool_] | None = None

    @classmethod
    def from_mask(cls, mask: Mask, left: float = 0, top: float = 0, own: Mask | None = None) -> Self | None:
        """Return the silhouette of a mask whose corner is at (``left``, ``top``); None if the mask is empty.

        ``own`` has the shape of ``mask``. Raises ValueError if it has not.
        """
        import cv2

        if own is not None and own.shape != mask.shape:
            raise ValueError(f"both masks need one shape: {mask.shape} and {own.shape}")
        x, y, width, height = cv2.boundingRect(mask)
        if not width:
            return None
        part = np.s_[y : y + height, x : x + width]
        cell = max(1.0, max(width, height) / GRID)
        # Whole cells: a cell at the edge would be smaller than the others.
        size = -(-width // cell), -(-height // cell)

        def shares(values: Mask) -> NDArray[np.float32]:
            whole = np.zeros((round(size[1] * cell), round(size[0] * cell)), np.float32)
            whole[:height, :width] = values[part] > 0
            reduced = cv2.resize(whole, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
            return np.asarray(reduced, np.float32)

        covered = shares(mask) >= _COVERED
        certain = None if own is None else shares(own) >= 1 - 1e-3
        return cls(left + x, top + y, cell, covered, certain)

    @property
    def box(self) -> NDArray[np.float64]:
        """Left, top, right and bottom in pixels, shape (4,)."""
        rows, columns = self.covered.shape
        return np.array([self.left, self.top, self.left + columns * self.cell, self.top + rows * self.cell])

    def moved(self, x: float, y: float) -> Silhouette:
        """Return the silhouette moved by ``x`` and ``y`` pixels."""
        return replace(self, left=self.left + x, top=self.top + y)

    def to_bytes(self) -> bytes:
        """Return the silhouette in the form for :meth:`from_bytes`."""
        rows, columns = self.covered.shape
        masks = [self.covered] if self.own is None else [self.covered, self.own ^ self.covered]
        # Most rows resemble the row above.
        changes = [mask ^ np.vstack([np.zeros((1, columns), bool), mask[:-1]]) for mask in masks]
        packed = zlib.compress(np.packbits(np.concatenate(changes)).tobytes(), wbits=-12)
        return _HEADER.pack(self.left, self.top, self.cell, rows, columns, len(masks)) + packed

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the silhouette of these bytes."""
        left, top, cell, rows, columns, count = _HEADER.unpack_from(data)
        packed = np.frombuffer(zlib.decompress(data[_HEADER.size :], wbits=-12), np.uint8)
        changes = np.unpackbits(packed, count=count * rows * columns).reshape(count, rows, columns)
        masks = np.bitwise_xor.accumulate(changes, axis=1).astype(bool)
        return cls(left, top, cell, masks[0], masks[0] ^ masks[1] if count == 2 else None)

    def draw(self, canvas: Mask, scale: float) -> None:
        """Set the canvas, a mask of the frame at ``scale`` canvas pixels per pixel, in every pixel it touches."""
        _place(self.covered, self, canvas, scale, 1)

    def draw_own(self, canvas: Mask, scale: float) -> None:
        """Set the canvas in the pixels that contain the person and, with certainty, nobody else."""
        if self.own is not None:
            _place(self.own, self, canvas, scale, 255)


def _place(cells: NDArray[np.bool_], at: Silhouette, canvas: Mask, scale: float, least: int) -> None:
    import cv2

    size = at.cell * scale
    reach = math.ceil(1 / size / 2) if size < 1 else 0
    values: Any = np.pad(cells.astype(np.uint8) * 255, reach)
    if reach:  # the interpolation below reads only two of the cells in a pixel
        spread = cv2.dilate if least == 1 else cv2.erode
        values = spread(values, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    x, y = (at.left - reach * at.cell) * scale, (at.top - reach * at.cell) * scale
    left, top = max(0, math.floor(x - size) - 1), max(0, math.floor(y - size) - 1)
    right = min(canvas.shape[1], math.ceil(x + (values.shape[1] + 1) * size) + 1)
    bottom = min(canvas.shape[0], math.ceil(y + (values.shape[0] + 1) * size) + 1)
    if left >= right or top >= bottom:
        return
    transform = np.array([[size, 0, x - left + (size - 1) / 2], [0, size, y - top + (size - 1) / 2]])
    # Interpolated values are above zero in every pixel a cell touches, and 255 only between cells that are set.
    values = cv2.warpAffine(values, transform, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    canvas[top:bottom, left:right][values >= least] = 255
