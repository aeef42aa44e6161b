"""Voice without words, such as laughing, crying or moaning, as a person makes who does not speak.

A stretch of voice is one if it is not at a word. It is not certain if it is short, quiet beside music, or sounds like
speech that the transcript lacks. What kind it is, is not said: no freely licensed model with weights tells that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.speech.periods import ShortFloats
from sightline.speech.stretches import stretches
from sightline.speech.transcript import Segment
from sightline.speech.voice_track import FRAME, VoiceTrack

# Seconds around words. Times of words are exact to about 0.1 s; captions are put up half a second before and after.
_WORD_MARGIN, _CAPTION_MARGIN = 0.3, 0.5
# Seconds. Syllables of one laugh are closer; a stretch shorter than the second is a click or a breath.
_GAP, _SHORTEST = 0.3, 0.2
# Mean probabilities of voice, and by how much voice must exceed music.
_VOICE, _OVER_MUSIC, _PITCHED_FRAMES = 0.6, 0.3, 4
_CERTAIN_VOICE, _CERTAIN_MUSIC, _CERTAIN_FRAMES = 0.8, 0.3, 6
# The share of a stretch in which Silero hears speech, from which on words may be missing in the transcript.
_SPEECH = 0.5

# What transcripts write that is no word: [laughs], (sighs), *moans*, music signs, and a laugh spelled out.
_ANNOTATION = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[\u2669-\u266f][^\u2669-\u266f]*[\u2669-\u266f]?")
_SPELLED_LAUGH = re.compile(r"\W*(?:h[aeiou]+h?\W*){2,}", re.IGNORECASE)


class WordlessStretch(NamedTuple):
    """A stretch of voice without words, in seconds."""

    start: float
    end: float
    certain: bool


def find_wordless(track: VoiceTrack, segments: Sequence[Segment]) -> list[WordlessStretch]:
    """Return the stretches of voice that are not at the words of ``segments``, in order of time."""
    free = ~_frames_of_words(track, segments)
    return [stretch for first, last in _stretches(track, free) if (stretch := _judge(track, first, last))]


def has_words(segment: Segment) -> bool:
    """Return whether the segment's text has words, not only descriptions of sounds or a laugh that is spelled out."""
    text = _ANNOTATION.sub(" ", segment.text)
    return any(letter.isalnum() for letter in text) and not _SPELLED_LAUGH.fullmatch(text)


def _frames_of_words(track: VoiceTrack, segments: Sequence[Segment]) -> NDArray[np.bool_]:
    taken = np.zeros(len(track.level), np.bool_)
    for segment in filter(has_words, segments):
        margin = _WORD_MARGIN if segment.words else _CAPTION_MARGIN
        for span in segment.words or (segment,):
            taken[track.frames(span.start - margin, span.end + margin)] = True
    return taken


def _stretches(track: VoiceTrack, free: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the first frame and the one after the last of every stretch with voice; short gaps do not end it."""
    joined: list[list[int]] = []
    for first, last in stretches(track.is_voice & free):
        if joined and (first - joined[-1][1]) * FRAME <= _GAP and free[joined[-1][1] : first].all():
            joined[-1][1] = last
        else:
            joined.append([first, last])
    for first, last in joined:
        if (last - first) * FRAME >= _SHORTEST:
            yield first, last


def _judge(track: VoiceTrack, first: int, last: int) -> WordlessStretch | None:
    """Return the stretch; None if it is not known to be a voice."""
    inside = slice(first, last)
    voice, music = _mean(track.any_voice[inside]), _mean(track.music[inside])
    pitched = int(np.isfinite(track.pitch[inside]).sum())
    if voice < _VOICE or voice - music < _OVER_MUSIC or pitched < _PITCHED_FRAMES:
        return None
    certain = voice >= _CERTAIN_VOICE and music <= _CERTAIN_MUSIC and pitched >= _CERTAIN_FRAMES
    is_speech = float(track.speech[inside].mean()) >= _SPEECH
    return WordlessStretch(round(first * FRAME, 3), round(last * FRAME, 3), certain and not is_speech)


def _mean(values: ShortFloats) -> float:
    return float(values.mean(dtype=np.float64))
