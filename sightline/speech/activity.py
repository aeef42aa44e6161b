"""When somebody speaks, by Silero's voice activity model; its weights are in the wheel (MIT).

WebRTC's detector, which is in pocketsphinx, reports 93 % of a speech with long pauses as speech, and all of a tone.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline.speech.heard_sound import SHARE_SAMPLES, HeardSound
from sightline.speech.sound import SAMPLE_RATE

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_WINDOW = SHARE_SAMPLES
ACTIVITY_STEP = _WINDOW / SAMPLE_RATE
"""Seconds from one value of the speech activity to the next."""

# The model for windows in sequence is three times as fast as the one for single windows, with equal results.
_WEIGHTS = "silero_vad/data/silero_vad_16k_sequence.onnx"
SPEECH = 0.5
"""The probability above which somebody speaks."""

# Samples before a window that the model needs as context.
_CONTEXT = 64
# Windows in one call, 32 s: bounds the memory.
_BATCH = 1000


def hear(blocks: Iterable[NDArray[np.float32]], path: Path) -> HeardSound:
    """Write a sound to ``path``, 230 MB an hour, and return it with the probabilities of speech.

    ``blocks``: consecutive mono samples in -1..1, shape = (m,), ``SAMPLE_RATE`` a second. At most 32 s and one block
    are in memory. An hour takes about 5 s of one core, and the decoding of the blocks.
    """
    found = array("f")
    with path.open("wb") as file:
        for samples, shares in speech_shares(blocks):
            samples.tofile(file)
            found.frombytes(shares.tobytes())
    return HeardSound(path, np.frombuffer(found, np.float32))


def speech_activity(blocks: Iterable[NDArray[np.float32]]) -> NDArray[np.bool_]:
    """Return whether somebody speaks, shape = (n,), one value per ``ACTIVITY_STEP`` seconds.

    ``blocks`` is that of ``speech_shares``.
    """
    if isinstance(blocks, HeardSound):
        return np.asarray(blocks.shares > SPEECH)
    found = [shares > SPEECH for _, shares in speech_shares(blocks)]
    return np.concatenate(found) if found else np.zeros(0, np.bool_)


def speech_shares(
    blocks: Iterable[NDArray[np.float32]],
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield up to 32 s of sound with the probability of speech in each step of it.

    ``blocks``: consecutive mono samples in -1..1, shape = (m,), ``SAMPLE_RATE`` a second; a sound that was heard before
    is only read. The samples, shape = (m,), are consecutive and complete; the probabilities, shape = (ceil(m / 512),),
    are one per ``ACTIVITY_STEP`` seconds. At most 32 s and one block are in memory.
    """
    if isinstance(blocks, HeardSound):
        yield from blocks.with_shares()
        return
    hidden = cell = np.zeros((1, 1, 128), np.float32)
    for samples, windows in _batches(blocks):
        # Only here: a video without sound needs no model.
        shares, hidden, cell = _load_model().run(None, {"input": windows, "h": hidden, "c": cell})
        yield samples, shares


@lru_cache(maxsize=1)
def _load_model() -> InferenceSession:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    # Threads that wait for work would take the cores of the pose model.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Importing silero_vad would load torch.
    weights = distribution("silero-vad").locate_file(_WEIGHTS)
    return InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])


def _batches(
    blocks: Iterable[NDArray[np.float32]],
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield samples and their windows with the context before them, shape = (up to 1000, 576).

    The last window is padded with zeros.
    """
    size = _BATCH * _WINDOW
    context = np.zeros(_CONTEXT, np.float32)
    for samples in _regroup(blocks, size):
        padded = np.pad(samples, (0, -len(samples) % _WINDOW))
        yield samples, _windows(np.concatenate([context, padded]))
        context = padded[-_CONTEXT:]


def _regroup(blocks: Iterable[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """Yield the same samples in arrays of ``size``, the last of them shorter."""
    parts: list[NDArray[np.float32]] = []
    missing = size
    for block in blocks:
        rest = block.astype(np.float32, copy=False)
        while len(rest) >= missing:
            yield np.concatenate([*parts, rest[:missing]])
            parts, rest, missing = [], rest[missing:], size
        if len(rest):
            parts.append(rest)
            missing -= len(rest)
    if parts:
        yield np.concatenate(parts)


def _windows(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(samples, _CONTEXT + _WINDOW)[::_WINDOW])
