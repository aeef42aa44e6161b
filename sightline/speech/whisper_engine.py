"""OpenAI's Whisper, run in this process on samples in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from sightline.progress import Progress
from sightline.speech.sound import SAMPLE_RATE, check_samples, is_silent, split_at_pauses
from sightline.speech.transcript import Segment, Transcript
from sightline.speech.whisper_result import WhisperResult, WhisperSegment
from sightline.speech.whisper_weights import load_weights

if TYPE_CHECKING:
    from whisper import Whisper

# Seconds. Whisper reports progress only to a bar on the terminal, and computes the spectrogram of its complete input
# (1.6 GB an hour). Short pieces give progress and bound the memory. A piece costs up to one extra window of 30 s.
_PIECE = 120.0
_CUT_SEARCH = 15.0

# Seconds. Whisper skips a segment of unlikely words as a hallucination if it is surrounded by longer silence.
_HALLUCINATION_SILENCE = 2.0

# The word timestamps need hooks on the shared model, and numba's threading layer is not thread-safe.
_running = threading.Lock()


class WhisperTranscriber:
    """English speech with word timestamps. A segment's confidence is the mean of its words' probabilities.

    ``model`` is one of Whisper's names or the path of a checkpoint; the transcript stores the checkpoint's file name.
    """

    engine: ClassVar[str] = "whisper"

    def __init__(self, model: str = "base", device: str | None = None) -> None:
        self.model = model
        self._device = device

    def transcribe(self, samples: NDArray[np.float32], progress: Progress | None = None) -> Transcript:
        """Transcribe ``samples``; see ``Transcriber``. ``progress`` is called after every two minutes of sound."""
        check_samples(samples)
        report = progress or (lambda share: None)
        segments: list[Segment] = []
        if not is_silent(samples):
            model = load_weights(self.model, self._device or _best_device())
            for start, stop in split_at_pauses(samples, _PIECE, _CUT_SEARCH):
                segments += _transcribe_piece(model, samples[start:stop], start / SAMPLE_RATE)
                report(stop / len(samples))
        else:
            report(1.0)
        return Transcript(segments=tuple(segments), language="en", engine="whisper", model=Path(self.model).name)


def _best_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _transcribe_piece(model: Whisper, samples: NDArray[np.float32], offset: float) -> list[Segment]:
    if is_silent(samples):
        return []
    segments = WhisperResult.model_validate(_run_whisper(model, samples)).segments
    return [segment.to_segment() for segment in _shift_segments(segments, samples, offset)]


def _run_whisper(model: Whisper, samples: NDArray[np.float32]) -> object:
    import torch
    from whisper import transcribe

    on_cuda = model.device.type == "cuda"
    with _running, torch.random.fork_rng(devices=[model.device] if on_cuda else []):
        # Whisper falls back to sampling if the likeliest words fail its checks; the seed makes that deterministic.
        torch.manual_seed(0)
        return transcribe(
            model,
            samples.astype(np.float32),
            language="en",
            word_timestamps=True,
            # Text passed from window to window lets a hallucinated sentence repeat.
            condition_on_previous_text=False,
            hallucination_silence_threshold=_HALLUCINATION_SILENCE,
            fp16=on_cuda,
        )


def _shift_segments(
    segments: tuple[WhisperSegment, ...], samples: NDArray[np.float32], offset: float
) -> Iterator[WhisperSegment]:
    """Yield the segments in the video's time, in order and within the piece, without silent segments.

    Whisper's times are estimates: they may exceed the end of the sound, or be out of order by a rounding error.
    """
    earliest = 0.0
    end = len(samples) / SAMPLE_RATE
    for segment in segments:
        start = min(max(segment.start, earliest), end)
        stop = min(max(segment.end, start), end)
        sound = samples[int(start * SAMPLE_RATE) : int(stop * SAMPLE_RATE)]
        if not segment.text.strip() or is_silent(sound):
            continue
        earliest = word_start = start
        words = []
        for word in segment.words:
            word_start = min(max(word.start, word_start), end)
            word_end = min(max(word.end, word_start), end)
            words.append(word.model_copy(update={"start": offset + word_start, "end": offset + word_end}))
        yield segment.model_copy(
            update={"start": offset + start, "end": offset + stop, "words": tuple(words)},
        )
