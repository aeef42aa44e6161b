"""A transcript as one text, with the way back from a place in the text to a time.

Speech engines cut segments where it suits them, often in the middle of a sentence; rules of language need the whole.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from sightline.speech import Segment, Transcript

# How far a word's text may stand from where the one before it ended; a word that is not found is left out.
_REACH_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class _Span:
    """Characters ``start`` to ``end`` of the text, spoken from ``begins`` to ``ends`` seconds."""

    start: int
    end: int
    begins: float
    ends: float

    def at(self, place: int) -> float:
        share = (place - self.start) / max(self.end - self.start, 1)
        return self.begins + min(max(share, 0.0), 1.0) * (self.ends - self.begins)


class SpeechText:
    """The text of a transcript's segments, joined by spaces.

    Times are in seconds and lie between 0 and ``duration``: those of the word where the engine gave words, otherwise in
    proportion to the place in the segment, in characters.
    """

    def __init__(self, transcript: Transcript, duration: float) -> None:
        self._duration = duration
        self._segments: list[_Span] = []
        self._words: list[_Span] = []
        texts: list[str] = []
        place = 0
        for segment in transcript.segments:
            text = unicodedata.normalize("NFC", segment.text).strip()
            if not text:
                continue
            self._segments.append(_Span(place, place + len(text), segment.start, segment.end))
            self._words += _words(segment, text, place)
            texts.append(text)
            place += len(text) + 1
        self.text = " ".join(texts)
        self.segment_starts = [span.start for span in self._segments]
        self._word_starts = [span.start for span in self._words]

    def begins(self, place: int) -> float:
        """When the word that holds the character at ``place`` begins."""
        span = self._word(place)
        return self._within(span.begins if span else self._segment(place).at(place))

    def ends(self, place: int) -> float:
        """When the word that holds the character before ``place`` ends."""
        span = self._word(place - 1)
        return self._within(span.ends if span else self._segment(place - 1).at(place))

    def pauses(self, seconds: float) -> list[int]:
        """The places of words, or of segments without words, that begin ``seconds`` or more after what is before."""
        spoken = self._words + [segment for segment in self._segments if not self._has_words(segment)]
        spoken.sort(key=lambda span: span.start)
        return [after.start for before, after in pairwise(spoken) if after.begins - before.ends >= seconds]

    def _has_words(self, segment: _Span) -> bool:
        index = bisect_right(self._word_starts, segment.start - 1)
        return index < len(self._words) and self._words[index].start < segment.end

    def _word(self, place: int) -> _Span | None:
        index = bisect_right(self._word_starts, place) - 1
        return self._words[index] if index >= 0 and place < self._words[index].end else None

    def _segment(self, place: int) -> _Span:
        return self._segments[max(bisect_right(self.segment_starts, place) - 1, 0)]

    def _within(self, time: float) -> float:
        return min(max(time, 0.0), self._duration)


def _words(segment: Segment, text: str, place: int) -> list[_Span]:
    spans = []
    cursor = 0
    for word in segment.words:
        spoken = unicodedata.normalize("NFC", word.text).strip()
        found = text.find(spoken, cursor, cursor + len(spoken) + _REACH_CHARACTERS) if spoken else -1
        if found >= 0:
            cursor = found + len(spoken)
            # The marks after a word are its own, whether the engine gave them with it or not.
            while cursor < len(text) and not (text[cursor].isalnum() or text[cursor].isspace()):
                cursor += 1
            spans.append(_Span(place + found, place + cursor, word.start, word.end))
    return spans
