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
from sightline.speech.sound import SAMPLE_RATE, Sound, pcm16, seconds_of
from sightline.speech.transcript import Segment, Transcript, Word
from sightline.speech.windows import speech_parts

if TYPE_CHECKING:
    from pocketsphinx import Decoder

_FRAMES_PER_SECOND = 100

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

    def transcribe(self, sound: Sound, progress: Progress | None = None, *, seconds: float | None = None) -> Transcript:
        """Transcribe ``sound``; see ``Transcriber``."""
        report = progress or (lambda share: None)
        total = seconds_of(sound, seconds)
        segments: list[Segment] = []
        decoder: Decoder | None = None
        for part in speech_parts(sound):
            decoder = decoder or _make_decoder()
            words = _decode(decoder, part.samples, part.start)
            segments += (_segment(phrase) for phrase in _phrases(words))
            if total:
                report(min((part.start + part.duration) / total, 1.0))
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
