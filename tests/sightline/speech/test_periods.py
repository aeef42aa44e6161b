"""Periods of synthesized vowels with known variation."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks._vowels import RATE, Vowels, babble
from sightline.speech.periods import PeriodList, Periods, find_periods

HOP = 256


def steady(pitch: float, **options: float) -> tuple[Vowels, Periods]:
    vowel = babble(pitch, 2, syllables=0, **options)
    samples = vowel.samples.astype(np.float64)
    return vowel, find_periods(samples, RATE, np.full(len(samples) // HOP, pitch), HOP)


@pytest.mark.parametrize("pitch", [90, 130, 200])
def test_lengths_of_the_periods_are_those_of_the_pitch(pitch: float) -> None:
    _, periods = steady(pitch)
    assert len(periods.lengths) == pytest.approx(2 * pitch, abs=4)
    assert np.allclose(periods.lengths, 1 / pitch, rtol=0.005)
    assert np.allclose(np.diff(periods.times), 1 / pitch, atol=1.01 / RATE)


@pytest.mark.parametrize("jitter", [0.005, 0.01, 0.02])
def test_jitter_is_the_variation_of_the_periods(jitter: float) -> None:
    vowel, periods = steady(90, jitter=jitter)
    assert periods.jitter == pytest.approx(vowel.jitter, rel=0.15)


def test_shimmer_is_the_variation_of_the_amplitudes() -> None:
    vowel, periods = steady(90, shimmer=0.08)
    assert periods.shimmer == pytest.approx(vowel.shimmer, rel=0.1)
    assert periods.jitter < 0.002


@pytest.mark.parametrize("decibels", [10, 20, 30])
def test_noise_below_the_voice_is_the_ratio_of_harmonics(decibels: float) -> None:
    assert steady(150, noise_db=decibels)[1].harmonics_to_noise == pytest.approx(decibels, abs=0.7)


def test_sound_without_pitch_has_no_periods_and_no_quality() -> None:
    periods = find_periods(np.ones(4000), RATE, np.full(15, np.nan), HOP)
    assert len(periods.times) == 0
    assert np.isnan([periods.jitter, periods.shimmer, periods.harmonics_to_noise]).all()


def test_two_runs_of_a_voice_are_not_neighbours() -> None:
    low, high = steady(100)[1], steady(125)[1]
    joined = PeriodList()
    joined.append(low, 0)
    joined.append(high, 2)
    periods = joined.periods()
    assert len(periods.runs) == len(low.runs) + len(high.runs)
    assert np.array_equal(periods.times, [*low.times, *high.times + 2])
    assert periods.jitter < 0.001
