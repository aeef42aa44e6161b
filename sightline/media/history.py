"""The samples of people over time, in a temporary file: memory does not grow with a video's people and silhouettes."""

from __future__ import annotations

import bisect
import os
import tempfile
import weakref
from array import array
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.media.silhouette import Silhouette

__all__ = ["History", "PersonSample", "Points", "SampleFile"]

Points = NDArray[np.float32]
"""The points of a person: shape (k, 3), x and y in pixels, and confidence."""

_HEADER = 8
"""Bytes before a sample: the lengths of its points and of its silhouette."""


class PersonSample(NamedTuple):
    """A person at one time. ``silhouette`` is None if it is not needed."""

    keypoints: Points
    silhouette: Silhouette | None = None


class SampleFile:
    """Samples in an unnamed file in the folder for temporary files, which the system removes with the process.

    Several threads may read while one writes.
    """

    def __init__(self) -> None:
        with tempfile.TemporaryFile() as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._end = 0

    def append(self, sample: PersonSample) -> int:
        """Write a sample; return its position."""
        points = np.ascontiguousarray(sample.keypoints, np.float32).tobytes()
        shape = b"" if sample.silhouette is None else sample.silhouette.to_bytes()
        record = np.array([len(points), len(shape)], np.uint32).tobytes() + points + shape
        position, written = self._end, 0
        while written < len(record):
            written += os.pwrite(self._descriptor, record[written:], position + written)
        self._end += written
        return position

    def read(self, position: int) -> PersonSample:
        """Return the sample at this position."""
        points, shape = self._lengths(position)
        data = os.pread(self._descriptor, points + shape, position + _HEADER)
        return PersonSample(_points(data[:points]), Silhouette.from_bytes(data[points:]) if shape else None)

    def read_points(self, position: int) -> Points:
        """Return the points of the sample at this position, without reading its silhouette."""
        points, _ = self._lengths(position)
        return _points(os.pread(self._descriptor, points, position + _HEADER))

    def _lengths(self, position: int) -> tuple[int, int]:
        points, shape = np.frombuffer(os.pread(self._descriptor, _HEADER, position), np.uint32).tolist()
        return points, shape


def _points(data: bytes) -> Points:
    return np.frombuffer(data, np.float32).reshape(-1, 3)


class History:
    """The samples of one person in order of time: 16 bytes each, and the file's."""

    def __init__(self, file: SampleFile) -> None:
        self.times = array("d")
        self._file = file
        self._positions = array("Q")

    def append(self, time: float, sample: PersonSample) -> None:
        """Add a sample at a later time."""
        self.times.append(time)
        self._positions.append(self._file.append(sample))

    def extend(self, later: History) -> None:
        """Add the samples of another history of the same file, which replace those from its first time on."""
        # The pieces of one person may overlap by a frame; times must rise.
        while self.times and self.times[-1] >= later.times[0]:
            del self.times[-1], self._positions[-1]
        self.times.extend(later.times)
        self._positions.extend(later._positions)

    def sample(self, index: int) -> PersonSample:
        """Return the sample at a place in ``times``."""
        return self._file.read(self._positions[index])

    def keypoints_at(self, time: float) -> tuple[tuple[float, Points] | None, tuple[float, Points] | None]:
        """Return the points at or before ``time`` and those after it, each with their time."""
        index = bisect.bisect_right(self.times, time)
        return (
            (self.times[index - 1], self._points_at(index - 1)) if index else None,
            (self.times[index], self._points_at(index)) if index < len(self.times) else None,
        )

    def _points_at(self, index: int) -> Points:
        return self._file.read_points(self._positions[index])
