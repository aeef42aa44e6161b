"""OpenAI's Whisper, run in this process on samples in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sightline.speech.spoken_languages import Shares
from sightline.speech.whisper_result import WhisperResult, WhisperSegment
from sightline.speech.whisper_weights import load_weights
from sightline.speech.windows import SpeechWindow

if TYPE_CHECKING:
    from torch import Tensor
    from whisper import Whisper

# The word timestamps need hooks on the shared model, and numba's threading layer is not thread-safe.
_running = threading.Lock()


def load_whisper(model: str, device: str | None) -> WhisperRecognizer:
    """Load one of Whisper's models by name, or a checkpoint, on the torch ``device``; by default on CUDA if available.

    Raises ``TranscriberUnavailable``.
    """
    return WhisperRecognizer(load_weights(model, device or _best_device()))


class WhisperRecognizer:
    """A checkpoint of openai-whisper."""

    def __init__(self, model: Whisper) -> None:
        self._model = model
        self._encoded: list[tuple[Tensor, Tensor]] = []

    @property
    def is_multilingual(self) -> bool:
        """Whether it knows languages other than English."""
        return bool(self._model.is_multilingual)

    def language_shares(self, windows: Sequence[SpeechWindow]) -> list[list[Shares]]:
        """Return the probabilities of the languages of every part of every window."""
        import torch
        from whisper import log_mel_spectrogram, pad_or_trim
        from whisper.audio import N_FRAMES, N_SAMPLES
        from whisper.tokenizer import get_tokenizer

        model = self._model
        tokenizer = get_tokenizer(True, num_languages=model.num_languages)
        tokens = torch.tensor([[tokenizer.sot]], device=model.device)
        languages = torch.tensor(tokenizer.all_language_tokens, device=model.device)
        found = []
        with torch.no_grad(), self._remembering():
            for window in windows:
                # The same computation as in whisper.transcribe, so that it finds what was encoded here.
                mel = log_mel_spectrogram(window.samples, model.dims.n_mels, padding=N_SAMPLES)
                frames = mel[:, : mel.shape[-1] - N_FRAMES]
                mel = pad_or_trim(frames, N_FRAMES).to(model.device).to(_float_type(model))
                encoded = model.encoder(mel[None])
                own: list[Shares] = []
                for start, end in window.excerpts:
                    first, last = (round(share * encoded.shape[1]) for share in (start, end))
                    part = encoded[:, first : max(last, first + 1)]
                    shares = model.logits(tokens, part)[0, 0, languages].float().softmax(-1).tolist()
                    own.append(dict(zip(tokenizer.all_language_codes, shares, strict=True)))
                found.append(own)
        return found

    def recognize(
        self,
        windows: Sequence[SpeechWindow],
        language: str,
        hot_words: Sequence[str],
        task: Literal["transcribe", "translate"] = "transcribe",
    ) -> list[list[WhisperSegment]]:
        """Return what is said in every window, at times from its start; with word times unless it is translated."""
        with self._remembering():
            return [
                list(
                    WhisperResult.model_validate(
                        _run_whisper(
                            self._model,
                            window.samples,
                            language=language,
                            task=task,
                            initial_prompt=", ".join(hot_words) or None,
                            word_timestamps=task == "transcribe",
                        )
                    ).segments
                )
                for window in windows
            ]

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        """Use the model alone. What it encodes is kept until the next windows: whisper encodes a window three times.

        It does so for its language, its words and their times, and that is most of the work.
        """
        import torch

        with _running:
            encoder: Any = self._model.encoder
            encode = encoder.forward

            def remembered(mel: Tensor) -> Tensor:
                for known, earlier in self._encoded:
                    if known.shape == mel.shape and known.dtype == mel.dtype and torch.equal(known, mel):
                        return earlier
                result: Tensor = encode(mel)
                self._encoded = [*self._encoded[1 - _REMEMBERED :], (mel, result)]
                return result

            encoder.forward = remembered
            try:
                yield
            finally:
                del encoder.forward


# Windows.
_REMEMBERED = 8


def _best_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _float_type(model: Whisper) -> Any:
    import torch

    return torch.float16 if model.device.type == "cuda" else torch.float32


def _run_whisper(model: Whisper, samples: NDArray[np.float32], **options: Any) -> object:
    import torch
    from whisper import transcribe

    on_cuda = model.device.type == "cuda"
    with torch.random.fork_rng(devices=[model.device] if on_cuda else []):
        # Whisper falls back to sampling if the likeliest words fail its checks; the seed makes that deterministic.
        torch.manual_seed(0)
        return transcribe(
            model,
            samples.astype(np.float32),
            # Text passed from window to window lets a hallucinated sentence repeat.
            condition_on_previous_text=False,
            # With timestamps, whisper sometimes ends a window at an early one and omits what follows.
            without_timestamps=True,
            fp16=on_cuda,
            **options,
        )
