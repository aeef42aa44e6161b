"""The posture over time: frames become stretches of one state, and stretches become times without a turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

__all__ = [
    "FAULT",
    "NO_DATA",
    "OUT_OF_BED",
    "UNSURE",
    "Rest",
    "Sample",
    "Stretch",
    "Timeline",
    "is_posture",
    "timeline_of",
]

OUT_OF_BED, UNSURE, NO_DATA = "out of bed", "unsure", "no data"
FAULT = "fault"
"""The state of a frame that the mat cannot have measured. For the timeline, it is no data."""

_SETTLED = 3
"""Frames in a row that establish a new state. Fewer are taken for errors of single frames."""
_SETTLED_FOR = timedelta(minutes=2)  # of mats with many frames a minute
_CONTRADICTED = 5
"""Frames after which a state that none of them has is no longer believed, although no other is established."""
_CONTRADICTED_FOR = timedelta(minutes=4)


class Sample(NamedTuple):
    """The state in one frame: a posture, :data:`OUT_OF_BED`, :data:`UNSURE` or :data:`FAULT`."""

    at: datetime
    state: str


class Stretch(NamedTuple):
    """A time in one state: a posture, :data:`OUT_OF_BED`, :data:`UNSURE` or :data:`NO_DATA`."""

    state: str
    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """The duration."""
        return self.end - self.start


class Rest(NamedTuple):
    """A time in bed without a turn, as long as it can have been.

    It starts when the patient was last seen in another posture or out of bed, so a turn that nobody saw, while the
    posture was unsure or data were missing, counts from the beginning of that time. ``posture`` is the last known one,
    None if none was. ``end`` is None if it goes on.
    """

    since: datetime
    until: datetime
    posture: str | None
    end: Literal["turn", "out of bed"] | None


@dataclass(frozen=True)
class Timeline:
    """Stretches in order, without gaps between them. ``last``: the last usable frame; None if there is none.

    ``doubted``: when the frames began to contradict the last state, which they have not disproved yet; or None.
    """

    stretches: tuple[Stretch, ...]
    rests: tuple[Rest, ...]
    last: datetime | None
    doubted: datetime | None = None

    @property
    def current(self) -> Rest | None:
        """The rest that goes on; None if the patient is out of bed, or was never seen."""
        return self.rests[-1] if self.rests and self.rests[-1].end is None else None

    def within(self, start: datetime, end: datetime) -> list[Stretch]:
        """Return the stretches between two times, cut at them."""
        cut = (Stretch(each.state, max(each.start, start), min(each.end, end)) for each in self.stretches)
        return [each for each in cut if each.start < each.end]


def is_posture(state: str) -> bool:
    """Return whether the state is a known posture in bed."""
    return state not in (OUT_OF_BED, UNSURE, NO_DATA, FAULT)


def timeline_of(samples: Iterable[Sample], now: datetime, silence: timedelta) -> Timeline:
    """Return the timeline until ``now``.

    Args:
        samples: The frames, ordered by time.
        now: The end of the timeline.
        silence: A longer time without a usable frame is :data:`NO_DATA`.
    """
    usable = [sample for sample in samples if sample.state != FAULT]
    if not usable:
        return Timeline((), (), None)
    stretches: list[Stretch] = []
    doubted = None
    for part in _parts(usable, silence):
        if stretches and stretches[-1].end < part[0].at:
            stretches.append(Stretch(NO_DATA, stretches[-1].end, part[0].at))
        settled, doubted = _settled(part)
        stretches += settled
    last = usable[-1].at
    if now - last > silence:
        stretches.append(Stretch(NO_DATA, last, now))
    elif now > last:
        stretches[-1] = stretches[-1]._replace(end=now)
    joined = tuple(_joined(stretches))
    return Timeline(joined, tuple(_rests(joined)), last, doubted)


def _parts(samples: Sequence[Sample], silence: timedelta) -> list[Sequence[Sample]]:
    breaks = [place for place, (one, two) in enumerate(pairwise(samples), 1) if two.at - one.at > silence]
    edges = [0, *breaks, len(samples)]
    return [samples[start:end] for start, end in pairwise(edges)]


def _settled(samples: Sequence[Sample]) -> tuple[list[Stretch], datetime | None]:
    """Return the stretches of frames without a break, and when they began to contradict the last one."""
    changes: list[tuple[str, datetime]] = [(UNSURE, samples[0].at)]
    candidate, since, count = UNSURE, samples[0].at, 0
    contradicted, contradictions = samples[0].at, 0
    for sample in samples:
        if sample.state == changes[-1][0]:
            count = contradictions = 0
            continue
        if count and sample.state == candidate:
            count += 1
        else:
            candidate, since, count = sample.state, sample.at, 1
        contradictions += 1
        if contradictions == 1:
            contradicted = sample.at
        if count >= _SETTLED and sample.at - since >= _SETTLED_FOR:
            # What contradicted the last state before was of neither.
            changes.append((candidate, since))
            count = contradictions = 0
        elif contradictions >= _CONTRADICTED and sample.at - contradicted >= _CONTRADICTED_FOR:
            changes.append((UNSURE, contradicted))
            contradictions = 0
    ends = [start for _, start in changes[1:]] + [samples[-1].at]
    stretches = [Stretch(state, start, end) for (state, start), end in zip(changes, ends, strict=True)]
    return [each for each in stretches if each.start < each.end] or stretches[
        -1:
    ], contradicted if contradictions else None


def _joined(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    before: Stretch | None = None
    for stretch in stretches:
        if before is not None and before.state == stretch.state:
            before = before._replace(end=stretch.end)
            continue
        if before is not None:
            yield before
        before = stretch
    if before is not None:
        yield before


def _rests(stretches: Iterable[Stretch]) -> Iterator[Rest]:
    rest: Rest | None = None
    known: datetime | None = None  # the end of the last stretch with a posture, or out of bed
    end = None
    for stretch in stretches:
        end = stretch.end
        if stretch.state == OUT_OF_BED:
            if rest:
                yield rest._replace(until=stretch.start, end="out of bed")
            rest, known = None, stretch.end
        elif is_posture(stretch.state):
            if rest and rest.posture not in (None, stretch.state):
                yield rest._replace(until=stretch.start, end="turn")
                rest = Rest(known or stretch.start, stretch.end, stretch.state, None)
            rest = (
                rest._replace(posture=stretch.state)
                if rest
                else Rest(known or stretch.start, stretch.end, stretch.state, None)
            )
            known = stretch.end
        elif stretch.state == UNSURE and rest is None:
            rest = Rest(known or stretch.start, stretch.end, None, None)
    if rest and end:
        yield rest._replace(until=end)
