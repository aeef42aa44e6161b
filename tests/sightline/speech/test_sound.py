from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.speech.sound import SAMPLE_RATE, check_samples, is_silent, pcm16, split_at_pauses


@settings(deadline=None, max_examples=30)
@given(seconds=st.floats(0, 20), longest=st.floats(2, 6))
def test_pieces_cover_every_sample_once_within_the_limit(seconds: float, longest: float) -> None:
    samples = np.random.default_rng(0).normal(size=round(seconds * SAMPLE_RATE)).astype(np.float32)
    cuts = list(split_at_pauses(samples, longest, 1.0))
    assert sum(stop - start for start, stop in cuts) == len(samples)
    assert all(before[1] == after[0] for before, after in pairwise(cuts))
    assert all(0 < stop - start <= round(longest * SAMPLE_RATE) for start, stop in cuts)


def test_cut_is_inside_a_pause() -> None:
    samples = np.random.default_rng(0).normal(scale=0.2, size=12 * SAMPLE_RATE).astype(np.float32)
    samples[round(8.2 * SAMPLE_RATE) : round(8.6 * SAMPLE_RATE)] *= 0.01
    (_, cut), _ = split_at_pauses(samples, 10.0, 5.0)
    assert 8.2 < cut / SAMPLE_RATE < 8.6


def test_encoded_silence_is_silent_and_quiet_sound_is_not() -> None:
    dither = np.random.default_rng(0).integers(-2, 3, SAMPLE_RATE) / 32768
    assert is_silent(np.zeros(0))
    assert is_silent(dither)
    assert not is_silent(dither + 0.002 * np.sin(np.arange(SAMPLE_RATE) / 10))


def test_sound_over_full_scale_is_clipped() -> None:
    assert np.frombuffer(pcm16(np.array([1.5, -1.5, 0.0], np.float32)), "<i2").tolist() == [32767, -32767, 0]


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((2, 100), np.float32),
        np.zeros(100, np.int16),
        np.array([0.0, np.nan]),
        np.array([0.0, np.inf]),
        np.array([np.inf, np.inf]),
    ],
)
def test_invalid_samples_are_rejected(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="samples"):
        check_samples(samples)
