"""Where a person may be while they are not detected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.media.history import PersonSample
from sightline.media.people import PeopleSeries, blend

BRIDGE = 10.0
"""Seconds. A person who is detected again within this time is taken to have been in the picture."""

HOLD, LEAD = 4.0, 1.5
"""Seconds during which a person stays hidden after their last sample, and before their first one."""

_PASSING = 1.0
"""Seconds during which a person stays hidden who left the picture over its edge, or is about to enter over it."""

_GROWTH, _LARGEST_GROWTH = 1.0, 0.6
"""Growth of the hidden area per second, which is a walking speed, and its limit, in sizes of the person."""

_SPEED_SECONDS = 0.5
_OUTWARD = 0.15
"""In sizes per second: a slower person does not leave the picture."""


class Place(NamedTuple):
    """A sample moved by ``x`` and ``y`` pixels; the person is within ``radius`` pixels of its silhouette."""

    sample: PersonSample
    x: float = 0.0
    y: float = 0.0
    radius: float = 0.0


@dataclass(frozen=True)
class Whereabouts:
    """The places where a person may be. ``detected``: whether they are detected there, not only assumed."""

    places: tuple[Place, ...]
    detected: bool


def whereabouts(
    series: PeopleSeries, number: int, time: float, size: tuple[int, int], *, hold: float = HOLD, lead: float = LEAD
) -> Whereabouts:
    """Return where a person may be at ``time``, once the series has ended; ``size``: the frame's width and height.

    ``hold`` and ``lead``: the seconds for which they may stay after their last sample, and before their first one.

    Between two samples a person is at both, and between them. In a gap, the area grows with the distance in time from
    the nearer sample. After the last sample, and before the first, it grows where the person was and where their speed
    leads; for a person who leaves over the frame's edge only the latter.
    """
    before, after = series.around(number, time)
    if before is not None and (before[0] == time or (after and not series.is_gap(after[0] - before[0]))):
        # Motion within a period is nearly uniform; a person who was missed once may have turned.
        missed = 0.0 if after is None else min(time - before[0], after[0] - time) - series.period / 2
        return Whereabouts(_between(before, after, time, _growth(max(0.0, missed))), detected=True)
    if before is not None and after is not None and after[0] - before[0] <= BRIDGE:
        growth = _growth(min(time - before[0], after[0] - time))
        return Whereabouts(_between(before, after, time, growth), detected=False)
    places = []
    if before is not None and time - before[0] <= hold:
        history = series.samples(number, before[0] - _SPEED_SECONDS, before[0])
        places += _extrapolated(before, history[0], time, size, hold)
    if after is not None and after[0] - time <= lead:
        future = series.samples(number, after[0], after[0] + _SPEED_SECONDS)
        places += _extrapolated(after, future[-1], time, size, lead)
    return Whereabouts(tuple(places), detected=False)


def extent(sample: PersonSample) -> float:
    """Return a person's size in pixels: the longer side of their box."""
    box = bounds(sample)
    return float(max(box[2] - box[0], box[3] - box[1], 1.0))


def bounds(sample: PersonSample) -> NDArray[np.float64]:
    """Return left, top, right and bottom of a person in pixels, shape (4,)."""
    if sample.silhouette is not None:
        return sample.silhouette.box
    points = sample.keypoints[sample.keypoints[:, 2] > 0, :2].astype(np.float64)
    if not len(points):
        return np.zeros(4)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _growth(seconds: float) -> float:
    return min(_GROWTH * seconds, _LARGEST_GROWTH)


def _between(
    before: tuple[float, PersonSample], after: tuple[float, PersonSample] | None, time: float, growth: float
) -> tuple[Place, ...]:
    """Return the places of a person with known samples on both sides; ``growth``: in sizes of the person."""
    if after is None or before[0] == time:
        return (Place(before[1]),)
    share = (time - before[0]) / (after[0] - before[0])
    start, end = bounds(before[1]), bounds(after[1])
    x, y = (end[:2] + end[2:] - start[:2] - start[2:]) / 2
    radius = growth * max(extent(before[1]), extent(after[1]))
    joints = PersonSample(blend(before[1].keypoints, after[1].keypoints, share))
    return (
        Place(before[1], radius=radius),
        Place(after[1], radius=radius),
        Place(before[1], share * x, share * y, radius),
        Place(after[1], (share - 1) * x, (share - 1) * y, radius),
        Place(joints, radius=radius),
    )


def _extrapolated(
    last: tuple[float, PersonSample], other: tuple[float, PersonSample], time: float, size: tuple[int, int], hold: float
) -> list[Place]:
    """Return the places of a person that is only known on one side of ``time``; ``other``: a sample half a second on.

    The same rules apply to the past and the future: speeds are seconds away from the known side.
    """
    seconds, person = abs(time - last[0]), extent(last[1])
    elapsed = abs(last[0] - other[0])
    box = bounds(last[1])
    # The edge of a person that the frame cuts off does not move: the faster edge shows the speed.
    speeds = (box - bounds(other[1])) / elapsed if elapsed > 0 else np.zeros(4)
    x, y = (speeds[axis] if abs(speeds[axis]) > abs(speeds[axis + 2]) else speeds[axis + 2] for axis in (0, 1))
    radius = _growth(seconds) * person
    moving = Place(last[1], x * seconds, y * seconds, radius)
    if _leaves(box, (x, y), person, size):
        return [moving] if seconds <= _PASSING else []
    # A speed is not kept for long.
    kept = min(seconds, _SPEED_SECONDS)
    return [Place(last[1], radius=radius), Place(last[1], x * kept, y * kept, radius)] if seconds <= hold else []


def _leaves(box: NDArray[np.float64], speed: tuple[float, float], person: float, size: tuple[int, int]) -> bool:
    """Return whether a person at the frame's edge will be outside within two seconds."""
    near = 0.05 * person
    for axis in (0, 1):
        for edge, outward, trailing in (
            (box[axis], -speed[axis], box[axis + 2]),
            (size[axis] - box[axis + 2], speed[axis], size[axis] - box[axis]),
        ):
            if edge <= near and outward >= _OUTWARD * person and outward * 2 >= trailing:
                return True
    return False
