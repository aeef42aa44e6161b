"""Whisper's result: the schema in memory, and in the JSON files of the programs that run Whisper.

Read are openai-whisper and faster-whisper (``segments``; ``word``, ``probability``), whisperX (``score``; numerals are
words without times), whisper-timestamped (``text``, ``confidence``) and whisper.cpp (``transcription``, in
milliseconds). NaN, infinity and null are unknown values: the word is left out, or has no confidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, model_validator

from sightline.speech.transcript import Segment, Word

DIALECTS = "openai-whisper, faster-whisper, whisperX, whisper-timestamped or whisper.cpp"


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _known_share(value: object) -> object:
    return value if _is_number(value) and 0 <= value <= 1 else None  # type: ignore[operator]


def _known_number(value: object) -> object:
    return value if _is_number(value) else None


def _timed_words(value: object) -> object:
    """Leave out the words without text or times."""
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    return [word for word in value if isinstance(word, WhisperWord) or (isinstance(word, dict) and _has_times(word))]


def _has_times(word: dict[str, Any]) -> bool:
    has_text = isinstance(word.get("word", word.get("text")), str)
    return has_text and _is_number(word.get("start")) and _is_number(word.get("end"))


_Confidence = Annotated[float | None, BeforeValidator(_known_share)]


class WhisperWord(BaseModel):
    """A word with times; ``word`` includes its leading space and its punctuation."""

    word: str = Field(validation_alias=AliasChoices("word", "text"))
    start: float
    end: float
    probability: _Confidence = Field(None, validation_alias=AliasChoices("probability", "score", "confidence"))


class WhisperSegment(BaseModel):
    """A segment with times. ``avg_logprob`` belongs to the complete 30 s window that contains the segment."""

    start: float = Field(allow_inf_nan=False)
    end: float = Field(allow_inf_nan=False)
    text: str
    avg_logprob: Annotated[float | None, BeforeValidator(_known_number)] = None
    confidence: _Confidence = None
    words: Annotated[tuple[WhisperWord, ...], BeforeValidator(_timed_words)] = ()

    @model_validator(mode="before")
    @classmethod
    def _complete_times(cls, value: object) -> object:
        """Take a missing time of the segment from its words."""
        if not isinstance(value, dict):
            return value
        words = [word for word in value.get("words") or () if isinstance(word, dict) and _has_times(word)]
        known = {name: value.get(name) for name in ("start", "end") if _is_number(value.get(name))}
        if words and len(known) < 2:
            times = {"start": min(word["start"] for word in words), "end": max(word["end"] for word in words)}
            return value | times | known
        return value

    def to_segment(self) -> Segment:
        """Convert to a ``Segment``, without words that end before they start.

        Raises ``ValidationError`` for invalid times of the segment.

        The confidence is the mean of the words' probabilities; without words it is the segment's own, or
        exp(avg_logprob), the geometric mean of the token probabilities of the window.
        """
        words = tuple(
            Word(text=word.word.strip(), start=word.start, end=word.end, confidence=word.probability)
            for word in sorted(self.words, key=lambda word: word.start)
            if word.word.strip() and 0 <= word.start <= word.end
        )
        confidences = [word.confidence for word in words if word.confidence is not None]
        confidence = sum(confidences) / len(confidences) if confidences else self.confidence
        if confidence is None and self.avg_logprob is not None:
            confidence = math.exp(min(self.avg_logprob, 0.0))
        return Segment(start=self.start, end=self.end, text=self.text.strip(), confidence=confidence, words=words)


class WhisperResult(BaseModel):
    """The result of ``whisper.transcribe``; keys that are not used here are ignored."""

    segments: tuple[WhisperSegment, ...]
    language: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _convert_dialect(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("transcription"), list) and "segments" not in value:
            return _from_whisper_cpp(value)
        return value | {"language": value.get("language") or None}


def _from_whisper_cpp(value: dict[str, Any]) -> dict[str, Any]:
    """Return whisper.cpp's result with the keys and units of openai-whisper."""
    details = value.get("result")
    return {
        "language": (details.get("language") or None) if isinstance(details, dict) else None,
        "segments": [
            {"text": part.get("text"), **_seconds(part), "words": _join_tokens(part.get("tokens"))}
            if isinstance(part, dict)
            else part
            for part in value["transcription"]
        ],
    }


def _seconds(part: dict[str, Any]) -> dict[str, float]:
    offsets = part.get("offsets")
    known = {"start": "from", "end": "to"} if isinstance(offsets, dict) else {}
    return {name: offsets[key] / 1000 for name, key in known.items() if offsets and _is_number(offsets.get(key))}


def _join_tokens(tokens: object) -> list[dict[str, Any]]:
    """Join tokens to words: a word's first token begins with a space, and its probability is the tokens' mean."""
    words: list[list[dict[str, Any]]] = []
    for token in tokens if isinstance(tokens, list) else []:
        text = token.get("text") if isinstance(token, dict) else None
        # Tokens in brackets are Whisper's control codes, such as [_BEG_] and [_TT_150].
        if not isinstance(text, str) or text.startswith("[_"):
            continue
        if words and not text.startswith(" "):
            words[-1].append(token)
        else:
            words.append([token])
    return [
        {
            "word": "".join(token["text"] for token in word),
            "start": _seconds(word[0]).get("start"),
            "end": _seconds(word[-1]).get("end"),
            "probability": _mean([token.get("p") for token in word]),
        }
        for word in words
    ]


def _mean(shares: list[object]) -> float | None:
    known = [share for share in map(_known_share, shares) if isinstance(share, int | float)]
    return sum(known) / len(known) if known and len(known) == len(shares) else None
