"""The track of a voice that is measured piece by piece, beside what is computed from the whole sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks._vowels import RATE, babble, silence
from sightline.speech import VoiceTrack, track_voice
from sightline.speech.periods import find_periods

Samples = NDArray[np.float32]

HOP = 256
SECONDS = 61
EDGES = [1, 255, 256, 257, 30 * RATE - 1, 30 * RATE, 30 * RATE + 1, 32 * RATE, 34 * RATE + 1, 60 * RATE + 1]
"""Lengths around those of a frame, of a piece, of a block that is read, and of a piece with what is around it."""


@pytest.fixture(scope="module")
def sound() -> Samples:
    """Two words again and again, whose pieces of 30 s begin in pauses."""
    word = babble(lambda t: 150 * 2 ** (3 * t / 12), 2.0, jitter=0.005, shimmer=0.03, noise_db=30).samples
    phrase = np.concatenate([silence(1), word, silence(0.8), word, silence(1)])
    return np.concatenate([silence(2.4), *[phrase] * 9])[: SECONDS * RATE]


@pytest.fixture(scope="module")
def track(sound: Samples) -> VoiceTrack:
    return track_voice([sound])


def assert_levels_are_those_of(sound: Samples, track: VoiceTrack) -> None:
    around = np.pad(sound.astype(np.float64), (HOP, 2 * HOP))
    power = [np.mean(around[first : first + 2 * HOP] ** 2) for first in range(0, len(sound), HOP)]
    assert len(track.level) == len(power)
    assert np.allclose(track.level, 10 * np.log10(np.maximum(power, 1e-12)), atol=1e-3)


@settings(max_examples=8)
@given(
    length=st.one_of(st.sampled_from(EDGES), st.integers(1, SECONDS * RATE)),
    cuts=st.lists(st.one_of(st.sampled_from(EDGES), st.integers(0, SECONDS * RATE)), max_size=6),
)
def test_track_does_not_depend_on_blocks_and_what_follows(sound: Samples, length: int, cuts: list[int]) -> None:
    part = sound[:length]
    track = track_voice(iter(np.split(part, sorted(min(cut, length) for cut in cuts))))
    whole = track_voice([part])
    for name in ("voice", "singing", "music", "speech", "pitch", "level"):
        assert np.array_equal(getattr(track, name), getattr(whole, name), equal_nan=True)
    for name in ("times", "lengths", "amplitudes", "correlations", "runs"):
        assert np.array_equal(getattr(track.periods, name), getattr(whole.periods, name))
    assert_levels_are_those_of(part, track)


def test_periods_are_those_of_the_whole_sound(sound: Samples, track: VoiceTrack) -> None:
    expected = find_periods(sound.astype(np.float64), RATE, track.pitch.astype(np.float64), HOP)
    periods = track.periods
    assert len(periods.times) == len(expected.times) > 5000
    assert np.allclose(periods.times, expected.times, rtol=0, atol=1e-9)
    assert np.array_equal(np.diff(periods.runs) == 0, np.diff(expected.runs) == 0)
    for name in ("lengths", "amplitudes", "correlations"):
        assert np.allclose(getattr(periods, name), getattr(expected, name), rtol=1e-5)
    assert (periods.jitter, periods.shimmer) == pytest.approx((expected.jitter, expected.shimmer), rel=1e-5)


def test_track_needs_few_bytes_for_a_frame_and_a_period(track: VoiceTrack) -> None:
    frames = [track.voice, track.singing, track.music, track.speech, track.pitch, track.level]
    periods = [getattr(track.periods, name) for name in ("times", "lengths", "amplitudes", "correlations", "runs")]
    assert sum(values.itemsize for values in frames) == 21
    assert sum(values.itemsize for values in periods) == 24
