"""The speakers of a transcript: every segment gets the number of its voice; a segment of two voices is split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.speech.speakers import TURN_STEP, Speakers
from sightline.speech.transcript import Segment, Transcript, Word

_SHORTEST_RUN = 0.6
"""Seconds. Fewer words between those of another voice are taken for an error of the turns."""
_CERTAIN = 0.8
"""The share of the attributed time of a segment without word times that one voice has."""
_HEARD = 0.3
"""The share of a segment's time that is attributed to a voice at all."""
_SEARCH = 0.6
"""Seconds around a change of speakers in which a pause or the end of a sentence is looked for."""
_SENTENCE_END = 0.5
"""How many seconds of pause the end of a sentence is worth."""


def assign_speakers(transcript: Transcript, speakers: Speakers) -> Transcript:
    """Return the transcript with the speaker of every segment, None if it is too short or not clear.

    A segment of several voices is split between words, if they have times. Nothing else of the transcript changes.
    """
    parts = [part for segment in transcript.segments for part in _parts(segment, speakers.turns)]
    parts.sort(key=lambda part: part.start)
    return transcript.model_copy(update={"segments": tuple(parts)})


class _Run(NamedTuple):
    """The words from ``first`` up to ``last`` are of one voice."""

    speaker: int
    first: int
    last: int


def _parts(segment: Segment, turns: NDArray[np.int_]) -> Iterator[Segment]:
    runs = _runs(segment.words, turns)
    # The translation belongs to the whole segment.
    if len(runs) < 2 or segment.translation is not None:
        speaker = _speaker_of(segment, turns) if len(runs) < 2 else None
        yield segment.model_copy(update={"speaker": speaker})
        return
    cuts = [0, *(_cut(segment.words, *pair) for pair in pairwise(runs)), len(segment.words)]
    offsets = _offsets(segment)
    for run, (first, last) in zip(runs, pairwise(cuts), strict=True):
        words = segment.words[first:last]
        text = segment.text[offsets[first] : offsets[last]].strip()
        if not words or not text:
            continue
        known = [word.confidence for word in words if word.confidence is not None]
        yield segment.model_copy(
            update={
                "start": segment.start if first == 0 else words[0].start,
                "end": segment.end if last == len(segment.words) else max(word.end for word in words),
                "text": text,
                "words": words,
                "confidence": sum(known) / len(known) if known else segment.confidence,
                "speaker": run.speaker,
            }
        )


def _speaker_of(segment: Segment, turns: NDArray[np.int_]) -> int | None:
    """Return the voice that has most of the segment's time; None if it is not clear."""
    spans: Sequence[Segment | Word] = segment.words or (segment,)
    counts = sum((_counts(span.start, span.end, turns) for span in spans), np.zeros(turns.max(initial=0) + 1))
    heard = counts[1:].sum()
    if heard == 0 or heard < _HEARD * counts.sum():
        return None
    best = int(counts[1:].argmax()) + 1
    return best if counts[best] >= _CERTAIN * heard else None


def _runs(words: Sequence[Word], turns: NDArray[np.int_]) -> list[_Run]:
    """Return the voices of the words in turn, without words that are of none and without single ones between others."""
    runs: list[_Run] = []
    for index, word in enumerate(words):
        counts = _counts(word.start, word.end, turns)
        if not counts[1:].sum():
            continue
        speaker = int(counts[1:].argmax()) + 1
        if runs and runs[-1].speaker == speaker:
            runs[-1] = runs[-1]._replace(last=index + 1)
        else:
            runs.append(_Run(speaker, index, index + 1))
    joined: list[_Run] = []
    for run in (run for run in runs if words[run.last - 1].end - words[run.first].start >= _SHORTEST_RUN):
        if joined and joined[-1].speaker == run.speaker:
            joined[-1] = joined[-1]._replace(last=run.last)
        else:
            joined.append(run)
    return joined


def _counts(start: float, end: float, turns: NDArray[np.int_]) -> NDArray[np.float64]:
    """Return the seconds of every voice between two times; index 0 is nobody or unknown."""
    first, last = int(start / TURN_STEP), int(end / TURN_STEP) + 1
    steps = np.arange(first, last)
    overlap = np.minimum((steps + 1) * TURN_STEP, max(end, start + 0.01)) - np.maximum(steps * TURN_STEP, start)
    numbers = np.zeros(len(steps), np.int_)
    known = steps < len(turns)
    numbers[known] = turns[steps[known]]
    counts = np.bincount(numbers, np.maximum(overlap, 0), int(turns.max(initial=0)) + 1)
    return counts.astype(np.float64)


def _cut(words: Sequence[Word], before: _Run, after: _Run) -> int:
    """Return the index of the first word of the second voice: after a pause or a sentence near the change."""
    change = (words[before.last - 1].end + words[after.first].start) / 2
    candidates = [
        index
        for index in range(before.first + 1, after.last)
        if before.last <= index <= after.first or abs(words[index].start - change) <= _SEARCH
    ]

    def pause(index: int) -> float:
        ends = words[index - 1].text.rstrip("\"'”’").endswith((".", "?", "!", "…"))  # noqa: RUF001
        return words[index].start - words[index - 1].end + (_SENTENCE_END if ends else 0.0)

    return max(candidates, key=pause)


def _offsets(segment: Segment) -> list[int]:
    """Return where every word begins in the segment's text, and the text's length."""
    offsets: list[int] = []
    cursor = 0
    for word in segment.words:
        place = segment.text.find(word.text.strip(), cursor)
        offsets.append(place if place >= 0 else cursor)
        cursor = place + len(word.text.strip()) if place >= 0 else cursor
    return [*offsets, len(segment.text)]
