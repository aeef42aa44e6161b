"""Whisper's words as sentences at the times of the sound, given words at the times of a window of speech."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sightline.speech.transcript import Segment
from sightline.speech.whisper_result import WhisperSegment, WhisperWord
from sightline.speech.windows import SpeechWindow

# Seconds by which a word may exceed the detected speech: the detector is late by some steps at a soft consonant.
_TOLERANCE = 0.1

# Seconds. Words after a longer pause are another segment.
_PAUSE = 1.5

_SENTENCE_ENDS = tuple(".!?…。！？।؟")  # noqa: RUF001 - full-width marks
_ABBREVIATIONS = frozenset({"dr.", "mr.", "mrs.", "ms.", "prof.", "st.", "sr.", "sra.", "fr.", "hr.", "z.b."})


def to_segments(window: SpeechWindow, heard: Sequence[WhisperSegment], language: str) -> list[Segment]:
    """Return the sentences of a window, at the times of the sound, in order.

    ``heard`` are Whisper's segments at the times of the window. A sentence ends at a mark of punctuation or before a
    pause of 1.5 s.
    """
    segments: list[Segment] = []
    for segment in heard:
        if not segment.words and segment.text.strip():
            start, end = place(window, segment.start, segment.end)
            segments.append(_segment(segment.model_copy(update={"start": start, "end": end}), language))
            continue
        placed = list(_place_words(window, segment.words))
        for words in _sentences(placed):
            text = "".join(word.word for word in words)
            values = {"start": words[0].start, "end": words[-1].end, "text": text, "words": tuple(words)}
            segments.append(_segment(segment.model_copy(update=values), language))
    return sorted(segments, key=lambda segment: segment.start)


def place(window: SpeechWindow, start: float, end: float) -> tuple[float, float]:
    """Return the time of the sound of what is from ``start`` to ``end`` in the window, in seconds.

    It is inside the speech of one part. Whisper lets a word after a pause begin in the pause: of two parts with much of
    the word, the later one is right.
    """
    spans = [
        (first + part.spoken[0] - _TOLERANCE, first + part.spoken[1] + _TOLERANCE)
        for part, (first, _) in zip(window.parts, window.bounds, strict=True)
    ]
    overlaps = [min(end, highest) - max(start, lowest) for lowest, highest in spans]
    enough = max(overlaps) / 2 if max(overlaps) > 0 else max(overlaps)
    index = max(index for index, overlap in enumerate(overlaps) if overlap >= enough)
    part, (first, last), (lowest, highest) = window.parts[index], window.bounds[index], spans[index]
    low, high = max(lowest, first), min(highest, last)
    shift = part.start - first
    return shift + min(max(start, low), high), shift + min(max(end, low), high)


def _place_words(window: SpeechWindow, words: Sequence[WhisperWord]) -> Iterator[WhisperWord]:
    earliest = 0.0
    for word in words:
        start, end = place(window, word.start, max(word.start, word.end))
        # Whisper's times are estimates, which may be out of order.
        start = max(start, earliest)
        earliest = start
        yield word.model_copy(update={"start": start, "end": max(end, start)})


def _sentences(words: Sequence[WhisperWord]) -> Iterator[list[WhisperWord]]:
    sentence: list[WhisperWord] = []
    for word in words:
        if sentence and (_ends_sentence(sentence[-1].word, word.word) or word.start - sentence[-1].end >= _PAUSE):
            yield sentence
            sentence = []
        sentence.append(word)
    if any(word.word.strip() for word in sentence):
        yield sentence


def _ends_sentence(word: str, following: str) -> bool:
    text = word.strip().rstrip("\"'”’»)]")  # noqa: RUF001
    is_abbreviation = text.lower() in _ABBREVIATIONS or (len(text) == 2 and text[0].isupper())
    return text.endswith(_SENTENCE_ENDS) and not is_abbreviation and not following.strip()[:1].islower()


def _segment(segment: WhisperSegment, language: str) -> Segment:
    return segment.to_segment().model_copy(update={"language": language})
