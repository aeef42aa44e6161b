"""Prediction of a person's region in the next frame, from the earlier frames and their timestamps."""

from __future__ import annotations

import math

from sightline.pose.estimator import Region

_SETTLE_SECONDS = 0.5
"""The time constant with which the region follows a change that is as small as the landmark model's noise."""

# The landmark model's noise is about 1 % of a region's side; a fast person is 10 % or more from the predicted position.
# These values are in between: a difference of this size is followed by half.
_NOISE_OF_POSITION = 0.06
_NOISE_OF_SIZE = 0.1
_NOISE_OF_ROTATION = 0.2


class MotionModel:
    """An alpha-beta filter on a person's region: steady at rest, fast in motion.

    The region must be steady, because the same image gives other landmarks in a slightly different region. The filter's
    gain grows with the prediction error, as in the one-euro filter; the gain of the speed follows from it (Benedict and
    Bordner 1962: g² / (2 - g)).
    """

    def __init__(self, region: Region, time: float) -> None:
        self._region = region
        self._time = time
        self._speed_x = self._speed_y = 0.0

    def predict(self, time: float) -> Region:
        """Return the region at ``time`` (seconds) at constant speed."""
        elapsed = time - self._time
        x, y = self._region.x + elapsed * self._speed_x, self._region.y + elapsed * self._speed_y
        return self._region._replace(x=x, y=y)

    def update(self, region: Region, time: float) -> None:
        """Update with the person's region at ``time``, which must be later than the previous one."""
        elapsed = time - self._time
        predicted = self.predict(time)
        error_x, error_y = region.x - predicted.x, region.y - predicted.y
        gain = _gain(math.hypot(error_x, error_y) / region.side / _NOISE_OF_POSITION, elapsed)
        grown = math.log(region.side / predicted.side)
        turned = math.remainder(region.rotation - predicted.rotation, 2 * math.pi)
        self._speed_x += gain**2 / (2 - gain) * error_x / elapsed
        self._speed_y += gain**2 / (2 - gain) * error_y / elapsed
        self._region = Region(
            x=predicted.x + gain * error_x,
            y=predicted.y + gain * error_y,
            side=predicted.side * math.exp(_gain(grown / _NOISE_OF_SIZE, elapsed) * grown),
            rotation=predicted.rotation + _gain(turned / _NOISE_OF_ROTATION, elapsed) * turned,
        )
        self._time = time


def _gain(error: float, elapsed: float) -> float:
    """Return the share of a difference to follow, 0 to 1; ``error`` is the difference in units of its noise."""
    at_rest = 1 - math.exp(-elapsed / _SETTLE_SECONDS)
    moving = error**2 / (1 + error**2)
    return at_rest + (1 - at_rest) * moving
