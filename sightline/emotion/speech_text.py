"""A transcript as one text, with a mapping from character offsets to times.

Speech engines often cut segments in the middle of a sentence; the language rules need complete sentences.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from sightline.speech import Segment

# The maximum distance between a word and the end of the word before it; a word that is not found is left out.
_MAX_GAP_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class _TimedText:
    """The characters from ``start`` up to ``end`` of the text, spoken from ``start_time`` to ``end_time`` seconds."""

    start: int
    end: int
    start_time: float
    end_time: float

    def time_at(self, offset: int) -> float:
        share = (offset - self.start) / max(self.end - self.start, 1)
        return self.start_time + min(max(share, 0.0), 1.0) * (self.end_time - self.start_time)


class SpeechText:
    """The text of a transcript's segments, joined by spaces.

    Times are in seconds and between 0 and ``duration``: the word's own times if the engine provides words, otherwise
    interpolated linearly over the characters of the segment.

    If ``is_translated``, the text is that of the segments' translations, and the times are interpolated.
    """

    def __init__(self, segments: Iterable[Segment], duration: float, *, is_translated: bool = False) -> None:
        self._duration = duration
        self._segments: list[_TimedText] = []
        self._words: list[_TimedText] = []
        self._spoken: list[str] = []
        self._speakers: list[int | None] = []
        texts: list[str] = []
        offset = 0
        for segment in segments:
            source = (segment.translation or "") if is_translated else segment.text
            text = unicodedata.normalize("NFC", source).strip()
            if not text:
                continue
            self._segments.append(_TimedText(offset, offset + len(text), segment.start, segment.end))
            if is_translated:
                self._spoken.append(" ".join(unicodedata.normalize("NFC", segment.text).split()))
            else:
                self._words += _locate_words(segment, text, offset)
            self._speakers.append(segment.speaker)
            texts.append(text)
            offset += len(text) + 1
        self.text = " ".join(texts)
        self.segment_starts = [segment.start for segment in self._segments]
        self._word_starts = [word.start for word in self._words]

    def start_time(self, offset: int) -> float:
        """Return when the word that contains the character at ``offset`` begins."""
        word = self._word_at(offset)
        return self._clamp(word.start_time if word else self._segment_at(offset).time_at(offset))

    def end_time(self, offset: int) -> float:
        """Return when the word that contains the character before ``offset`` ends."""
        word = self._word_at(offset - 1)
        return self._clamp(word.end_time if word else self._segment_at(offset - 1).time_at(offset))

    def spoken_text(self, first: int, last: int) -> str:
        """Return what was spoken in the segments with these offsets, if the text is a translation; otherwise empty."""
        if not self._spoken:
            return ""
        begin = max(bisect_right(self.segment_starts, first) - 1, 0)
        end = max(bisect_right(self.segment_starts, last - 1), begin + 1)
        return " ".join(self._spoken[begin:end])

    def speaker(self, offset: int) -> int | None:
        """Return the number of the voice that says the character at ``offset``; None if it is not known."""
        return self._speakers[self._segment_index(offset)]

    def speaker_changes(self) -> list[int]:
        """Return the offsets where another voice begins."""
        pairs = zip(pairwise(self._speakers), self.segment_starts[1:], strict=True)
        return [start for (before, after), start in pairs if None not in (before, after) and before != after]

    def pauses(self, seconds: float) -> list[int]:
        """Return the offsets of words, or of segments without words, that follow a silence of ``seconds`` or more."""
        timed = self._words + [segment for segment in self._segments if not self._has_words(segment)]
        timed.sort(key=lambda part: part.start)
        return [after.start for before, after in pairwise(timed) if after.start_time - before.end_time >= seconds]

    def _has_words(self, segment: _TimedText) -> bool:
        index = bisect_right(self._word_starts, segment.start - 1)
        return index < len(self._words) and self._words[index].start < segment.end

    def _word_at(self, offset: int) -> _TimedText | None:
        index = bisect_right(self._word_starts, offset) - 1
        return self._words[index] if index >= 0 and offset < self._words[index].end else None

    def _segment_at(self, offset: int) -> _TimedText:
        return self._segments[self._segment_index(offset)]

    def _segment_index(self, offset: int) -> int:
        return max(bisect_right(self.segment_starts, offset) - 1, 0)

    def _clamp(self, time: float) -> float:
        return min(max(time, 0.0), self._duration)


def _locate_words(segment: Segment, text: str, offset: int) -> list[_TimedText]:
    located = []
    cursor = 0
    for word in segment.words:
        spelling = unicodedata.normalize("NFC", word.text).strip()
        start = text.find(spelling, cursor, cursor + len(spelling) + _MAX_GAP_CHARACTERS) if spelling else -1
        if start >= 0:
            cursor = start + len(spelling)
            # Marks after a word belong to it, whether or not the engine includes them.
            while cursor < len(text) and not (text[cursor].isalnum() or text[cursor].isspace()):
                cursor += 1
            located.append(_TimedText(offset + start, offset + cursor, word.start, word.end))
    return located
