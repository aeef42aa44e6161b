"""Where people go: positions in metres before a camera, over time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Camera", "Script"]

_STEP = 0.02
_SMOOTH = 0.4
"""Seconds over which a person starts, stops and turns."""


@dataclass(frozen=True)
class Camera:
    """A camera without a lens's distortion: ``focal`` in pixels, its ``height`` in metres, the eye line in pixels."""

    size: tuple[int, int]
    focal: float
    height: float
    horizon: float

    def scale(self, z: float) -> float:
        """Return the pixels of a metre at a distance."""
        return self.focal / z

    def ground(self, x: float, z: float) -> tuple[float, float]:
        """Return the pixel of a point of the floor, ``x`` metres right of the middle at distance ``z``."""
        return self.size[0] / 2 + x * self.scale(z), self.horizon + self.height * self.scale(z)

    def side(self, z: float, margin: float = 0.8) -> float:
        """Return the x at which a person at distance ``z`` is just beyond the right edge."""
        return self.size[0] / 2 / self.scale(z) + margin


@dataclass
class Script:
    """A person's way: moments and positions, between which they walk evenly.

    Example::

        Script(x=-3, z=4).wait(1).go(0, 4, speed=1.2).wait(2)
    """

    x: float
    z: float
    times: list[float] = field(default_factory=list)
    places: list[tuple[float, float]] = field(default_factory=list)
    jumps: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.times:
            self.times, self.places = [0.0], [(self.x, self.z)]

    @property
    def end(self) -> float:
        """The moment of the last step."""
        return self.times[-1]

    def wait(self, seconds: float) -> Script:
        """Stand still."""
        return self._add(self.end + max(seconds, 0.0), self.places[-1])

    def go(self, x: float, z: float, speed: float) -> Script:
        """Walk to a place, at ``speed`` metres per second."""
        here = self.places[-1]
        return self._add(self.end + max(np.hypot(x - here[0], z - here[1]) / speed, 0.1), (x, z))

    def arrive(self, x: float, z: float, moment: float) -> Script:
        """Walk to a place so as to arrive at a moment."""
        return self._add(max(moment, self.end + 0.1), (x, z))

    def jump(self, x: float, z: float) -> Script:
        """Be at another place at once, unseen."""
        self.jumps.append(len(self.places))
        return self._add(self.end, (x, z))

    def _add(self, time: float, place: tuple[float, float]) -> Script:
        self.times.append(float(time))
        self.places.append((float(place[0]), float(place[1])))
        return self

    def sampled(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return x and z at the times, shape (n, 2), with smooth starts and turns."""
        sampled = np.empty((len(times), 2))
        for first, last in zip([0, *self.jumps], [*self.jumps, len(self.places)], strict=True):
            begins = self.times[first] if first else -np.inf
            ends = self.times[last] if last < len(self.times) else np.inf
            own = (times >= begins) & (times < ends)
            for axis in (0, 1):
                column = [place[axis] for place in self.places[first:last]]
                sampled[own, axis] = _smooth(times[own], self.times[first:last], column)
        return sampled


def _smooth(times: NDArray[np.float64], moments: list[float], values: list[float]) -> NDArray[np.float64]:
    """Return the values at the times, interpolated between the moments, and averaged over a window."""
    if not times.size:
        return np.empty(0)
    fine = np.arange(times[0] - 1, times[-1] + 1, _STEP)
    width = round(_SMOOTH / _STEP) | 1
    kernel = np.hanning(width + 2)[1:-1]
    padded = np.pad(np.interp(fine, moments, values), width // 2, mode="edge")
    return np.interp(times, fine, np.convolve(padded, kernel / kernel.sum(), mode="valid"))
