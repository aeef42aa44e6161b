"""CMU PocketSphinx: less accurate than Whisper, but its US English model is in the wheel and needs no network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from sightline.errors import TranscriberUnavailable
from sightline.progress import Progress
from sightline.speech.sound import SAMPLE_RATE, check_samples, is_silent, pcm16, split_at_pauses
from sightline.speech.transcript import Segment, Transcript, Word

if TYPE_CHECKING:
    from pocketsphinx import Decoder

_FRAMES_PER_SECOND = 100

# Seconds. The decoder's tables grow with an utterance, and without a pause (music, a machine) one could last an hour.
_MAX_UTTERANCE = 30.0
_CUT_SEARCH = 10.0

# In samples. Without some silence around an utterance, the decoder misses its first and last words.
_MARGIN = round(0.15 * SAMPLE_RATE)

# The shortest pause that ends a segment, in seconds.
_PAUSE = 0.5

_FILLER = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")
_PRONUNCIATION = re.compile(r"\(\d+\)$")


class PocketsphinxTranscriber:
    """Words with posterior probabilities, lower-case and without punctuation, in segments between pauses.

    A segment's confidence is the mean of its words' confidences.
    """

    engine: ClassVar[str] = "pocketsphinx"
    model: ClassVar[str] = "en-us"

    def transcribe(self, samples: NDArray[np.float32], progress: Progress | None = None) -> Transcript:
        """Transcribe ``samples``; see ``Transcriber``. Copies at most one utterance, 30 s, at a time."""
        check_samples(samples)
        report = progress or (lambda share: None)
        segments: list[Segment] = []
        if not is_silent(samples):
            decoder = _make_decoder()
            for start, stop in _utterances(samples):
                words = _decode(decoder, samples[start:stop], start / SAMPLE_RATE)
                segments += (_segment(phrase) for phrase in _phrases(words))
                report(stop / len(samples))
        report(1.0)
        return Transcript(segments=tuple(segments), language="en", engine="pocketsphinx", model=self.model)


def _make_decoder() -> Decoder:
    from pocketsphinx import Decoder

    try:
        # "batch" normalises every utterance separately; the default applies the mean of the previous one.
        return Decoder(cmn="batch", loglevel="ERROR")
    except RuntimeError as error:
        raise TranscriberUnavailable(
            f"pocketsphinx could not load its US English model ({error}). "
            "Unset POCKETSPHINX_PATH if it is set, or reinstall the package pocketsphinx"
        ) from error


def _utterances(samples: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    done = 0
    for start, stop in _detect_speech(samples):
        first, done = max(start - _MARGIN, done), min(stop + _MARGIN, len(samples))
        for piece_start, piece_stop in split_at_pauses(samples[first:done], _MAX_UTTERANCE, _CUT_SEARCH):
            yield first + piece_start, first + piece_stop


def _detect_speech(samples: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    from pocketsphinx import Endpointer, Vad

    # The less strict modes classify the hum of a room as speech and find no pause in it.
    endpointer = Endpointer(vad_mode=Vad.MEDIUM_STRICT, sample_rate=SAMPLE_RATE)
    step = endpointer.frame_bytes // 2
    for start in range(0, len(samples), step):
        frame = pcm16(samples[start : start + step])
        is_last = start + step >= len(samples)
        speech = endpointer.end_stream(frame) if is_last else endpointer.process(frame)
        if speech is not None and not endpointer.in_speech:
            yield round(endpointer.speech_start * SAMPLE_RATE), round(endpointer.speech_end * SAMPLE_RATE)


def _decode(decoder: Decoder, samples: NDArray[np.float32], offset: float) -> list[Word]:
    decoder.start_utt()
    decoder.process_raw(pcm16(samples), full_utt=True)
    decoder.end_utt()
    return [
        Word(
            text=_PRONUNCIATION.sub("", part.word),
            start=offset + part.start_frame / _FRAMES_PER_SECOND,
            end=offset + min((part.end_frame + 1) / _FRAMES_PER_SECOND, len(samples) / SAMPLE_RATE),
            # Posteriors are sums of rounded logarithms and may slightly exceed 1.
            confidence=min(max(part.prob, 0.0), 1.0),
        )
        for part in decoder.seg() or ()
        if not _FILLER.fullmatch(part.word)
    ]


def _phrases(words: list[Word]) -> Iterator[list[Word]]:
    first = 0
    for index, (before, after) in enumerate(pairwise(words), start=1):
        if after.start - before.end >= _PAUSE:
            yield words[first:index]
            first = index
    if words:
        yield words[first:]


def _segment(words: list[Word]) -> Segment:
    confidences = [word.confidence for word in words if word.confidence is not None]
    return Segment(
        start=words[0].start,
        end=words[-1].end,
        text=" ".join(word.text for word in words),
        confidence=sum(confidences) / len(confidences),
        words=tuple(words),
    )
