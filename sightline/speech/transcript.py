"""The data model of a transcript."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _TimeRange(BaseModel):
    """A time range in seconds from the start of the video. Raises ValidationError if it ends before it starts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: Seconds
    end: Seconds

    @model_validator(mode="after")
    def _check_times(self) -> _TimeRange:
        if self.end < self.start:
            raise ValueError(f"it ends at {self.end:.3f} s, before it starts at {self.start:.3f} s")
        return self


class Word(_TimeRange):
    """A spoken word. ``confidence`` is None if the source has none."""

    text: str = Field(min_length=1)
    confidence: Confidence | None = None


class Segment(_TimeRange):
    """A sentence, or the speech between two pauses. ``words`` is empty if the source has no word times.

    ``language`` is an ISO 639-1 code, or None if it is that of the transcript. ``translation`` is the English text of a
    segment in another language. ``speaker`` is the number of the voice, from 1, or None if it is not known.
    """

    text: str = Field(min_length=1)
    confidence: Confidence | None = None
    words: tuple[Word, ...] = ()
    language: str | None = None
    translation: str | None = None
    speaker: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _check_words(self) -> Segment:
        _check_order(self.words, "words")
        return self


class Transcript(BaseModel):
    """The speech of a video, in order of start times. Segments may overlap, because speakers do.

    ``language`` is None if the source does not name it. ``model`` is the engine's model, or the file's name.
    ``warnings`` name what the engine was not sure of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    segments: tuple[Segment, ...]
    language: str | None
    engine: Literal["faster-whisper", "whisper", "pocketsphinx", "file"]
    model: str
    warnings: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_segments(self) -> Transcript:
        _check_order(self.segments, "segments")
        return self

    @property
    def text(self) -> str:
        """The texts of the segments, joined by spaces."""
        return " ".join(segment.text for segment in self.segments)


def _check_order(ranges: tuple[Word, ...] | tuple[Segment, ...], name: str) -> None:
    for index, (before, after) in enumerate(pairwise(ranges)):
        if after.start < before.start:
            raise ValueError(
                f"{name}[{index + 1}] starts at {after.start:.3f} s, before {name}[{index}] at {before.start:.3f} s"
            )
