"""Dialogues composed of single utterances, with who speaks when, and the diarization error rate."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks._voices import RATE, Samples, speech_mask

STEP = 0.01
"""Seconds from one value of a truth to the next."""
COLLAR = 0.25
"""Seconds around every begin and end of the truth that are not evaluated."""


class Dialogue(NamedTuple):
    """``truth`` has the number of the speaker in every step of 10 ms, 0 for nobody.

    ``said`` are the utterances: begin and end in seconds, and the number of the speaker.
    """

    samples: Samples
    truth: NDArray[np.int_]
    voices: tuple[str, ...]
    said: tuple[tuple[float, float, int], ...]


def compose(
    voices: dict[str, tuple[Samples, ...]], names: Sequence[str], seed: int, *, seconds: float = 60, noise: float | None
) -> Dialogue:
    """Return a dialogue of ``names`` of about that length, with white noise at ``noise`` dB if that is given.

    A turn is one or two utterances, a pause between utterances 0.2 to 1 s; the loudness varies by 3 dB.
    """
    choice = random.Random(seed)
    left = {name: choice.sample(range(len(voices[name])), len(voices[name])) for name in names}
    parts: list[Samples] = [np.zeros(RATE // 2, np.float32)]
    truth = [np.zeros(50, np.int_)]
    spans: list[tuple[float, float, int]] = []
    speaker = 0
    while sum(map(len, parts)) < seconds * RATE and all(left.values()):
        for _ in range(choice.choice((1, 1, 2))):
            if not left[names[speaker]]:
                break
            said = voices[names[speaker]][left[names[speaker]].pop()] * np.float32(10 ** (choice.uniform(-3, 3) / 20))
            said = said[: len(said) // 160 * 160]
            begin = sum(map(len, parts)) / RATE
            spans.append((begin, begin + len(said) / RATE, speaker + 1))
            pause = choice.randrange(20, 100)
            parts += [said, np.zeros(pause * 160, np.float32)]
            truth += [np.where(speech_mask(said), speaker + 1, 0), np.zeros(pause, np.int_)]
        speaker = (speaker + choice.randrange(1, len(names))) % len(names) if len(names) > 1 else 0
    samples, spoken = np.concatenate(parts), np.concatenate(truth)
    if noise is not None:
        power = (samples[np.repeat(spoken > 0, 160)].astype(np.float64) ** 2).mean() / 10 ** (noise / 10)
        samples = samples + np.random.default_rng(seed).normal(0, power**0.5, len(samples)).astype(np.float32)
    return Dialogue(samples.astype(np.float32), spoken, tuple(names), tuple(spans))


def error_rate(truth: NDArray[np.int_], found: NDArray[np.int_]) -> tuple[float, float, float]:
    """Return missed, false and confused speech as shares of the speech, outside the collars.

    Their sum is the diarization error rate of NIST's Rich Transcription, with the best mapping of the speakers. Shapes
    are (n,), one value per ``STEP``, 0 for nobody.
    """
    collar = round(COLLAR / STEP)
    judged = np.ones(len(truth), np.bool_)
    for change in np.flatnonzero(np.diff(truth)) + 1:
        judged[max(change - collar, 0) : change + collar] = False
    truth, found = truth[judged], found[judged]
    speech = max(int((truth > 0).sum()), 1)
    counts = np.zeros((truth.max(initial=0) + 1, found.max(initial=0) + 1), np.int_)
    np.add.at(counts, (truth, found), 1)
    rows, columns = linear_sum_assignment(-counts[1:, 1:])
    right = int(counts[1:, 1:][rows, columns].sum())
    both = int(counts[1:, 1:].sum())
    missed, false = int(counts[1:, 0].sum()), int(counts[0, 1:].sum())
    return missed / speech, false / speech, (both - right) / speech
