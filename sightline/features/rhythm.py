"""How rhythmic a movement is: the peaks of its autocorrelation, on an axis of time.

A coordinate is read off ten times a second, whatever the frame rate, on straight lines between the frames that show
the point. Gaps of more than 0.35 s stay gaps. At each lag, up to five seconds and half of what is known, the readings
that are that far apart are correlated:

    r(lag) = Σ z(t) z(t + lag) / sqrt(Σ z(t)² · Σ z(t + lag)²)

over the t where both are known, z being the coordinate less its mean. So r is within -1 and 1 and does not fall off
as the lag grows. Lags at which less than a quarter of the readings have a partner are left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.features.names import RHYTHMS, places
from sightline.features.poses import Poses

_RATE = 10  # readings a second
_LONGEST_GAP = 0.35  # seconds: three frames a second are enough, and two lost of ten
_LONGEST_LAG = 5  # seconds: what is slower than that is a change of posture
_SHORTEST = 1.0  # seconds that must be known
_PEAK = 0.2  # the least correlation that counts
_ROUNDING = 1e-9

_JOINTS = places(RHYTHMS)


def rhythms(poses: Poses) -> NDArray[np.float64]:
    """The mean of the peaks over 0.2 of each joint's x and y; shape (8,), each 0 or 0.2 to 1.

    0 where there is none, as of a point that does not move. NaN where less than a second of the movement is known.
    """
    times, seen = poses.times, poses.seen[_JOINTS]
    left, right = _neighbours(seen)
    # Before the first frame and after the last that show a point there is a gap without end: what -1 and n stand for.
    ends = np.append(times, [np.inf, -np.inf])
    bridged = ends[right] - ends[left] <= _LONGEST_GAP
    enough = (bridged * np.diff(times)).sum(axis=1) >= _SHORTEST - _ROUNDING
    if not enough.any():
        return np.full(2 * len(_JOINTS), np.nan)
    interval, when = _readings(times)
    known = bridged[:, interval]
    left, right = np.where(known, left[:, interval], 0), np.where(known, right[:, interval], 1)
    rows, xy = np.arange(len(_JOINTS))[:, None], poses.xy[:, _JOINTS]
    share = (when - times[left]) / (times[right] - times[left])
    series = xy[:, rows, left] + share * (xy[:, rows, right] - xy[:, rows, left])
    found = np.where(enough, _peaks(np.where(known, series, np.nan), known), np.nan)
    return found.T.ravel()


def _neighbours(seen: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each interval between frames the last frame up to it, and the first one after, that show the point.

    Both have shape (k, n - 1) for k points in n frames; -1 and n where there is no such frame.
    """
    n = seen.shape[1]
    shown = np.arange(n)
    left = np.maximum.accumulate(np.where(seen, shown, -1), axis=1)
    right = np.minimum.accumulate(np.where(seen, shown, n)[:, ::-1], axis=1)[:, ::-1]
    return left[:, :-1], right[:, 1:]


def _readings(times: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The interval between frames that each reading falls in, and its time."""
    # No pair reaches across a gap longer than the longest lag, so a gap need not be longer than that.
    gaps = np.minimum(np.diff(times), _LONGEST_LAG + _LONGEST_GAP)
    at = np.concatenate([[0], np.cumsum(gaps)])
    readings = np.arange(int(at[-1] * _RATE + _ROUNDING) + 1) / _RATE
    interval = np.minimum(np.searchsorted(at, readings + _ROUNDING, side="right") - 1, len(gaps) - 1)
    return interval, times[interval] + (readings - at[interval])


def _peaks(series: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The mean of the peaks of each series, shape (2, k), of readings (2, k, m), NaN where they are not known."""
    count = known.sum(axis=1)
    lags = min(_LONGEST_LAG * _RATE, int(count.max()) // 2)
    # A lag more at either end, to tell whether there is a peak.
    correlation = _autocorrelation(series, known, count, lags + 2)
    before, here, after = correlation[:, :, :-2], correlation[:, :, 1:-1], correlation[:, :, 2:]
    peak = (here > _PEAK) & (here > before + _ROUNDING) & (here >= after)
    peak &= np.arange(1, lags + 1) <= count[:, None] // 2
    found = peak.sum(axis=2)
    return np.where(found, np.where(peak, here, 0).sum(axis=2) / np.maximum(found, 1), 0)


def _autocorrelation(
    series: NDArray[np.float64], known: NDArray[np.bool_], count: NDArray[np.intp], lags: int
) -> NDArray[np.float64]:
    """At lags from 0 up, shape (2, k, lags); NaN at those with too few pairs, and of what does not move."""
    z = np.where(known, series - (np.where(known, series, 0).sum(axis=2) / count)[:, :, None], 0)
    # The products of a whole series and another shifted, at all lags at once, in one transform there and one back.
    size = 1 << (known.shape[1] + lags).bit_length()
    spectra = np.fft.rfft(np.concatenate([z, z**2, known[None]]), size)
    partners = spectra[[0, 1, 4, 4, 4]].conj()
    shifted = np.fft.irfft(spectra * partners, size)
    products, early, pairs = (shifted[rows, :, :lags] for rows in (slice(2), slice(2, 4), 4))
    late = shifted[2:4, :, -np.arange(lags)]
    moves = np.fmax.reduce(series, axis=2) > np.fmin.reduce(series, axis=2)
    told = (pairs > count[:, None] / 4 - 0.5) & moves[:, :, None]
    return np.where(told, products / np.sqrt(early * late), np.nan)
