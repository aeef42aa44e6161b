"""Synthesized voices whose pitch, jitter, shimmer, noise and pauses are known, and sounds that are no voice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATE", "SOUNDS", "Vowels", "babble", "silence"]

Floats = NDArray[np.float32]

RATE = 16_000
_OVERSAMPLED = 8
# Frequencies of the formants of a, i, u, e and o, and their bandwidths, in Hz.
_FORMANTS = ((700, 1220, 2600), (290, 2250, 3000), (310, 870, 2250), (480, 1900, 2550), (450, 800, 2500))
_BANDWIDTHS = (80, 90, 120)
_CHUNK = RATE // 200  # samples between two changes of the formants
_DIP = 0.95  # by which the amplitude falls between two syllables
# Of the glottal pulse, relative to the period: its length, the share of it that opens, and the rest after closing.
_PULSE, _OPENING = 0.6, 0.7


@dataclass(frozen=True)
class Vowels:
    """Vowels: samples of shape (n,), and what is true of their periods: jitter and shimmer as shares."""

    samples: Floats
    jitter: float
    shimmer: float


def babble(
    pitch: float | Callable[[float], float],
    seconds: float,
    *,
    syllables: float = 4.0,
    jitter: float = 0.0,
    shimmer: float = 0.0,
    noise_db: float | None = None,
    level: float = 0.3,
    seed: int = 0,
) -> Vowels:
    """Return syllables of changing vowels of ``pitch`` Hz, which may depend on the time in seconds.

    A single steady vowel is not taken for a voice by people either.

    ``syllables``: a second. The vocal folds close at the end of every period. Durations and amplitudes of the periods
    vary by ``jitter`` and ``shimmer``. ``noise_db``: how far white noise is below the voice.
    """
    from scipy.signal import resample_poly

    random, rate = np.random.default_rng(seed), RATE * _OVERSAMPLED
    source = np.zeros(int(seconds * rate))
    time, lengths, amplitudes = 0.0, [], []
    # The mean difference of two values with this deviation is the wanted one.
    deviation = np.sqrt(np.pi) / 2
    while True:
        period = 1 / (pitch(time) if callable(pitch) else pitch)
        length = period * (1 + random.normal(scale=jitter * deviation))
        time += length
        if time + period > seconds:
            break
        amplitude = 1 + random.normal(scale=shimmer * deviation)
        places = np.arange(max(int((time - _PULSE * period) * rate), 0), int(time * rate))
        phase = (places / rate - time) / (_PULSE * period) + 1
        opening = 0.5 * (1 - np.cos(np.pi * phase / _OPENING))
        closing = np.cos(np.pi / 2 * (phase - _OPENING) / (1 - _OPENING))
        source[places] += amplitude * np.where(phase < _OPENING, opening, closing)
        lengths.append(length)
        amplitudes.append(amplitude)
    sound = np.diff(resample_poly(source, 1, _OVERSAMPLED), prepend=0.0)
    sound = _articulate(sound, syllables)
    if noise_db is not None:
        sound = sound + random.normal(scale=sound.std() * 10 ** (-noise_db / 20), size=len(sound))
    samples = (level * sound / np.abs(sound).max()).astype(np.float32)
    return Vowels(samples, _variation(lengths), _variation(amplitudes))


def _articulate(sound: NDArray[np.float64], syllables: float) -> NDArray[np.float64]:
    """Filter the voice by formants that move from vowel to vowel, and lower it between the syllables."""
    from scipy.signal import lfilter

    places = np.arange(0, len(sound), _CHUNK) / RATE * syllables
    index = places.astype(int)
    glide = np.clip((places - index - 0.5) / 0.5, 0, 1)[:, None]
    table = np.array(_FORMANTS, np.float64)
    formants = (1 - glide) * table[index % len(table)] + glide * table[(index + 1) % len(table)]
    states = np.zeros((len(_BANDWIDTHS), 2))
    shaped = np.empty_like(sound)
    for chunk, frequencies in enumerate(formants):
        part = sound[chunk * _CHUNK : (chunk + 1) * _CHUNK]
        for i, (frequency, bandwidth) in enumerate(zip(frequencies, _BANDWIDTHS, strict=True)):
            radius = np.exp(-np.pi * bandwidth / RATE)
            feedback = [1, -2 * radius * np.cos(2 * np.pi * frequency / RATE), radius**2]
            part, states[i] = lfilter([sum(feedback)], feedback, part, zi=states[i])
        shaped[chunk * _CHUNK : (chunk + 1) * _CHUNK] = part
    phase = np.arange(len(sound)) / RATE * syllables
    return np.asarray(shaped * (1 - _DIP * np.cos(np.pi * phase) ** 8))


def silence(seconds: float) -> Floats:
    """Return samples of silence."""
    return np.zeros(int(seconds * RATE), np.float32)


def _variation(values: list[float]) -> float:
    return float(np.abs(np.diff(values)).mean() / np.mean(values))


def _times(seconds: float) -> NDArray[np.float64]:
    return np.arange(int(seconds * RATE)) / RATE


def _beeps(seconds: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Return the alarm of a monitor: two tones a second, each with overtones."""
    times = _times(seconds)
    tone = sum(np.sin(2 * np.pi * 880 * k * times) / k for k in (1, 2, 3))
    return np.asarray(0.2 * tone * (times % 0.5 < 0.15))


def _fan(seconds: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Return low noise, and the hum of the blades."""
    from scipy.signal import lfilter

    low = lfilter([1], [1, -0.98], random.normal(size=int(seconds * RATE)))
    return np.asarray(0.03 * low / low.std() + 0.02 * np.sin(2 * np.pi * 118 * _times(seconds)))


def _footsteps(seconds: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Return decaying noise twice a second."""
    since = _times(seconds) % 0.55
    return np.asarray(0.5 * random.normal(size=len(since)) * np.exp(-since / 0.02))


def _melody(seconds: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Return plucked notes of a scale, as of a string."""
    times, notes = _times(seconds), 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    pitch = notes[random.integers(len(notes), size=int(seconds / 0.4) + 1)][(times / 0.4).astype(int)]
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return np.asarray(0.2 * np.exp(-(times % 0.4) / 0.2) * sum(np.sin(k * phase) / k**2 for k in range(1, 7)))


SOUNDS: dict[str, Callable[[float, np.random.Generator], NDArray[np.float64]]] = {
    "silence": lambda seconds, random: np.zeros(int(seconds * RATE)),
    "noise": lambda seconds, random: 0.05 * random.normal(size=int(seconds * RATE)),
    "tone": lambda seconds, random: 0.2 * np.sin(2 * np.pi * 440 * _times(seconds)),
    "beeps": _beeps,
    "fan": _fan,
    "footsteps": _footsteps,
    "melody": _melody,
}
"""Sounds that are no voice, by name, from their duration in seconds and a random generator."""
