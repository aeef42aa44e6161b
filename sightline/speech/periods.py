"""The periods of a voice: how long, how strong and how alike consecutive vibrations of the vocal folds are.

Every period is found by the normalised cross-correlation of the waveform with itself one period later (Boersma 1993,
"Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound", and
Praat's method "cc"). The tracked pitch says where to look.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.speech.stretches import stretches

Floats = NDArray[np.float64]
ShortFloats = NDArray[np.float32]
"""An hour of a voice has half a million periods: they are stored with the precision that they need."""

# A period is searched for within these ratios of the tracked one. A longer or shorter one is a break of the voice.
_SHORTEST, _LONGEST = 0.8, 1.25
# Praat's limits: beyond them, two neighbours are no periods of one vibration.
_LARGEST_PERIOD_RATIO = 1.3
_LARGEST_AMPLITUDE_RATIO = 1.6
# With fewer pairs of neighbours, the mean difference is chance.
_FEWEST_PAIRS = 10
# A correlation of 1 would be an infinite ratio; 16-bit sound has no better one than 50 dB here.
_HIGHEST_CORRELATION = 1 - 1e-5


@dataclass(frozen=True)
class Periods:
    """Consecutive periods, all of shape (n,).

    ``times``: seconds. ``lengths``: seconds. ``amplitudes``: from the lowest to the highest sample. ``correlations``:
    with the next period, -1..1. ``runs``: the number of the voiced run; periods of one run follow each other.
    """

    times: Floats
    lengths: ShortFloats
    amplitudes: ShortFloats
    correlations: ShortFloats
    runs: NDArray[np.int32]

    def where(self, chosen: NDArray[np.bool_] | slice, shift: float = 0.0) -> Periods:
        """Return the chosen periods, shape = (n,), ``shift`` seconds later."""
        return Periods(
            times=self.times[chosen] + shift,
            lengths=self.lengths[chosen],
            amplitudes=self.amplitudes[chosen],
            correlations=self.correlations[chosen],
            runs=self.runs[chosen],
        )

    @property
    def jitter(self) -> float:
        """The mean difference of neighbouring periods over the mean period ("jitter (local)"); NaN with too few."""
        pairs = self._pairs()
        return self._perturbation(self.lengths, pairs)

    @property
    def shimmer(self) -> float:
        """The mean difference of neighbouring amplitudes over the mean amplitude ("shimmer (local)"), or NaN."""
        pairs = self._pairs() & (_ratios(self.amplitudes) < _LARGEST_AMPLITUDE_RATIO)
        return self._perturbation(self.amplitudes, pairs)

    @property
    def harmonics_to_noise(self) -> float:
        """The median ratio of harmonic to other power, in dB: r / (1 - r) of the correlation r; NaN with too few."""
        if len(self.correlations) < _FEWEST_PAIRS:
            return np.nan
        r = np.clip(self.correlations.astype(np.float64), 1 - _HIGHEST_CORRELATION, _HIGHEST_CORRELATION)
        return float(np.median(10 * np.log10(r / (1 - r))))

    def _pairs(self) -> NDArray[np.bool_]:
        return np.asarray((np.diff(self.runs) == 0) & (_ratios(self.lengths) < _LARGEST_PERIOD_RATIO))

    @staticmethod
    def _perturbation(values: ShortFloats, pairs: NDArray[np.bool_]) -> float:
        if pairs.sum() < _FEWEST_PAIRS:
            return np.nan
        differences, means = np.abs(np.diff(values)), (values[1:] + values[:-1]) / 2
        return float(differences[pairs].mean(dtype=np.float64) / means[pairs].mean(dtype=np.float64))


class PeriodList:
    """The periods of a sound while its pieces are measured, in 24 bytes each."""

    def __init__(self) -> None:
        self._times = array("d")
        self._lengths, self._amplitudes, self._correlations = array("f"), array("f"), array("f")
        self._runs = array("i")

    def append(self, periods: Periods, shift: float) -> None:
        """Append the periods of the next piece of the sound, ``shift`` seconds later; a run ends with its piece."""
        first = self._runs[-1] + 1 if self._runs else 0
        self._times.frombytes((periods.times + shift).tobytes())
        self._lengths.frombytes(periods.lengths.tobytes())
        self._amplitudes.frombytes(periods.amplitudes.tobytes())
        self._correlations.frombytes(periods.correlations.tobytes())
        self._runs.frombytes((periods.runs + np.int32(first)).tobytes())

    def periods(self) -> Periods:
        """Return all periods, without a copy; nothing can be appended any more."""
        return Periods(
            times=np.frombuffer(self._times, np.float64),
            lengths=np.frombuffer(self._lengths, np.float32),
            amplitudes=np.frombuffer(self._amplitudes, np.float32),
            correlations=np.frombuffer(self._correlations, np.float32),
            runs=np.frombuffer(self._runs, np.int32),
        )


def find_periods(samples: Floats, rate: int, pitch: Floats, hop: int) -> Periods:
    """Return the periods of sound, shape = (n,).

    ``pitch``: Hz, NaN if there is no voice, shape = (frames,); frame i is centred on sample ``i * hop``.
    """
    energy = np.concatenate([[0.0], np.cumsum(samples**2)])
    rows: list[tuple[float, float, float, float, int]] = []
    for run, (first, last) in enumerate(stretches(np.isfinite(pitch))):
        start, stop = max(first * hop - hop // 2, 0), min(last * hop - hop // 2, len(samples))
        if start >= stop:
            continue
        # The strongest sample of the first period: there the vocal folds close.
        position = start + int(np.abs(samples[start : start + int(rate / pitch[first]) + 1]).argmax())
        while True:
            frame = min(max(round(position / hop), first), last - 1)
            found = _next_period(samples, energy, position, rate / pitch[frame], stop)
            if found is None:
                break
            length, correlation, amplitude = found
            rows.append((position / rate, length / rate, amplitude, correlation, run))
            position += round(length)
    times, lengths, amplitudes, correlations, runs = np.array(rows, np.float64).reshape(-1, 5).T
    return Periods(
        times,
        lengths.astype(np.float32),
        amplitudes.astype(np.float32),
        correlations.astype(np.float32),
        runs.astype(np.int32),
    )


def _next_period(
    samples: Floats, energy: Floats, position: int, expected: float, stop: int
) -> tuple[float, float, float] | None:
    """Return the length in samples, the correlation and the amplitude of the period around ``position``."""
    width = round(expected)
    start = position - width // 2
    shortest, longest = int(expected * _SHORTEST), int(np.ceil(expected * _LONGEST))
    begin, end = start + shortest - 1, start + longest + 1 + width
    if start < 0 or end > len(samples) or position + longest > stop:
        return None
    period = samples[start : start + width]
    own = energy[start + width] - energy[start]
    windows = longest - shortest + 3
    powers = energy[begin + width : begin + width + windows] - energy[begin : begin + windows]
    products = np.correlate(samples[begin:end], period, "valid")
    correlations = products / np.sqrt(np.maximum(powers[: len(products)] * own, 1e-20))
    peak = 1 + int(correlations[1:-1].argmax())
    before, highest, after = correlations[peak - 1 : peak + 2]
    curvature = before - 2 * highest + after
    shift = 0.5 * (before - after) / curvature if curvature < 0 else 0.0
    shift = min(max(shift, -1.0), 1.0)  # at an edge of the search, the parabola's top is outside
    return (
        shortest - 1 + peak + shift,
        float(highest - 0.25 * (before - after) * shift),
        float(period.max() - period.min()),
    )


def _ratios(values: ShortFloats) -> ShortFloats:
    """Return the ratio of the larger to the smaller of every two neighbours, shape = (n - 1,)."""
    larger, smaller = np.maximum(values[1:], values[:-1]), np.minimum(values[1:], values[:-1])
    return np.asarray(larger / np.maximum(smaller, 1e-12))
