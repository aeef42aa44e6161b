"""When a bed's alerts are due: no turn for too long, and no data.

Each event causes one alert. Late and repeated frames change neither, and a pass that crashed before it noted an alert
decides the same again, with the same key, which the outbox delivers once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict

from sightline.beds.timeline import OUT_OF_BED, Rest, Timeline

__all__ = ["Due", "Limits", "Raised", "WatchState", "decide"]

_SAME_REST = timedelta(minutes=10)
"""By how much late frames move the beginning of a rest, which stays the same one."""
_DOUBT = timedelta(minutes=6)
"""How long an alert about a rest waits if the newest frames contradict the posture: longer than they take to settle."""
_HISTORY = 200
_LOOKBACK = timedelta(hours=12)


class Limits(NamedTuple):
    """The longest time in bed without a turn, and the longest time without data."""

    turn: timedelta
    silence: timedelta

    @property
    def lookback(self) -> timedelta:
        """How much of the timeline before the last pass a pass needs."""
        return max(_LOOKBACK, 2 * self.turn, 2 * self.silence)


class Raised(BaseModel):
    """An alert that was sent: what is its matter, since when, and when it was sent.

    For ``"unturned"``, ``since`` is the beginning of the rest; for ``"silent"``, the last usable frame.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["unturned", "silent"]
    since: AwareDatetime
    at: AwareDatetime


class WatchState(BaseModel):
    """What is remembered about a patient in a bed between two passes, the last of which was at ``seen_until``.

    ``last_frame``: the newest usable frame, None before there was one.
    ``resting_since``: the beginning of the rest that goes on, which may be before the frames that a pass reads.
    """

    model_config = ConfigDict(frozen=True)

    watched_since: AwareDatetime
    seen_until: AwareDatetime
    last_frame: AwareDatetime | None = None
    resting_since: AwareDatetime | None = None
    unturned: Raised | None = None
    silent: Raised | None = None
    history: tuple[Raised, ...] = ()


class Due(NamedTuple):
    """The alerts that are due, and the state in which they have been sent."""

    alerts: tuple[Raised, ...]
    state: WatchState


def decide(state: WatchState, timeline: Timeline, now: datetime, limits: Limits) -> Due:
    """Return the alerts that are due at ``now``."""
    rest = _whole(timeline, state)
    unturned = _unturned(state, rest, timeline, now, limits)
    silent = _silent(state, timeline, now, limits)
    pairs = ((unturned, state.unturned), (silent, state.silent))
    due = tuple(raised for raised, before in pairs if raised is not None and raised != before)
    changed = {
        "seen_until": now,
        "last_frame": _newest(state, timeline),
        "resting_since": rest.since if rest else None,
        "unturned": unturned,
        "silent": silent,
        "history": (*state.history, *due)[-_HISTORY:],
    }
    return Due(due, state.model_copy(update=changed))


def _whole(timeline: Timeline, state: WatchState) -> Rest | None:
    """Return the rest that goes on from its beginning, which is before the timeline if nothing in it ended another."""
    rest = timeline.current
    if rest is None or state.resting_since is None or len(timeline.rests) > 1:
        return rest
    if any(stretch.state == OUT_OF_BED for stretch in timeline.stretches):
        return rest
    return rest._replace(since=min(rest.since, state.resting_since))


def _unturned(state: WatchState, rest: Rest | None, timeline: Timeline, now: datetime, limits: Limits) -> Raised | None:
    if rest is None:
        return None
    if state.unturned and state.unturned.since >= rest.since - _SAME_REST:
        return state.unturned
    if now - rest.since < limits.turn:
        return None
    if timeline.doubted and now - timeline.doubted < _DOUBT:
        return None
    return Raised(kind="unturned", since=rest.since, at=now)


def _silent(state: WatchState, timeline: Timeline, now: datetime, limits: Limits) -> Raised | None:
    newest, sent = _newest(state, timeline), state.silent
    if sent and (newest is None or newest <= sent.at):
        return sent
    last = newest or state.watched_since
    return Raised(kind="silent", since=last, at=now) if now - last > limits.silence else None


def _newest(state: WatchState, timeline: Timeline) -> datetime | None:
    frames = [at for at in (state.last_frame, timeline.last) if at is not None]
    return max(frames, default=None)
