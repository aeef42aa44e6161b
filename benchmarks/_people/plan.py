"""A clip while it is planned: who takes part so far, and where they go."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from benchmarks._people.cutouts import CutOut
from benchmarks._people.scripts import Camera, Script

__all__ = ["Plan", "Random", "Role"]

Random = np.random.Generator

_NEAREST, _FARTHEST = 1.7, 11.0
_SMALLEST = 80
"""The least height of a person, in pixels."""


@dataclass
class Role:
    """A person while their clip is planned."""

    cutout: CutOut
    script: Script
    mirrored: bool
    seated: bool = False
    edge: float = 0.0
    """1 for the signing person at the right edge, -1 at the left one. Their x is how far they are out of the frame."""


@dataclass
class Plan:
    """A clip while it is planned."""

    random: Random
    camera: Camera
    duration: float
    roles: list[Role] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)

    def nearest(self, cutout: CutOut) -> float:
        """Return the distance at which a cut-out has the largest height that its resolution bears."""
        return max(_NEAREST, self.camera.focal * cutout.metres / cutout.largest)

    def farthest(self, cutout: CutOut) -> float:
        return max(self.camera.focal * cutout.metres / _SMALLEST, self.nearest(cutout))

    def distance(self, cutout: CutOut, low: float, high: float) -> float:
        """Return a random distance between the two, as far as the cut-out's resolution and size allow it."""
        bounds = self.nearest(cutout), min(self.farthest(cutout), _FARTHEST)
        low, high = (float(np.clip(value, bounds[0], max(bounds))) for value in (low, high))
        return float(self.random.uniform(low, high))

    def speed(self) -> float:
        return float(self.random.uniform(0.7, 1.5))

    def sign(self) -> int:
        return int(self.random.choice((-1, 1)))

    def main_place(self) -> tuple[float, float]:
        """Return where the first person is for the longest time: x in metres, and the distance."""
        role = self.roles[0]
        if role.edge:
            return role.edge * 0.55 * self.camera.side(2.5, 0), 1.5
        script = role.script
        waits = np.diff([*script.times, max(self.duration, script.end)])
        walks = [
            here != there for here, there in zip(script.places, [*script.places[1:], script.places[-1]], strict=True)
        ]
        return script.places[int(np.argmax(np.where(walks, 0, waits)))]
