"""The protocol of the speech engines, and the choice between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sightline.speech.pocketsphinx_engine import PocketsphinxTranscriber
from sightline.speech.transcript import Transcript
from sightline.speech.whisper_engine import WhisperTranscriber

Engine = Literal["auto", "whisper", "pocketsphinx"]

PACKAGES = {"whisper": "openai-whisper", "pocketsphinx": "pocketsphinx"}
"""The distribution that each engine comes in, whose version belongs to what it made."""


class Transcriber(Protocol):
    """Turns sound into a transcript. May be used from several threads."""

    @property
    def engine(self) -> str:
        """``whisper`` or ``pocketsphinx``."""

    @property
    def model(self) -> str:
        """The name of the engine's model."""

    def transcribe(self, samples: NDArray[np.float32], progress: Callable[[float], None] | None = None) -> Transcript:
        """Transcribe ``samples``, shape = (n,), floats in -1..1, mono, ``SAMPLE_RATE`` a second.

        ``progress`` is called with the share done, rising to 1. Samples without sound give no segments. The same
        samples give the same transcript. Raises ``TranscriberUnavailable`` where the engine cannot be started, and
        ``ValueError`` for samples of another shape or kind.
        """


def make_transcriber(engine: Engine = "auto", model: str = "base", device: str | None = None) -> Transcriber:
    """The transcriber of that engine; nothing is loaded or fetched before its first use on sound.

    ``auto`` is whisper: it never gives way to the weaker pocketsphinx unasked. ``model`` is one of whisper's names or
    the path of a checkpoint (``.pt``), and ``device`` a torch device, both for whisper alone; the device is by default
    CUDA where there is one, else the CPU.
    """
    if engine == "pocketsphinx":
        return PocketsphinxTranscriber()
    if engine in ("auto", "whisper"):
        return WhisperTranscriber(model, device)
    raise ValueError(f"{engine!r} is not a speech engine; choose auto, whisper or pocketsphinx")
