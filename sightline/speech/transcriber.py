"""The protocol of the speech engines, and their selection."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

from sightline.errors import InvalidInput, TranscriberUnavailable
from sightline.progress import Progress
from sightline.speech.faster_whisper_engine import load_faster_whisper
from sightline.speech.languages import language_code
from sightline.speech.pocketsphinx_engine import PocketsphinxTranscriber
from sightline.speech.sound import Sound
from sightline.speech.transcript import Transcript
from sightline.speech.whisper_engine import load_whisper
from sightline.speech.whisper_transcriber import WhisperTranscriber

Engine = Literal["auto", "faster-whisper", "whisper", "pocketsphinx"]

PACKAGES = {
    "faster-whisper": ("faster-whisper", "ctranslate2", "silero-vad"),
    "whisper": ("openai-whisper", "silero-vad"),
    "pocketsphinx": ("pocketsphinx", "silero-vad"),
}
"""The distributions of every engine; their versions are stored with the transcript."""


class Transcriber(Protocol):
    """A speech engine. Thread-safe."""

    @property
    def engine(self) -> str:
        """``faster-whisper``, ``whisper`` or ``pocketsphinx``."""

    @property
    def model(self) -> str:
        """The name of the engine's model."""

    def transcribe(self, sound: Sound, progress: Progress | None = None, *, seconds: float | None = None) -> Transcript:
        """Transcribe ``sound``: mono floats in -1..1, ``SAMPLE_RATE`` a second, an array or blocks that are read once.

        With blocks, the memory does not depend on the length. ``progress`` is called with the share done, up to 1, of
        the sound's ``seconds``, which an array does not need. Only speech is transcribed; sound without it gives no
        segments. The result is deterministic. Raises ``TranscriberUnavailable`` if the engine cannot be started, and
        ``ValueError`` for samples of another shape or type.
        """


def make_transcriber(
    engine: Engine = "auto",
    model: str = "base",
    device: str | None = None,
    *,
    language: str | None = None,
    hot_words: Sequence[str] = (),
    translate_except: frozenset[str] = frozenset({"en"}),
) -> Transcriber:
    """Return the transcriber of ``engine``. It loads and downloads nothing before it first transcribes speech.

    Args:
        engine: ``auto`` is faster-whisper if it is installed, otherwise whisper; whisper also for a checkpoint. It
            never falls back to the less accurate pocketsphinx.
        model: A name that the engine knows; a folder with a CTranslate2 model, which faster-whisper reads; or a
            checkpoint of openai-whisper, a file, which whisper reads. pocketsphinx has one model.
        device: ``cpu``, ``cuda`` or ``cuda:1``. By default CUDA if available, else the CPU. pocketsphinx ignores it.
        language: The code or English name of the language spoken. By default Whisper detects it, separately for speech
            in another language; pocketsphinx knows English only.
        hot_words: Names that are likely to be spoken; Whisper then spells them so. pocketsphinx ignores them.
        translate_except: Languages whose segments get no English translation.

    Raises ``ValueError`` for another engine, ``InvalidInput`` for a language that the engine or the model does not
    know, and ``TranscriberUnavailable`` for a model of the other Whisper engine.
    """
    if engine == "pocketsphinx":
        if language is not None and language_code(language) != "en":
            raise InvalidInput(f"language {language!r}", "pocketsphinx knows English only", "Use faster-whisper")
        return PocketsphinxTranscriber()
    if engine not in ("auto", "faster-whisper", "whisper"):
        raise ValueError(f"{engine!r} is not a speech engine; choose auto, faster-whisper, whisper or pocketsphinx")
    chosen = _choose(model) if engine == "auto" else engine
    _check_form(chosen, model)
    load = load_faster_whisper if chosen == "faster-whisper" else load_whisper
    return WhisperTranscriber(
        chosen, load, model, device, language=language, hot_words=hot_words, translate_except=translate_except
    )


def _choose(model: str) -> Literal["faster-whisper", "whisper"]:
    if _is_checkpoint(model):
        return "whisper"
    return "faster-whisper" if find_spec("faster_whisper") or Path(model).is_dir() else "whisper"


def _is_checkpoint(model: str) -> bool:
    return Path(model).is_file() or Path(model).suffix == ".pt"


def _check_form(engine: str, model: str) -> None:
    """Raise ``TranscriberUnavailable`` if the engine is not installed, or the model is one of the other engine."""
    if engine == "faster-whisper" and not find_spec("faster_whisper"):
        raise TranscriberUnavailable("faster-whisper is not installed. Install the package faster-whisper")
    if engine == "faster-whisper" and _is_checkpoint(model):
        raise TranscriberUnavailable(
            f"{model}: faster-whisper reads CTranslate2 folders, not checkpoints. Use --transcriber whisper"
        )
    if engine == "whisper" and Path(model).is_dir():
        raise TranscriberUnavailable(
            f"{model}: whisper reads checkpoints (.pt), not folders. Use --transcriber faster-whisper"
        )
