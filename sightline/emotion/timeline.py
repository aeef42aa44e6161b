"""The emotion of every stretch of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sightline.emotion.keywords import NEUTRAL
from sightline.emotion.models import Stretch

HOLD_SECONDS = 5.0
"""How long an emotion holds after the sentence that told it, where nothing else is told sooner."""


class Cue(NamedTuple):
    """A sentence that tells an emotion."""

    start: float
    end: float
    emotion: str
    text: str


def make_timeline(cues: Iterable[Cue], duration: float) -> tuple[Stretch, ...]:
    """The stretches of 0 to ``duration`` seconds, without gap or overlap; neighbours differ in emotion.

    An emotion runs from the sentence that tells it until the next that tells another, but no longer than
    ``HOLD_SECONDS`` past the end of the last sentence that told it; otherwise neutral holds. No stretch is empty, so a
    duration of 0 has none.
    """
    told = sorted(cues, key=lambda cue: cue.start)
    stretches: list[_Draft] = []
    time = 0.0
    for i, cue in enumerate(told):
        following = told[i + 1].start if i + 1 < len(told) else duration
        held = min(max(cue.end, cue.start) + HOLD_SECONDS, following, duration)
        _append(stretches, _Draft(time, cue.start, NEUTRAL, []))
        _append(stretches, _Draft(cue.start, held, cue.emotion, [cue.text]))
        time = max(time, held)
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
    """Add a stretch, or lengthen the last one where it tells the same."""
    if draft.end <= draft.start:
        return
    if stretches and stretches[-1].emotion == draft.emotion:
        stretches[-1].end = draft.end
        stretches[-1].texts += draft.texts
    else:
        stretches.append(draft)
