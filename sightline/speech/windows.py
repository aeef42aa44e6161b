"""Speech without its pauses, cut into windows that a recogniser hears at once, with the times of the original sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from sightline.speech.activity import ACTIVITY_STEP, speech_shares
from sightline.speech.heard_sound import HeardSound
from sightline.speech.sound import SAMPLE_RATE, Sound, check_samples, checked_blocks, find_quietest, is_silent

# Speech begins where its probability reaches the first limit, and lasts until it stays below the second one: without
# hysteresis, speech in noise is cut into syllables.
_BEGIN = 0.5
_CONTINUE = 0.35

# Seconds. A shorter pause is part of the speech; half of it is kept on either side, so that no consonant is lost that
# the model does not recognise as speech.
_PAUSE = 0.5
_MARGIN = _PAUSE / 2

# Seconds. Shorter speech is a click or a bump.
_SHORTEST = 0.2

# Seconds. Whisper hears 30 s at once.
LONGEST_WINDOW = 30.0

# Seconds at the end of speech without a pause in which the quietest place is cut.
_CUT_SEARCH = 10.0

# In samples.
_STEP = round(ACTIVITY_STEP * SAMPLE_RATE)
_MARGIN_SAMPLES = round(_MARGIN * SAMPLE_RATE)
_LONGEST_SPEECH = round((LONGEST_WINDOW - 2 * _PAUSE) * SAMPLE_RATE)


@dataclass(frozen=True, slots=True)
class SpeechPart:
    """Speech between two pauses: ``samples``, shape = (n,), begin at ``start`` seconds, with a margin of silence.

    ``spoken`` are the seconds from the start of ``samples`` between which speech was detected.
    """

    start: float
    samples: NDArray[np.float32]
    spoken: tuple[float, float]

    @property
    def duration(self) -> float:
        """Seconds, including the margins."""
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class SpeechWindow:
    """One or more parts, at most 30 s together."""

    parts: tuple[SpeechPart, ...]

    @property
    def samples(self) -> NDArray[np.float32]:
        """The samples of the parts, joined, shape = (n,), ``SAMPLE_RATE`` a second."""
        return np.concatenate([part.samples for part in self.parts])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """The first and last second of each part in the window."""
        edges = [0, *accumulate(len(part.samples) for part in self.parts)]
        return [(first / SAMPLE_RATE, last / SAMPLE_RATE) for first, last in pairwise(edges)]

    @property
    def excerpts(self) -> list[tuple[float, float]]:
        """The shares of the 30 s that a model hears, from and to, with the sound of each part.

        A single part has all of it: the silence after it is evidence too.
        """
        if len(self.parts) == 1:
            return [(0.0, 1.0)]
        return [(first / LONGEST_WINDOW, last / LONGEST_WINDOW) for first, last in self.bounds]


def pack(parts: Iterable[SpeechPart]) -> Iterator[SpeechWindow]:
    """Join consecutive parts to windows, as many in each as it can hold."""
    packed: list[SpeechPart] = []
    for part in parts:
        if packed and sum(other.duration for other in packed) + part.duration > LONGEST_WINDOW:
            yield SpeechWindow(tuple(packed))
            packed = []
        packed.append(part)
    if packed:
        yield SpeechWindow(tuple(packed))


def speech_parts(sound: Sound) -> Iterator[SpeechPart]:
    """Yield the speech of a sound, without what is not speech, in order.

    Speech that lasts longer than a window is cut where it is quietest. About a minute of sound and one block are in
    memory. Raises ``ValueError`` for samples of another shape or type.
    """
    cutter = _Cutter()
    for samples, shares in speech_shares(sound if isinstance(sound, HeardSound) else checked_blocks(sound)):
        check_samples(samples)
        cutter.append(samples)
        for share in shares:
            yield from cutter.step(float(share))
        cutter.forget()
    yield from cutter.finish()


class _Cutter:
    """Cuts sound into parts, given one probability of speech a step. Positions are samples from the sound's start."""

    def __init__(self) -> None:
        self._samples = np.zeros(0, np.float32)
        self._origin = 0
        """The position of the first sample in memory."""
        self._position = 0
        """The position of the next step."""
        self._start: int | None = None
        self._stop = 0
        self._heard = 0.0
        self._margin = _MARGIN_SAMPLES
        """Samples before the start that belong to the part: none if speech was cut there."""

    def append(self, samples: NDArray[np.float32]) -> None:
        self._samples = np.concatenate([self._samples, samples])

    def forget(self) -> None:
        """Free the samples that no part needs."""
        needed = self._position if self._start is None else self._start
        first = max(needed - _MARGIN_SAMPLES - self._origin, 0)
        self._samples, self._origin = self._samples[first:].copy(), self._origin + first

    def step(self, share: float) -> Iterator[SpeechPart]:
        """Yield the speech that ends with this step."""
        first, self._position = self._position, self._position + _STEP
        if self._start is None and share < _BEGIN:
            return
        if self._start is None:
            self._start, self._heard, self._margin = first, 0.0, _MARGIN_SAMPLES
        if share >= _CONTINUE:
            self._stop = self._position
        if share >= _BEGIN:
            self._heard += ACTIVITY_STEP
        if self._position - self._stop >= 2 * _MARGIN_SAMPLES:
            yield from self.finish()
        elif self._position - self._start > _LONGEST_SPEECH:
            yield from self._cut_long(self._start)

    def finish(self) -> Iterator[SpeechPart]:
        """Yield the speech that has not ended yet."""
        start, self._start = self._start, None
        is_continued = self._margin == 0
        if start is not None and (is_continued or self._heard >= _SHORTEST):
            yield from self._part(start, self._stop, self._margin, _MARGIN_SAMPLES)

    def _cut_long(self, start: int) -> Iterator[SpeechPart]:
        search_start = self._position - round(_CUT_SEARCH * SAMPLE_RATE)
        place = search_start + find_quietest(self._between(search_start, self._position))
        yield from self._part(start, place, self._margin, 0)
        self._start, self._margin = place, 0
        self._stop = max(self._stop, place)

    def _part(self, start: int, stop: int, before: int, after: int) -> Iterator[SpeechPart]:
        first = max(start - before, 0)
        samples = self._between(first, stop + after).copy()
        if not is_silent(samples):
            spoken = (start - first) / SAMPLE_RATE, min(stop - first, len(samples)) / SAMPLE_RATE
            yield SpeechPart(first / SAMPLE_RATE, samples, spoken)

    def _between(self, start: int, stop: int) -> NDArray[np.float32]:
        return self._samples[start - self._origin : stop - self._origin]
