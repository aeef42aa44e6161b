"""Whisper's result, the same in memory and in the JSON that its command line writes."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

from sightline.speech.transcript import Segment, Word


class WhisperWord(BaseModel):
    """A timed word; ``word`` carries its leading space and the punctuation about it."""

    model_config = ConfigDict(allow_inf_nan=False)

    word: str
    start: float
    end: float
    probability: float | None = None


class WhisperSegment(BaseModel):
    """A timed sentence or so. ``avg_logprob`` is of the whole 30 s window that the segment is from."""

    model_config = ConfigDict(allow_inf_nan=False)

    start: float
    end: float
    text: str
    avg_logprob: float | None = None
    words: tuple[WhisperWord, ...] = ()

    def to_segment(self) -> Segment:
        """As a ``Segment``; raises ``ValidationError`` for impossible times.

        The confidence is the mean of the words' probabilities, which is about this segment alone; without them it is
        exp(avg_logprob), the geometric mean of the window's token probabilities.
        """
        words = tuple(
            Word(text=word.word.strip(), start=word.start, end=word.end, confidence=word.probability)
            for word in self.words
            if word.word.strip()
        )
        known = [word.confidence for word in words if word.confidence is not None]
        confidence = sum(known) / len(known) if known else None
        if confidence is None and self.avg_logprob is not None:
            confidence = math.exp(min(self.avg_logprob, 0.0))
        return Segment(start=self.start, end=self.end, text=self.text.strip(), confidence=confidence, words=words)


class WhisperResult(BaseModel):
    """What ``whisper.transcribe`` returns; the keys that are not needed here are passed over."""

    segments: tuple[WhisperSegment, ...]
    language: str | None = Field(None, min_length=1)
