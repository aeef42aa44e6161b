"""The timeline: the emotion of every stretch of a video."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sightline.emotion.keywords import NEUTRAL
from sightline.emotion.models import Stretch

HOLD_SECONDS = 5.0
"""How long an emotion holds after its utterance, unless another emotion follows sooner."""


class Cue(NamedTuple):
    """An utterance that expresses an emotion, and its times in seconds."""

    start: float
    end: float
    emotion: str
    text: str


def make_timeline(cues: Iterable[Cue], duration: float) -> tuple[Stretch, ...]:
    """Return the stretches from 0 to ``duration`` seconds, without gap or overlap; neighbours differ in emotion.

    An emotion begins with an utterance that expresses it and lasts until the next utterance with another emotion, but
    at most ``HOLD_SECONDS`` past the end of its last utterance; otherwise neutral holds. No stretch is empty: a
    duration of 0 gives no stretches.
    """
    ordered = sorted(cues, key=lambda cue: cue.start)
    stretches: list[_Draft] = []
    time = 0.0
    for i, cue in enumerate(ordered):
        following = ordered[i + 1].start if i + 1 < len(ordered) else duration
        held_until = min(max(cue.end, cue.start) + HOLD_SECONDS, following, duration)
        _append(stretches, _Draft(time, cue.start, NEUTRAL, []))
        _append(stretches, _Draft(cue.start, held_until, cue.emotion, [cue.text]))
        time = max(time, held_until)
    _append(stretches, _Draft(time, duration, NEUTRAL, []))
    return tuple(
        Stretch(start=draft.start, end=draft.end, emotion=draft.emotion, evidence=" ".join(draft.texts))
        for draft in stretches
    )


@dataclass
class _Draft:
    start: float
    end: float
    emotion: str
    texts: list[str]


def _append(stretches: list[_Draft], draft: _Draft) -> None:
    """Append a stretch, or extend the last one if it has the same emotion."""
    if draft.end <= draft.start:
        return
    if stretches and stretches[-1].emotion == draft.emotion:
        stretches[-1].end = draft.end
        stretches[-1].texts += draft.texts
    else:
        stretches.append(draft)
