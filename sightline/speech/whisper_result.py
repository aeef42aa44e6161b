"""Whisper's result: the schema in memory and in the JSON files of its command line."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

from sightline.speech.transcript import Segment, Word


class WhisperWord(BaseModel):
    """A word with times; ``word`` includes its leading space and its punctuation."""

    model_config = ConfigDict(allow_inf_nan=False)

    word: str
    start: float
    end: float
    probability: float | None = None


class WhisperSegment(BaseModel):
    """A segment with times. ``avg_logprob`` belongs to the complete 30 s window that contains the segment."""

    model_config = ConfigDict(allow_inf_nan=False)

    start: float
    end: float
    text: str
    avg_logprob: float | None = None
    words: tuple[WhisperWord, ...] = ()

    def to_segment(self) -> Segment:
        """Convert to a ``Segment``. Raises ``ValidationError`` for invalid times.

        The confidence is the mean of the words' probabilities; without words it is exp(avg_logprob), the geometric mean
        of the token probabilities of the window.
        """
        words = tuple(
            Word(text=word.word.strip(), start=word.start, end=word.end, confidence=word.probability)
            for word in self.words
            if word.word.strip()
        )
        confidences = [word.confidence for word in words if word.confidence is not None]
        confidence = sum(confidences) / len(confidences) if confidences else None
        if confidence is None and self.avg_logprob is not None:
            confidence = math.exp(min(self.avg_logprob, 0.0))
        return Segment(start=self.start, end=self.end, text=self.text.strip(), confidence=confidence, words=words)


class WhisperResult(BaseModel):
    """The result of ``whisper.transcribe``; keys that are not used here are ignored."""

    segments: tuple[WhisperSegment, ...]
    language: str | None = Field(None, min_length=1)
