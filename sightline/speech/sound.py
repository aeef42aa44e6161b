"""Where sound is, and where it may be cut. Samples are shape = (n,), floats in -1..1, SAMPLE_RATE a second."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000

# 16 steps of 16-bit sound, -66 dB: above what encoders make of silence, below any speech that could be understood.
_SILENT_PEAK = 2.0**-11
_FRAME = SAMPLE_RATE // 100
_PAUSE_FRAMES = 30


def check_samples(samples: NDArray[np.float32]) -> None:
    """Raise ``ValueError`` for anything but a row of finite floats."""
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"expected float samples of shape (n,), got {samples.dtype} of shape {samples.shape}")
    # NaN comes through both extremes, and they need no array beside the samples.
    if samples.size and not (np.isfinite(samples.max()) and np.isfinite(samples.min())):
        raise ValueError("the samples hold NaN or infinity")


def is_silent(samples: NDArray[np.float32]) -> bool:
    """Whether there is nothing to be heard in ``samples``."""
    return not samples.size or max(float(samples.max()), -float(samples.min())) < _SILENT_PEAK


def pieces(samples: NDArray[np.float32], longest: float, search: float) -> Iterator[tuple[int, int]]:
    """Cut into consecutive pieces ``(start, stop)``, in samples, none over ``longest`` seconds.

    Each cut is in the middle of the quietest 0.3 s of the last ``search`` seconds of a piece, where it is least likely
    to go through a word.
    """
    start = 0
    while (stop := start + round(longest * SAMPLE_RATE)) < len(samples):
        searched = stop - round(search * SAMPLE_RATE)
        stop = searched + _quietest(samples[searched:stop])
        yield start, stop
        start = stop
    if start < len(samples):
        yield start, len(samples)


def pcm16(samples: NDArray[np.float32]) -> bytes:
    """The samples as little-endian 16-bit integers; what is over full scale is clipped."""
    return (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()


def _quietest(samples: NDArray[np.float32]) -> int:
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    power = np.convolve((frames**2).mean(axis=1), np.ones(_PAUSE_FRAMES), mode="valid")
    return (int(power.argmin()) + _PAUSE_FRAMES // 2) * _FRAME
