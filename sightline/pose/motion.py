"""Where a person will be in the next frame, from where they were in the frames before, in true time."""

from __future__ import annotations

import math

from sightline.pose.estimator import Region

_SETTLE_SECONDS = 0.5
"""In about this time a person's region follows a change that is no larger than the landmark model's own noise."""

# The landmark model's noise in a region is about 1 % of its side; a quick person is 10 % and more from where they were
# expected. What lies between is followed by halves.
_NOISE_OF_PLACE = 0.06
_NOISE_OF_SIZE = 0.1
_NOISE_OF_ROTATION = 0.2


class Motion:
    """An alpha-beta filter on a person's region: steady where the person is, prompt where they move.

    A steady region matters because the same picture seen through a slightly other region gives other landmarks. The
    filter's gain grows with the surprise, as in the one-euro filter; the gain of the speed follows from it
    (Benedict and Bordner 1962: g² / (2 - g)).
    """

    def __init__(self, region: Region, time: float) -> None:
        self._region = region
        self._time = time
        self._speed_x = self._speed_y = 0.0

    def expect(self, time: float) -> Region:
        """The region at ``time`` (seconds), the person keeping their speed."""
        elapsed = time - self._time
        x, y = self._region.x + elapsed * self._speed_x, self._region.y + elapsed * self._speed_y
        return self._region._replace(x=x, y=y)

    def see(self, region: Region, time: float) -> None:
        """Take in where the person was found at ``time``, later than the time before."""
        elapsed = time - self._time
        expected = self.expect(time)
        off_x, off_y = region.x - expected.x, region.y - expected.y
        gain = _gain(math.hypot(off_x, off_y) / region.side / _NOISE_OF_PLACE, elapsed)
        grown = math.log(region.side / expected.side)
        turned = math.remainder(region.rotation - expected.rotation, 2 * math.pi)
        self._speed_x += gain**2 / (2 - gain) * off_x / elapsed
        self._speed_y += gain**2 / (2 - gain) * off_y / elapsed
        self._region = Region(
            x=expected.x + gain * off_x,
            y=expected.y + gain * off_y,
            side=expected.side * math.exp(_gain(grown / _NOISE_OF_SIZE, elapsed) * grown),
            rotation=expected.rotation + _gain(turned / _NOISE_OF_ROTATION, elapsed) * turned,
        )
        self._time = time


def _gain(surprise: float, elapsed: float) -> float:
    """How much of a difference to take over, 0 to 1; ``surprise`` is the difference in units of its noise."""
    at_rest = 1 - math.exp(-elapsed / _SETTLE_SECONDS)
    moving = surprise**2 / (1 + surprise**2)
    return at_rest + (1 - at_rest) * moving
