"""Rhythm features: the peaks of a movement's autocorrelation over time.

A coordinate is sampled ten times a second at any frame rate, by linear interpolation between the frames that show the
point. Gaps of more than 0.35 s stay gaps. For every lag up to five seconds, and up to half of the known time, the
samples at that distance are correlated:

    r(lag) = Σ z(t) z(t + lag) / sqrt(Σ z(t)² · Σ z(t + lag)²)

over the t at which both are known, where z is the coordinate minus its mean. r is within -1 and 1, and a longer lag
alone does not reduce it. Lags at which less than a quarter of the samples have a partner are left out.

Samples of different segments (see ``segments``) are not correlated, and the mean is that of the sample's segment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.features.names import RHYTHMS, joint_indices
from sightline.features.poses import Poses

_RATE = 10  # samples per second
_LONGEST_GAP = 0.35  # seconds: three frames a second are enough, or two of ten may be lost
_LONGEST_LAG = 5  # seconds: a slower movement is a change of posture
_SHORTEST = 1.0  # seconds that must be known
_PEAK = 0.2  # the lowest correlation that counts
_ROUNDING = 1e-9

_JOINTS = joint_indices(RHYTHMS)


def rhythms(poses: Poses) -> NDArray[np.float64]:
    """Return the mean of the peaks above 0.2 of every joint's x and y; shape (8,), values 0 or 0.2 to 1.

    0 if there is no peak, for example if a point does not move. NaN if less than a second of the movement is known.
    """
    times, seen = poses.times, poses.seen[_JOINTS]
    ends_segment = np.diff(poses.segment) > 0
    left, right = _neighbours(seen)
    # The indices -1 and n stand for an infinite gap, before the first and after the last frame that shows the point.
    ends = np.append(times, [np.inf, -np.inf])
    numbers = np.append(poses.segment, [-1, -1])
    bridged = (ends[right] - ends[left] <= _LONGEST_GAP) & (numbers[right] == numbers[left])
    enough = (bridged * np.diff(times)).sum(axis=1) >= _SHORTEST - _ROUNDING
    if not enough.any():
        return np.full(2 * len(_JOINTS), np.nan)
    interval, time = _samples(times, ends_segment)
    known = bridged[:, interval]
    left, right = np.where(known, left[:, interval], 0), np.where(known, right[:, interval], 1)
    rows, xy = np.arange(len(_JOINTS))[:, None], poses.xy[:, _JOINTS]
    share = (time - times[left]) / (times[right] - times[left])
    series = xy[:, rows, left] + share * (xy[:, rows, right] - xy[:, rows, left])
    begins = np.flatnonzero(np.diff(poses.segment[interval], prepend=-1))
    values = np.where(enough, _peaks(np.where(known, series, np.nan), known, begins), np.nan)
    return values.T.ravel()


def _neighbours(seen: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return, for every interval between frames, the last frame before and the first after it that show the point.

    Both have shape (k, n - 1) for k points in n frames; -1 and n if there is no such frame.
    """
    n = seen.shape[1]
    frames = np.arange(n)
    left = np.maximum.accumulate(np.where(seen, frames, -1), axis=1)
    right = np.minimum.accumulate(np.where(seen, frames, n)[:, ::-1], axis=1)[:, ::-1]
    return left[:, :-1], right[:, 1:]


def _samples(
    times: NDArray[np.float64], ends_segment: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the interval between frames that contains every sample, and the sample's time."""
    # No pair of samples spans a gap longer than the longest lag, so longer gaps are shortened to it. Those between
    # segments are prolonged, by whole samples, so that the samples after them are taken at the same times.
    apart = _LONGEST_LAG + _LONGEST_GAP
    gaps = np.minimum(np.diff(times), apart)
    gaps = gaps + np.where(ends_segment, np.ceil((apart - gaps) * _RATE) / _RATE, 0)
    at = np.concatenate([[0], np.cumsum(gaps)])
    samples = np.arange(int(at[-1] * _RATE + _ROUNDING) + 1) / _RATE
    interval = np.minimum(np.searchsorted(at, samples + _ROUNDING, side="right") - 1, len(gaps) - 1)
    return interval, times[interval] + (samples - at[interval])


def _peaks(series: NDArray[np.float64], known: NDArray[np.bool_], begins: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the mean of the peaks of every series, shape (2, k), for samples (2, k, m) with NaN if unknown.

    ``begins``: the index of every segment's first sample.
    """
    count = known.sum(axis=1)
    lags = min(_LONGEST_LAG * _RATE, int(count.max()) // 2)
    # One more lag at both ends, to detect peaks at the ends.
    correlation = _autocorrelation(series - _means(series, known, begins), known, count, lags + 2)
    before, here, after = correlation[:, :, :-2], correlation[:, :, 1:-1], correlation[:, :, 2:]
    peak = (here > _PEAK) & (here > before + _ROUNDING) & (here >= after)
    peak &= np.arange(1, lags + 1) <= count[:, None] // 2
    count_of_peaks = peak.sum(axis=2)
    return np.where(count_of_peaks, np.where(peak, here, 0).sum(axis=2) / np.maximum(count_of_peaks, 1), 0)


def _means(series: NDArray[np.float64], known: NDArray[np.bool_], begins: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the mean of the known samples of every sample's segment, shape (2, k, m)."""
    lengths = np.diff(begins, append=series.shape[2])
    parts = [slice(begin, begin + length) for begin, length in zip(begins.tolist(), lengths.tolist(), strict=True)]
    values = np.where(known, series, 0)
    means = np.stack([values[:, :, part].sum(axis=2) / known[:, part].sum(axis=1) for part in parts], axis=2)
    return np.repeat(means, lengths, axis=2)


def _autocorrelation(
    series: NDArray[np.float64], known: NDArray[np.bool_], count: NDArray[np.intp], lags: int
) -> NDArray[np.float64]:
    """Return the correlation at lags from 0, shape (2, k, lags); NaN with too few pairs, or without movement.

    ``series``: shape (2, k, m), the samples minus their means.
    """
    # One point after another, because the transforms of all points of two hours have 150 MB.
    each = [_products(np.where(known[k], series[:, k], 0), known[k], lags) for k in range(len(known))]
    products, early, late, pairs = (np.stack(parts, axis=1) for parts in zip(*each, strict=True))
    moves = np.fmax.reduce(series, axis=2) > np.fmin.reduce(series, axis=2)
    valid = (pairs > count[:, None] / 4 - 0.5) & moves[:, :, None]
    return np.where(valid, products / np.sqrt(early * late), np.nan)


def _products(z: NDArray[np.float64], known: NDArray[np.bool_], lags: int) -> tuple[NDArray[np.float64], ...]:
    """Return four sums over the pairs of samples at every lag: z(t) z(t + lag), z(t)², z(t + lag)², and 1.

    ``z``: shape (2, m), 0 if unknown; ``known``: shape (m,). The sums have shape (2, lags), the last one (1, lags).
    """
    # The sums of products of one series and another, shifted by all lags, from one Fourier transform and its inverse.
    size = 1 << (len(known) + lags).bit_length()
    spectra = np.fft.rfft(np.concatenate([z, z**2, known[None]]), size)
    shifted = np.fft.irfft(spectra * spectra[[0, 1, 4, 4, 4]].conj(), size)
    return shifted[:2, :lags], shifted[2:4, :lags], shifted[2:4, -np.arange(lags)], shifted[4:, :lags]
