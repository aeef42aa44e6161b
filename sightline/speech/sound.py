"""Sound as samples: floats in -1..1, shape = (n,), SAMPLE_RATE a second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.media import AUDIBLE

SAMPLE_RATE = 16_000

Sound: TypeAlias = NDArray[np.float32] | Iterable[NDArray[np.float32]]
"""Mono samples in -1..1, ``SAMPLE_RATE`` a second: an array of shape (n,), or consecutive blocks of that shape."""

_FRAME = SAMPLE_RATE // 100
_PAUSE_FRAMES = 30


def check_samples(samples: NDArray[np.float32]) -> None:
    """Raise ``ValueError`` unless ``samples`` is a one-dimensional array of finite floats."""
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"expected float samples of shape (n,), got {samples.dtype} of shape {samples.shape}")
    # max() and min() propagate NaN, and need no temporary array.
    if samples.size and not (np.isfinite(samples.max()) and np.isfinite(samples.min())):
        raise ValueError("the samples contain NaN or infinity")


def checked_blocks(sound: Sound) -> Iterator[NDArray[np.float32]]:
    """Yield the blocks of ``sound``; raise ``ValueError`` at one that is not as ``check_samples`` demands."""
    for block in (sound,) if isinstance(sound, np.ndarray) else sound:
        check_samples(block)
        yield block


def seconds_of(sound: Sound, stated: float | None) -> float | None:
    """Return the duration of an array, or that which is ``stated`` for blocks."""
    return len(sound) / SAMPLE_RATE if isinstance(sound, np.ndarray) else stated


def is_silent(samples: NDArray[np.float32]) -> bool:
    """Return whether ``samples`` contains no audible sound."""
    return not samples.size or max(float(samples.max()), -float(samples.min())) < AUDIBLE


def pcm16(samples: NDArray[np.float32]) -> bytes:
    """Return the samples as little-endian 16-bit integers; values beyond full scale are clipped."""
    return (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()


def find_quietest(samples: NDArray[np.float32]) -> int:
    """Return the position of the middle of the quietest 0.3 s; ``samples`` is at least that long."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    power = np.convolve((frames**2).mean(axis=1), np.ones(_PAUSE_FRAMES), mode="valid")
    return (int(power.argmin()) + _PAUSE_FRAMES // 2) * _FRAME
