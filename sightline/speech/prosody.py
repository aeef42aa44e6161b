"""How something is said, as named features of a stretch of voice.

Undefined features are None in records, NaN in ``Prosody.features()``, and never 0.

- ``pitch_…``: of the voiced frames. ``semitones`` without a reference are differences; ``pitch_median_semitones`` is
  above 27.5 Hz, as in eGeMAPS. ``range`` is from the 10th to the 90th percentile, ``slope`` the common slope
  of least-squares lines through the phrases, which are what is between
  pauses. ``pitch_voiced_share`` is the share of the voice's time that has a pitch.
- ``loudness_…``: in dB. ``full_scale`` is the mean power of the time with voice relative to a full-scale square wave,
  ``relative`` the same relative to all voice of the session. ``range`` and ``slope`` are of the voiced frames.
- ``rate_words``: words per second from the first to the last voice, pauses included. ``rate_syllables``: syllables
  likewise, counted as peaks of the level that are voiced and 2 dB above the dips beside them (de Jong and Wempe 2009,
  "Praat script to detect syllable nuclei and measure speech rate automatically"); ``rate_articulation``: syllables per
  second without pauses.
- ``pause_…``: times without voice of 0.25 to 2 s between voice: their number, their share of the time from the first to
  the last voice, and their mean duration in seconds. In a longer time without voice, nobody speaks.
- ``jitter``, ``shimmer``: mean difference of neighbouring periods' durations and amplitudes, relative to their mean.
  ``harmonics_to_noise``: dB. See :mod:`sightline.speech.periods`.
- ``voice_seconds``: the time with voice, without the pauses.

They are no inputs of the emotion models: those have the 88 features of :data:`sightline.features.FEATURE_NAMES`.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sightline.speech.periods import ShortFloats
from sightline.speech.stretches import stretches
from sightline.speech.voice_track import FRAME, VoiceTrack

Measure = Annotated[float | None, Field(allow_inf_nan=False)]
Mask = NDArray[np.bool_]

_REFERENCE = 27.5
# With fewer frames with a pitch, 0.1 s, a pitch is chance; a line needs three times as many.
_FEWEST_FRAMES = 6
_FEWEST_FOR_SLOPE = 18
_PERCENTILES = (10, 90)
# Seconds without voice. A shorter time is part of a consonant (Goldman-Eisler 1968); in a longer one, nobody speaks.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0
# dB between a syllable's peak and the dips beside it.
_SYLLABLE_DIP = 2.0
_BLOCK = 4096


class Prosody(BaseModel):
    """The prosody of a stretch of voice; see the module for units and sources. None: undefined there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pitch_median_hz: Measure = None
    pitch_median_semitones: Measure = None
    pitch_range_semitones: Measure = None
    pitch_slope_semitones_per_second: Measure = None
    pitch_voiced_share: Measure = None
    loudness_full_scale_db: Measure = None
    loudness_relative_db: Measure = None
    loudness_range_db: Measure = None
    loudness_slope_db_per_second: Measure = None
    rate_words_per_second: Measure = None
    rate_syllables_per_second: Measure = None
    rate_articulation_syllables_per_second: Measure = None
    pause_count: Measure = None
    pause_share: Measure = None
    pause_mean_seconds: Measure = None
    jitter: Measure = None
    shimmer: Measure = None
    harmonics_to_noise_db: Measure = None
    voice_seconds: Measure = None

    def features(self) -> dict[str, float]:
        """Return the features by name, in the order of ``PROSODY_NAMES``; NaN if undefined."""
        return {name: math.nan if value is None else value for name, value in self}


PROSODY_NAMES: tuple[str, ...] = tuple(Prosody.model_fields)
"""The names of the 19 features of prosody, in their order."""

_ALL_NAMES = set(PROSODY_NAMES)
"""One set for all: with one of its own, each of the thousands of utterances of an hour needs twice the memory."""


def power_of(track: VoiceTrack, chosen: Mask) -> float:
    """Return the mean power of the chosen frames with voice, in dB of full scale; NaN if there are none."""
    levels = track.level[chosen & track.is_voice].astype(np.float64)
    return float(10 * np.log10(np.mean(10 ** (levels / 10)))) if len(levels) else math.nan


def measure_prosody(track: VoiceTrack, chosen: Mask, reference: float, words: int | None = None) -> Prosody:
    """Return the prosody of the chosen frames, shape = (n,).

    ``reference``: the power of the session's voice, in dB of full scale. ``words``: their number; None without words.
    """
    heard = _without_gaps(chosen & track.is_voice, chosen)
    if not heard.any():
        return Prosody(voice_seconds=0.0)
    times = np.arange(len(heard)) * FRAME
    voiced = heard & np.isfinite(track.pitch)
    semitones = np.asarray(12 * np.log2(track.pitch / _REFERENCE), np.float32)
    power = power_of(track, heard)
    places = np.flatnonzero(heard)
    inside = chosen & (np.arange(len(heard)) >= places[0]) & (np.arange(len(heard)) <= places[-1])
    pauses, phrases = _silences(inside, heard)
    spoken = len(places) * FRAME
    elapsed = spoken + sum(pauses)
    syllables = _count_syllables(track, inside, voiced)
    periods = track.periods.where(_at(heard, track.periods.times))
    has_pitch = voiced.sum() >= _FEWEST_FRAMES
    pitch = float(np.median(track.pitch[voiced])) if has_pitch else math.nan
    return Prosody.model_construct(
        _ALL_NAMES,
        pitch_median_hz=_rounded(pitch),
        pitch_median_semitones=_rounded(12 * math.log2(pitch / _REFERENCE)),
        pitch_range_semitones=_rounded(_range(semitones[voiced]) if has_pitch else math.nan),
        pitch_slope_semitones_per_second=_rounded(_slope(times, semitones, voiced, phrases)),
        pitch_voiced_share=_rounded(voiced.sum() / len(places)),
        loudness_full_scale_db=_rounded(power),
        loudness_relative_db=_rounded(power - reference),
        loudness_range_db=_rounded(_range(track.level[voiced]) if has_pitch else math.nan),
        loudness_slope_db_per_second=_rounded(_slope(times, track.level, voiced, phrases)),
        rate_words_per_second=_rounded(math.nan if words is None else words / elapsed),
        rate_syllables_per_second=_rounded(syllables / elapsed),
        rate_articulation_syllables_per_second=_rounded(syllables / spoken),
        pause_count=float(len(pauses)),
        pause_share=_rounded(sum(pauses) / elapsed),
        pause_mean_seconds=_rounded(float(np.mean(pauses)) if pauses else math.nan),
        jitter=_rounded(periods.jitter),
        shimmer=_rounded(periods.shimmer),
        harmonics_to_noise_db=_rounded(periods.harmonics_to_noise),
        voice_seconds=_rounded(spoken),
    )


def _without_gaps(heard: Mask, chosen: Mask) -> Mask:
    """Return the frames with voice and those of the consonants between them: what is too short for a pause."""
    filled = heard.copy()
    for before, after in _gaps(heard):
        if (after - before) * FRAME < _SHORTEST_PAUSE:
            filled[before:after] = chosen[before:after]
    return filled


def _gaps(heard: Mask) -> list[tuple[int, int]]:
    """Return the first frame and the one after the last of every gap between frames with voice."""
    return [(before, after) for (_, before), (after, _) in pairwise(stretches(heard))]


def _silences(inside: Mask, heard: Mask) -> tuple[list[float], NDArray[np.int64]]:
    """Return the durations of the pauses, and the number of the phrase of every frame."""
    begins = np.zeros(len(heard), np.int64)
    pauses = []
    for before, after in _gaps(heard):
        begins[after] = 1
        seconds = (after - before) * FRAME
        # What is not chosen between two stretches is not known to be a pause of the same voice.
        if _SHORTEST_PAUSE <= seconds <= _LONGEST_PAUSE and inside[before:after].all():
            pauses.append(seconds)
    return pauses, begins.cumsum()


def _count_syllables(track: VoiceTrack, inside: Mask, voiced: Mask) -> int:
    """Return the number of voiced peaks of the level between dips; scipy's find_peaks takes 0.5 s to import."""
    floor = float(track.level.min()) - 10 * _SYLLABLE_DIP
    level = np.pad(np.where(inside, track.level.astype(np.float64), floor), 2, constant_values=floor)
    smooth = np.convolve(level, np.ones(3) / 3, mode="valid")
    count, rising, extreme, highest_or_lowest = 0, False, 0, float(smooth[0])
    # In blocks: as numbers of Python, two hours are 15 MB.
    values = (value for first in range(0, len(smooth), _BLOCK) for value in smooth[first : first + _BLOCK].tolist())
    for place, value in enumerate(values):
        if rising and value <= highest_or_lowest - _SYLLABLE_DIP:
            frame = min(max(extreme - 1, 0), len(voiced) - 1)
            count += int(voiced[frame])
            rising, extreme, highest_or_lowest = False, place, value
        elif not rising and value >= highest_or_lowest + _SYLLABLE_DIP:
            rising, extreme, highest_or_lowest = True, place, value
        elif (value > highest_or_lowest) == rising:
            extreme, highest_or_lowest = place, value
    return count


def _range(values: ShortFloats) -> float:
    low, high = np.percentile(values.astype(np.float64), _PERCENTILES)
    return float(high - low)


def _slope(times: NDArray[np.float64], values: ShortFloats, chosen: Mask, phrases: NDArray[np.int64]) -> float:
    """Return the common slope of the values within the phrases, per second; NaN with too few."""
    if chosen.sum() < _FEWEST_FOR_SLOPE:
        return math.nan
    _, phrase, counts = np.unique(phrases[chosen], return_inverse=True, return_counts=True)
    t, v = times[chosen], values[chosen]
    t = t - (np.bincount(phrase, t) / counts)[phrase]
    v = v - (np.bincount(phrase, v) / counts)[phrase]
    return float((t @ v) / (t @ t)) if counts.max() > 1 else math.nan


def _at(chosen: Mask, times: NDArray[np.float64]) -> Mask:
    frames = np.clip(np.rint(times / FRAME).astype(int), 0, len(chosen) - 1)
    return np.asarray(chosen[frames])


def _rounded(value: float) -> float | None:
    """Return four significant digits, which is more than any of them is exact to; None for NaN."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
