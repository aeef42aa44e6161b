"""People's corrections of a session's emotion, and what they make of its label and its timeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, model_validator

from sightline.clock import Timestamp
from sightline.emotion import NEUTRAL, Stretch

__all__ = ["Correction", "corrected", "label_corrected_at"]


class Correction(BaseModel):
    """What a person states about a session, or about a stretch of it, and what was stored before.

    ``start`` and ``end`` are seconds; None: the start or the end of the session. ``by`` is the person.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    emotion: str
    by: Annotated[str, Field(min_length=1)]
    at: Timestamp
    start: NonNegativeFloat | None = None
    end: NonNegativeFloat | None = None
    note: str = ""
    earlier_emotion: str
    earlier_timeline: tuple[Stretch, ...]

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Correction:
        if self.end is not None and self.end <= (self.start or 0):
            raise ValueError(f"the stretch ends at {self.end:g} s, and starts at {self.start or 0:g} s")
        return self

    @property
    def is_of_all(self) -> bool:
        """Whether it is about the complete session."""
        return self.start is None and self.end is None

    @property
    def place(self) -> str:
        """What it is about, for people."""
        if self.is_of_all:
            return "the session"
        end = "the end" if self.end is None else f"{self.end:g} s"
        return f"{self.start or 0:g} s to {end}"


def corrected(
    emotion: str, timeline: Sequence[Stretch], corrections: Iterable[Correction], seconds: float
) -> tuple[str, tuple[Stretch, ...]]:
    """Return the emotion and the timeline of a session of ``seconds`` after the corrections, in their order.

    A correction of the complete session is its emotion and its only stretch. A correction of a stretch changes the
    emotion of the session only if that is neutral or no longer on the timeline: then it is the one that takes longest,
    neutral aside.
    """
    stretches = tuple(timeline)
    for correction in corrections:
        stretches = _with(stretches, correction, seconds)
        if correction.is_of_all:
            emotion = correction.emotion
        elif emotion == NEUTRAL or all(stretch.emotion != emotion for stretch in stretches):
            emotion = _longest(stretches)
    return emotion, stretches


def label_corrected_at(corrections: Sequence[Correction], emotion: str) -> datetime | None:
    """Return when people last corrected the label of a session, now ``emotion``; None if only stretches changed."""
    if not corrections:
        return None
    after = [*(correction.earlier_emotion for correction in corrections[1:]), emotion]
    decided = [
        correction.at
        for correction, later in zip(corrections, after, strict=True)
        if correction.is_of_all or later != correction.earlier_emotion
    ]
    return decided[-1] if decided else None


def _with(timeline: Sequence[Stretch], correction: Correction, seconds: float) -> tuple[Stretch, ...]:
    """Return the timeline with the corrected stretch; what was said stays where it began."""
    start = correction.start or 0.0
    end = seconds if correction.end is None else min(correction.end, seconds)
    said = [stretch.evidence for stretch in timeline if start <= stretch.start < end and stretch.evidence]
    parts = [
        *(_cut(stretch, stretch.start, min(stretch.end, start)) for stretch in timeline),
        Stretch(start=start, end=end, emotion=correction.emotion, evidence=" ".join(said)),
        *(_cut(stretch, max(stretch.start, end), stretch.end) for stretch in timeline),
    ]
    joined: list[Stretch] = []
    for part in parts:
        if part.end <= part.start:
            continue
        if joined and joined[-1].emotion == part.emotion:
            last = joined.pop()
            evidence = " ".join(filter(None, (last.evidence, part.evidence)))
            part = last.model_copy(update={"end": part.end, "evidence": evidence})  # noqa: PLW2901
        joined.append(part)
    return tuple(joined)


def _cut(stretch: Stretch, start: float, end: float) -> Stretch:
    evidence = stretch.evidence if start == stretch.start else ""
    return stretch.model_copy(update={"start": start, "end": end, "evidence": evidence})


def _longest(timeline: Iterable[Stretch]) -> str:
    seconds: dict[str, float] = {}
    for stretch in timeline:
        if stretch.emotion != NEUTRAL:
            seconds[stretch.emotion] = seconds.get(stretch.emotion, 0.0) + stretch.end - stretch.start
    return max(seconds, key=seconds.__getitem__, default=NEUTRAL)
