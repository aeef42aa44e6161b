"""OpenAI's Whisper, run in this process on samples in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from sightline.speech.sound import SAMPLE_RATE, check_samples, is_silent, pieces
from sightline.speech.transcript import Segment, Transcript
from sightline.speech.whisper_result import WhisperResult, WhisperSegment
from sightline.speech.whisper_weights import load_weights

if TYPE_CHECKING:
    from whisper import Whisper

# Whisper tells of its progress to a bar on the terminal alone, and makes the spectrogram of all it is given at once
# (1.6 GB an hour). Handing it the sound in pieces gives the progress and bounds the memory. Each piece costs up to one
# window of 30 s more.
_PIECE = 120.0
_CUT_SEARCH = 15.0

# Silence in seconds about a segment of unlikely words, over which Whisper takes it for invented and skips it.
_HALLUCINATION_SILENCE = 2.0

# The hooks that find the times of words are put on the one shared model, and numba's threads admit one caller.
_running = threading.Lock()


class WhisperTranscriber:
    """English speech with timed words. A segment's confidence is the mean of its words' probabilities.

    ``model`` is one of Whisper's names or the path of a checkpoint, of which the transcript keeps the file's name.
    """

    engine: ClassVar[str] = "whisper"

    def __init__(self, model: str = "base", device: str | None = None) -> None:
        self.model = model
        self._device = device

    def transcribe(self, samples: NDArray[np.float32], progress: Callable[[float], None] | None = None) -> Transcript:
        """See ``Transcriber``. ``progress`` is called after every two minutes of sound."""
        check_samples(samples)
        report = progress or (lambda share: None)
        segments: list[Segment] = []
        if not is_silent(samples):
            model = load_weights(self.model, self._device or _best_device())
            for start, stop in pieces(samples, _PIECE, _CUT_SEARCH):
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
    heard = WhisperResult.model_validate(_run(model, samples)).segments
    return [placed.to_segment() for placed in _placed(heard, samples, offset)]


def _run(model: Whisper, samples: NDArray[np.float32]) -> object:
    import torch
    from whisper import transcribe

    on_cuda = model.device.type == "cuda"
    with _running, torch.random.fork_rng(devices=[model.device] if on_cuda else []):
        # Where the likeliest words fail Whisper's own checks it samples others, the same ones in every run.
        torch.manual_seed(0)
        return transcribe(
            model,
            samples.astype(np.float32),
            language="en",
            word_timestamps=True,
            # Text handed on from window to window lets an invented sentence repeat itself.
            condition_on_previous_text=False,
            hallucination_silence_threshold=_HALLUCINATION_SILENCE,
            fp16=on_cuda,
        )


def _placed(heard: tuple[WhisperSegment, ...], samples: NDArray[np.float32], offset: float) -> Iterator[WhisperSegment]:
    """The segments in the video's time, in order and within the piece, without those in which nothing sounds.

    Whisper's times are guesses: they may reach past the end of the sound, and by rounding before one another.
    """
    earliest = 0.0
    end = len(samples) / SAMPLE_RATE
    for segment in heard:
        start = min(max(segment.start, earliest), end)
        stop = min(max(segment.end, start), end)
        sound = samples[int(start * SAMPLE_RATE) : int(stop * SAMPLE_RATE)]
        if not segment.text.strip() or is_silent(sound):
            continue
        earliest = begun = start
        words = []
        for word in segment.words:
            begun = min(max(word.start, begun), end)
            finished = min(max(word.end, begun), end)
            words.append(word.model_copy(update={"start": offset + begun, "end": offset + finished}))
        yield segment.model_copy(
            update={"start": offset + start, "end": offset + stop, "words": tuple(words)},
        )
