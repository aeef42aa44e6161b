"""Whisper on CTranslate2: faster-whisper, with int8 weights on a CPU and float16 on CUDA."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sightline.speech.faster_whisper_weights import load_weights
from sightline.speech.sound import SAMPLE_RATE
from sightline.speech.spoken_languages import Shares
from sightline.speech.whisper_result import WhisperSegment, WhisperWord
from sightline.speech.windows import SpeechWindow

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

# Whisper's own limits: text that compresses better repeats itself, and text that is less likely, of sound that is
# likely no speech, is invented.
_REPETITION = 2.4
_UNLIKELY = -1.0
_NO_SPEECH = 0.6

# No sequence of so many tokens is repeated in the second attempt at a window.
_NO_REPEAT = 4


def load_faster_whisper(model: str, device: str | None) -> FasterWhisperRecognizer:
    """Load a model by name or from a CTranslate2 folder, on ``device``; by default on CUDA if available.

    Raises ``TranscriberUnavailable``.
    """
    return FasterWhisperRecognizer(load_weights(model, device))


class FasterWhisperRecognizer:
    """A CTranslate2 model, for one transcription. It encodes the windows once, whatever is asked about them."""

    def __init__(self, model: WhisperModel) -> None:
        self._model = model
        self._windows: Sequence[SpeechWindow] = ()
        self._encoded: Any = None

    @property
    def is_multilingual(self) -> bool:
        """Whether it knows languages other than English."""
        return bool(self._model.model.is_multilingual)

    def language_shares(self, windows: Sequence[SpeechWindow]) -> list[list[Shares]]:
        """Return the probabilities of the languages of every part of every window."""
        import ctranslate2

        # A copy on the CPU; the encoder's result stays where it is for the words.
        encoded = np.asarray(self._encode(windows).to_device(ctranslate2.Device.cpu), np.float32)
        found = []
        for index, window in enumerate(windows):
            own: list[Shares] = []
            for start, end in window.excerpts:
                first, last = (round(share * encoded.shape[1]) for share in (start, end))
                part = np.ascontiguousarray(encoded[index : index + 1, first : max(last, first + 1)])
                (shares,) = self._model.model.detect_language(ctranslate2.StorageView.from_array(part))
                own.append({token.strip("<|>"): share for token, share in shares})
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
        options = {
            "language": language,
            "task": task,
            "hotwords": ", ".join(hot_words) or None,
            "word_timestamps": task == "transcribe",
        }
        found = self._run(windows, options)
        for index, window in enumerate(windows):
            if any(segment.compression_ratio > _REPETITION for segment in found[index]):
                (again,) = self._run([window], {**options, "no_repeat_ngram_size": _NO_REPEAT})
                found[index] = [segment for segment in again if segment.compression_ratio <= _REPETITION]
        return [[_to_whisper_segment(segment) for segment in own if _is_speech(segment)] for own in found]

    def _run(self, windows: Sequence[SpeechWindow], options: dict[str, Any]) -> list[list[Any]]:
        """Return faster-whisper's segments of every window, at times from its start."""
        from faster_whisper import BatchedInferencePipeline

        samples = [window.samples for window in windows]
        ends = np.cumsum([len(own) for own in samples])
        starts = [int(end) - len(own) for end, own in zip(ends, samples, strict=True)]
        # Half a sample: faster-whisper rounds the products of times and rates down.
        clips = [
            {"start": (start + 0.5) / SAMPLE_RATE, "end": (int(end) + 0.5) / SAMPLE_RATE}
            for start, end in zip(starts, ends, strict=True)
        ]
        pipeline = BatchedInferencePipeline(_with_encoded(self._model, self._encode(windows)))
        segments, _ = pipeline.transcribe(
            np.concatenate(samples), clip_timestamps=clips, batch_size=len(windows), **options
        )
        found: list[list[Any]] = [[] for _ in windows]
        for segment in segments:
            # ``seek`` is the start of the segment's window, in hundredths of a second, rounded down.
            index = bisect_right(starts, (segment.seek + 1) * SAMPLE_RATE / 100) - 1
            offset = clips[index]["start"]
            segment.start, segment.end = segment.start - offset, segment.end - offset
            for word in segment.words or ():
                word.start, word.end = word.start - offset, word.end - offset
            found[index].append(segment)
        return found

    def _encode(self, windows: Sequence[SpeechWindow]) -> Any:
        if self._windows is not windows:
            self._encoded = self._model.encode(np.stack([_features(self._model, own.samples) for own in windows]))
            self._windows = windows
        return self._encoded


def _features(model: WhisperModel, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the spectrogram of a window, shape = (mels, 3000), as faster-whisper computes it."""
    from faster_whisper.audio import pad_or_trim

    return np.asarray(pad_or_trim(model.feature_extractor(samples)[..., :-1]))


def _with_encoded(model: WhisperModel, encoded: Any) -> Any:
    """Return a view of the shared model whose encoder has the result already."""

    class Encoded(type(model)):  # type: ignore[misc]
        def __init__(self) -> None:
            self.__dict__.update(model.__dict__)

        def encode(self, features: NDArray[np.float32]) -> Any:
            return encoded

    return Encoded()


def _is_speech(segment: Any) -> bool:
    return bool(segment.avg_logprob >= _UNLIKELY or segment.no_speech_prob <= _NO_SPEECH)


def _to_whisper_segment(segment: Any) -> WhisperSegment:
    words = [
        WhisperWord(word=word.word, start=word.start, end=word.end, probability=word.probability)
        for word in segment.words or ()
    ]
    return WhisperSegment(
        start=segment.start, end=segment.end, text=segment.text, avg_logprob=segment.avg_logprob, words=tuple(words)
    )
