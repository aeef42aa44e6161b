"""The voice of a video: prosody of the session and of every utterance, and what was uttered without words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline.speech.prosody import Prosody, measure_prosody, power_of
from sightline.speech.transcript import Seconds, Transcript
from sightline.speech.vocalisations import find_wordless, has_words
from sightline.speech.voice_track import VoiceTrack, track_voice

WORDLESS = "voice without words"
"""What people read about a vocalisation."""


class _Stretch(BaseModel):
    model_config = ConfigDict(frozen=True)

    start: Seconds
    end: Seconds
    prosody: Prosody


class Utterance(_Stretch):
    """The prosody of a segment of the transcript that has words; it has the segment's times."""


class Vocalisation(_Stretch):
    """A stretch of voice without words, of anybody near the microphone.

    ``certain`` is False if it may be something else: a sound, or speech that the transcript lacks.
    """

    certain: bool


class MeasuredVoice(BaseModel):
    """The voice of a session, in order of time. ``prosody`` is that of all utterances and vocalisations together."""

    model_config = ConfigDict(frozen=True)

    prosody: Prosody
    utterances: tuple[Utterance, ...] = ()
    vocalisations: tuple[Vocalisation, ...] = ()


def measure_voice(blocks: Iterable[NDArray[np.float32]], transcript: Transcript) -> MeasuredVoice:
    """Return the voice in consecutive mono samples in -1..1, shape = (m,), ``SAMPLE_RATE`` a second.

    ``transcript``: what is said in them. The memory does not depend on the duration, except for the track of the voice,
    12 MB an hour.
    """
    return describe_voice(track_voice(blocks), transcript)


def describe_voice(track: VoiceTrack, transcript: Transcript) -> MeasuredVoice:
    """Return the prosody of the transcript's segments and of the voice without words."""
    segments = [segment for segment in transcript.segments if has_words(segment)]
    wordless = find_wordless(track, transcript.segments)
    uttered, chosen = np.zeros((2, len(track.level)), np.bool_)
    for span in segments:
        uttered[track.frames(span.start, span.end)] = True
    chosen |= uttered
    for start, end, _ in wordless:
        chosen[track.frames(start, end)] = True
    reference = power_of(track, chosen)

    def within(start: float, end: float, words: int | None = None) -> Prosody:
        part = track.part(start, end)
        return measure_prosody(part, np.ones(len(part.level), np.bool_), reference, words)

    counts = [len(segment.words) or len(segment.text.split()) for segment in segments]
    # The pauses of the session are also those between utterances.
    first, last = (chosen.argmax(), len(chosen) - chosen[::-1].argmax()) if chosen.any() else (0, 0)
    between = np.zeros_like(chosen)
    between[first:last] = ~track.is_voice[first:last]
    return MeasuredVoice(
        prosody=measure_prosody(track, chosen | between, reference, sum(counts) or None),
        utterances=tuple(
            Utterance(start=segment.start, end=segment.end, prosody=within(segment.start, segment.end, count))
            for segment, count in zip(segments, counts, strict=True)
        ),
        vocalisations=tuple(
            Vocalisation(start=start, end=end, certain=certain, prosody=within(start, end))
            for start, end, certain in wordless
        ),
    )
