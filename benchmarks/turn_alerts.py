"""Alerts of a watched bed over two weeks of generated minutes: missed, repeated and false ones per week.

Claim: of the times in bed without a turn that reach the limit, none is missed and none causes two alerts, whatever the
frames are like: single wrong ones, unsure times, gaps, a failed sensor, frames that arrive late, clocks that change.

An alert is false if the patient has been turned, unseen, less than ten minutes short of the limit before. That happens
because a turn while the posture is unsure or data are missing counts from the beginning of that time.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np

from sightline.beds.timeline import FAULT, OUT_OF_BED, UNSURE, Sample, timeline_of
from sightline.beds.watch import Limits, Raised, WatchState, decide

__all__ = ["STARTS", "Outcome", "Ward", "generate", "judge", "watch"]

MINUTE = timedelta(minutes=1)
LIMITS = Limits(turn=timedelta(minutes=120), silence=timedelta(minutes=15))
TOLERANCE = timedelta(minutes=10)
_SIDES = ("left", "right", "supine")
_DAYS = 14
_ZONE = ZoneInfo("Europe/Berlin")
STARTS = {"spring": datetime(2026, 3, 22, tzinfo=_ZONE), "autumn": datetime(2026, 10, 18, tzinfo=_ZONE)}


@dataclass(frozen=True)
class Ward:
    """Two weeks: the true state in every minute, and the frames, with the minute of their arrival."""

    start: datetime
    truth: list[str]
    arrivals: list[tuple[int, Sample]]

    def at(self, minute: int) -> datetime:
        """Return the instant of a minute."""
        return self.start + minute * MINUTE


@dataclass
class Outcome:
    """The counts over two weeks."""

    rests: int = 0
    unseen: int = 0
    missed: list[datetime] = field(default_factory=list)
    repeated: list[datetime] = field(default_factory=list)
    false: list[datetime] = field(default_factory=list)
    outages: int = 0
    silent_missed: list[datetime] = field(default_factory=list)
    silent_repeated: list[datetime] = field(default_factory=list)
    silent_false: list[datetime] = field(default_factory=list)


def generate(start: datetime, seed: int) -> Ward:
    """Generate two weeks of minutes from ``start``."""
    rng = np.random.default_rng(seed)
    begin = start.astimezone(UTC)
    minutes = round(((start + timedelta(days=_DAYS)).astimezone(UTC) - begin) / MINUTE)
    truth: list[str] = []
    side = "supine"
    while len(truth) < minutes:
        if rng.random() < 0.2:
            truth += [OUT_OF_BED] * int(rng.integers(5, 150))
        side = str(rng.choice([other for other in _SIDES if other != side]))
        truth += [side] * int(rng.choice([rng.integers(20, 118), rng.integers(100, 140), rng.integers(130, 400)]))
    truth = truth[:minutes]
    seen = list(truth)
    for minute in range(2, minutes - 2, 4):  # single wrong frames
        if rng.random() < 0.1:
            seen[minute] = str(rng.choice([other for other in (*_SIDES, OUT_OF_BED) if other != truth[minute]]))
    _overwrite(seen, UNSURE, rng, count=60, shortest=1, longest=30)
    _overwrite(seen, FAULT, rng, count=6, shortest=5, longest=90)
    _overwrite(seen, "", rng, count=40, shortest=1, longest=12)
    _overwrite(seen, "", rng, count=6, shortest=20, longest=200)
    late = rng.random(minutes) < 0.03
    delays = np.where(late, rng.integers(1, 30, minutes), 0)
    arrivals = [
        (minute + int(delays[minute]), Sample(begin + minute * MINUTE, state))
        for minute, state in enumerate(seen)
        if state
    ]
    return Ward(begin, truth, sorted(arrivals))


def _overwrite(
    seen: list[str], state: str, rng: np.random.Generator, *, count: int, shortest: int, longest: int
) -> None:
    for _ in range(count):
        start, length = int(rng.integers(0, len(seen))), int(rng.integers(shortest, longest))
        seen[start : start + length] = [state] * len(seen[start : start + length])


def watch(ward: Ward, every: int = 1) -> list[Raised]:
    """Return the alerts of passes ``every`` so many minutes, each of which knows the frames that have arrived."""
    raised: list[Raised] = []
    known: list[Sample] = []
    waiting = list(ward.arrivals)
    heapq.heapify(waiting)
    state = WatchState(watched_since=ward.start, seen_until=ward.start)
    for minute in range(0, len(ward.truth), every):
        now = ward.at(minute)
        arrived = False
        while waiting and waiting[0][0] <= minute:
            known.append(heapq.heappop(waiting)[1])
            arrived = True
        if arrived:
            known.sort()
        window = now - LIMITS.lookback
        known = [sample for sample in known if sample.at >= window]
        due = decide(state, timeline_of(known, now, LIMITS.silence), now, LIMITS)
        state, raised = due.state, [*raised, *due.alerts]
    return raised


def judge(ward: Ward, alerts: list[Raised], every: int = 1) -> Outcome:
    """Compare the alerts with the truth."""
    outcome = Outcome()
    turn_alerts = [alert.at for alert in alerts if alert.kind == "unturned"]
    slack = TOLERANCE + every * MINUTE
    true: set[datetime] = set()
    outages = _outages(ward)
    for start, end in _true_rests(ward):
        due = start + LIMITS.turn
        within = [at for at in turn_alerts if due - TOLERANCE <= at <= end + every * MINUTE]
        true.update(within)
        outcome.repeated += within[1:]
        if end - start >= LIMITS.turn + slack:
            outcome.rests += 1
            if any(first <= due + slack and end <= last for first, last in outages):
                outcome.unseen += 1  # It ended before data returned: the alert about the missing data stands for it.
                continue
            # An unseen turn makes the alert early, never late, unless no data tell of it.
            latest = max((end for first, end in outages if first <= due + slack and end >= due), default=due) + slack
            if not any(start <= at <= latest for at in turn_alerts):
                outcome.missed.append(due)
    outcome.false = [at for at in turn_alerts if at not in true]
    _judge_silence(outages, [alert.at for alert in alerts if alert.kind == "silent"], every, outcome)
    return outcome


def _true_rests(ward: Ward) -> list[tuple[datetime, datetime]]:
    rests, minute = [], 0
    for state, group in groupby(ward.truth):
        length = len(list(group))
        if state != OUT_OF_BED:
            rests.append((ward.at(minute), ward.at(minute + length)))
        minute += length
    return rests


def _outages(ward: Ward) -> list[tuple[datetime, datetime]]:
    """Return when no usable frame was known that was newer than the limit, until one arrived."""
    newest, since = ward.start, None
    outages: list[tuple[datetime, datetime]] = []
    arrivals = iter(ward.arrivals)
    pending = next(arrivals, None)
    for minute in range(len(ward.truth)):
        now = ward.at(minute)
        while pending and pending[0] <= minute:
            if pending[1].state != FAULT:
                newest = max(newest, pending[1].at)
            pending = next(arrivals, None)
        if now - newest > LIMITS.silence:
            since = since or now
        elif since is not None and newest > since:
            outages.append((since, now))
            since = None
    return [*outages, (since, ward.at(len(ward.truth)))] if since else outages


def _judge_silence(
    outages: list[tuple[datetime, datetime]], alerts: list[datetime], every: int, outcome: Outcome
) -> None:
    outcome.outages = len(outages)
    for start, end in outages:
        within = [at for at in alerts if start <= at <= end]
        if not within and end - start > every * MINUTE:
            outcome.silent_missed.append(start)
        outcome.silent_repeated += within[1:]
    outcome.silent_false = [at for at in alerts if not any(start <= at <= end for start, end in outages)]


def main() -> None:
    """Print the figures of both changes of the clocks, five seeds each."""
    total = Outcome()
    weeks = 0
    for start in STARTS.values():
        for seed in range(5):
            ward = generate(start, seed)
            outcome = judge(ward, watch(ward))
            weeks += _DAYS // 7
            for name, value in vars(outcome).items():
                setattr(total, name, getattr(total, name) + value)
    print(f"rests of at least {LIMITS.turn / MINUTE:g} min: {total.rests} in {weeks} weeks")
    print(f"ended while no data arrived: {total.unseen}")
    print(f"missed {len(total.missed)}, repeated {len(total.repeated)}, false {len(total.false) / weeks:.2f} a week")
    print(f"outages of at least {LIMITS.silence / MINUTE:g} min: {total.outages}")
    print(
        f"missed {len(total.silent_missed)}, repeated {len(total.silent_repeated)}, "
        f"false {len(total.silent_false) / weeks:.2f} a week"
    )


if __name__ == "__main__":
    main()
