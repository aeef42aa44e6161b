"""What was said, and when."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Span(BaseModel):
    """A stretch of time in seconds from the start of the video; an end before its start is a ValidationError."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: Seconds
    end: Seconds

    @model_validator(mode="after")
    def _end_follows_start(self) -> _Span:
        if self.end < self.start:
            raise ValueError(f"it ends at {self.end:.3f} s, before it starts at {self.start:.3f} s")
        return self


class Word(_Span):
    """One spoken word. ``confidence`` is None where the source gives none."""

    text: str = Field(min_length=1)
    confidence: Confidence | None = None


class Segment(_Span):
    """A sentence, or what was said between two pauses. ``words`` is empty where the source times no words."""

    text: str = Field(min_length=1)
    confidence: Confidence | None = None
    words: tuple[Word, ...] = ()

    @model_validator(mode="after")
    def _words_in_order(self) -> Segment:
        _require_order(self.words, "words")
        return self


class Transcript(BaseModel):
    """All that was said in a video, in the order in which it was begun. Segments may overlap, as speakers do.

    ``language`` is None where the source does not say. ``model`` is the engine's model, or the file's name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    segments: tuple[Segment, ...]
    language: str | None
    engine: Literal["whisper", "pocketsphinx", "file"]
    model: str

    @model_validator(mode="after")
    def _segments_in_order(self) -> Transcript:
        _require_order(self.segments, "segments")
        return self

    @property
    def text(self) -> str:
        """The segments' texts, one space between them."""
        return " ".join(segment.text for segment in self.segments)


def _require_order(spans: tuple[Word, ...] | tuple[Segment, ...], what: str) -> None:
    for index, (before, after) in enumerate(pairwise(spans)):
        if after.start < before.start:
            raise ValueError(
                f"{what}[{index + 1}] starts at {after.start:.3f} s, before {what}[{index}] at {before.start:.3f} s"
            )
