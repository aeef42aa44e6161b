"""The protocol of the speech engines, and their selection."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sightline.progress import Progress
from sightline.speech.pocketsphinx_engine import PocketsphinxTranscriber
from sightline.speech.transcript import Transcript
from sightline.speech.whisper_engine import WhisperTranscriber

Engine = Literal["auto", "whisper", "pocketsphinx"]

PACKAGES = {"whisper": "openai-whisper", "pocketsphinx": "pocketsphinx"}
"""The distribution of every engine; its version is stored with the transcript."""


class Transcriber(Protocol):
    """A speech engine. Thread-safe."""

    @property
    def engine(self) -> str:
        """``whisper`` or ``pocketsphinx``."""

    @property
    def model(self) -> str:
        """The name of the engine's model."""

    def transcribe(self, samples: NDArray[np.float32], progress: Progress | None = None) -> Transcript:
        """Transcribe ``samples``, shape = (n,), floats in -1..1, mono, ``SAMPLE_RATE`` a second.

        ``progress`` is called with the share done, up to 1. Silence gives no segments. The result is deterministic.
        Raises ``TranscriberUnavailable`` if the engine cannot be started, and ``ValueError`` for samples of another
        shape or type.
        """


def make_transcriber(engine: Engine = "auto", model: str = "base", device: str | None = None) -> Transcriber:
    """Return the transcriber of ``engine``. It loads and downloads nothing before it first transcribes audible sound.

    ``auto`` is whisper; it never falls back to the less accurate pocketsphinx. ``model`` (one of whisper's names or the
    path of a checkpoint, ``.pt``) and ``device`` (a torch device) apply to whisper only. The default device is CUDA if
    available, else the CPU.
    """
    if engine == "pocketsphinx":
        return PocketsphinxTranscriber()
    if engine in ("auto", "whisper"):
        return WhisperTranscriber(model, device)
    raise ValueError(f"{engine!r} is not a speech engine; choose auto, whisper or pocketsphinx")
