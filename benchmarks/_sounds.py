"""Sounds with known words or without any: synthesized sentences, noise, tones, music. Used by ``benchmarks.speech``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.speech import SAMPLE_RATE

__all__ = [
    "SENTENCES", "Samples", "Spoken", "load_sound", "noisy", "separate_words", "spoken_sentences", "synthesize",
    "without_speech",
]  # fmt: skip

Samples = NDArray[np.float32]

SENTENCES = (
    "I am very sad today because my sister did not come.",
    "Good morning, how did you sleep last night?",
    "She walked slowly to the window and looked at the garden.",
    "The doctor said that the pain would be better tomorrow.",
    "He was angry, but now he is calm again.",
    "Please bring me a glass of water and my glasses.",
    "We are going to the beach with the children on Sunday.",
    "I do not want to eat anything right now.",
    "My brother lives in a small town near the river.",
    "They were happy to see the dog again.",
    "Can you open the door for me, please?",
    "Yesterday I was afraid of the storm.",
)
_GAP = 0.12  # seconds between separate words: with longer ones Whisper hears a list


@dataclass(frozen=True)
class Spoken:
    """Samples with their words, and the seconds at which each word begins and ends, if they are known."""

    samples: Samples
    words: str
    times: tuple[tuple[float, float], ...] = ()


def load_sound(path: Path) -> Samples:
    """Return a sound file as mono samples, shape = (n,)."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [*container.decode(audio=0), None]
        return np.concatenate([part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)])


def synthesize(text: str, voice: str) -> Samples:
    """Return a text spoken by flite or espeak-ng, which have to be installed."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "speech.wav"
        commands = {
            "flite": ["flite", "-voice", "slt", "-t", text, "-o", str(path)],
            "espeak": ["espeak-ng", "-v", "en-us", "-s", "150", "-w", str(path), text],
        }
        try:
            subprocess.run(commands[voice], check=True, capture_output=True)
        except FileNotFoundError as error:
            sys.exit(f"{error.filename} is not installed (Debian: apt install flite espeak-ng)")
        return load_sound(path)


def spoken_sentences(voice: str, count: int) -> Spoken:
    """Return the first ``count`` sentences with pauses of a second, in one voice."""
    pause = np.zeros(SAMPLE_RATE, np.float32)
    parts = [part for text in SENTENCES[:count] for part in (pause, synthesize(text, voice))]
    return Spoken(np.concatenate([*parts, pause]), " ".join(SENTENCES[:count]))


def separate_words(count: int) -> Spoken:
    """Return the sentences with every word synthesized alone, cut to its sound, and placed at a known time."""
    parts, times, words, now = [], [], [], 0.0

    def add(samples: Samples) -> None:
        nonlocal now
        parts.append(samples)
        now += len(samples) / SAMPLE_RATE

    for sentence in SENTENCES[:count]:
        add(np.zeros(SAMPLE_RATE, np.float32))
        for word in sentence.split():
            sound = synthesize(word.strip(".,?"), "flite")
            heard = np.flatnonzero(abs(sound) > 0.03 * abs(sound).max())
            start = now
            add(sound[heard[0] : heard[-1] + 1])
            times.append((start, now))
            words.append(word)
            add(np.zeros(round(_GAP * SAMPLE_RATE), np.float32))
    add(np.zeros(SAMPLE_RATE, np.float32))
    return Spoken(np.concatenate(parts), " ".join(words), tuple(times))


def noisy(samples: Samples, decibels: float) -> Samples:
    """Add white noise; ``decibels`` is the ratio of the power of the speech, without its pauses, to the noise's."""
    power = float(np.mean(samples[abs(samples) > 0.01].astype(np.float64) ** 2))
    noise = np.random.default_rng(0).normal(scale=np.sqrt(power / 10 ** (decibels / 10)), size=len(samples))
    return np.clip(samples + noise, -1, 1).astype(np.float32)


def without_speech(seconds: int) -> Iterator[tuple[str, Samples]]:
    """Yield kinds of sound without speech, by name."""
    random = np.random.default_rng(0)
    time = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    noise = random.normal(size=len(time))
    beeps = np.sin(2 * np.pi * np.where(time % 2 < 1, 960, 770) * time) * (time % 1 < 0.15)
    fan = (1 + 0.5 * np.sin(2 * np.pi * 8 * time)) * noise + np.sin(240 * np.pi * time)
    yield "silence", np.zeros(len(time), np.float32)
    yield "noise", (0.1 * noise).astype(np.float32)
    yield "tone", (0.2 * np.sin(880 * np.pi * time)).astype(np.float32)
    yield "music", _music(seconds, random)
    yield "fan", (0.05 * fan).clip(-1, 1).astype(np.float32)
    yield "beeps", (0.3 * beeps).astype(np.float32)


def _music(seconds: int, random: np.random.Generator) -> Samples:
    """Return plucked notes of a scale with harmonics over chords."""
    scale = np.array([220, 247, 262, 294, 330, 349, 392, 440, 523, 587])
    samples = np.zeros(seconds * SAMPLE_RATE)
    length = SAMPLE_RATE // 2
    time = np.arange(length) / SAMPLE_RATE
    for start in range(0, len(samples) - length, length // 2):
        chosen = [random.choice(scale), *(random.choice(scale, 2) / 2 if start % (4 * length) == 0 else ())]
        for note in chosen:
            tones = sum(np.sin(2 * np.pi * note * k * time) / k for k in (1, 2, 3, 4))
            samples[start : start + length] += 0.15 * np.exp(-3 * time) * tones
    return samples.clip(-1, 1).astype(np.float32)
