"""When somebody speaks, by Silero's voice activity model; its weights are in the wheel (MIT).

WebRTC's detector, which is in pocketsphinx, reports 93 % of a speech with long pauses as speech, and all of a tone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.metadata import distribution
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline.speech.sound import SAMPLE_RATE

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_WINDOW = 512
ACTIVITY_STEP = _WINDOW / SAMPLE_RATE
"""Seconds from one value of the speech activity to the next."""

# The model for windows in sequence is three times as fast as the one for single windows, with equal results.
_WEIGHTS = "silero_vad/data/silero_vad_16k_sequence.onnx"
_THRESHOLD = 0.5
# Samples before a window that the model needs as context.
_CONTEXT = 64
# Windows in one call, 32 s: bounds the memory.
_BATCH = 1000


def speech_activity(blocks: Iterable[NDArray[np.float32]]) -> NDArray[np.bool_]:
    """Return whether somebody speaks, shape = (n,), one value per ``ACTIVITY_STEP`` seconds.

    ``blocks``: consecutive mono samples in -1..1, shape = (m,), ``SAMPLE_RATE`` a second. At most 32 s and one block
    are in memory. An hour takes about 8 s of one core.
    """
    session = _load_model()
    hidden = cell = np.zeros((1, 1, 128), np.float32)
    found = []
    for windows in _batches(blocks):
        shares, hidden, cell = session.run(None, {"input": windows, "h": hidden, "c": cell})
        found.append(shares > _THRESHOLD)
    return np.concatenate(found) if found else np.zeros(0, np.bool_)


@lru_cache(maxsize=1)
def _load_model() -> InferenceSession:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    # Threads that wait for work would take the cores of the pose model.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Importing silero_vad would load torch.
    weights = distribution("silero-vad").locate_file(_WEIGHTS)
    return InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])


def _batches(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Yield windows with the context before them, shape = (up to 1000, 576); the last one is padded with zeros."""
    pending = np.zeros(_CONTEXT, np.float32)
    for block in blocks:
        pending = np.concatenate([pending, block.astype(np.float32, copy=False)])
        while len(pending) >= _CONTEXT + _BATCH * _WINDOW:
            yield _windows(pending[: _CONTEXT + _BATCH * _WINDOW])
            pending = pending[_BATCH * _WINDOW :]
    if rest := len(pending) - _CONTEXT:
        yield _windows(np.pad(pending, (0, -rest % _WINDOW)))


def _windows(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(samples, _CONTEXT + _WINDOW)[::_WINDOW])
