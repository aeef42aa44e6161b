"""Transcription with a Whisper model, whichever program runs it: speech is found, cut, heard, and put on the time line.

Silero's voice activity model decides what Whisper hears. Whisper invents sentences for sound without speech, such as
"Thank you for watching", so it never hears any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Literal, Protocol

from sightline.errors import InvalidInput
from sightline.progress import Progress
from sightline.speech.languages import language_code, language_names
from sightline.speech.sound import SAMPLE_RATE, Sound, seconds_of
from sightline.speech.spoken_languages import Shares, SpokenLanguages
from sightline.speech.transcript import Segment, Transcript
from sightline.speech.whisper_result import WhisperSegment
from sightline.speech.whisper_segments import to_segments
from sightline.speech.windows import SpeechPart, SpeechWindow, pack, speech_parts

# Windows heard at once. Eight need 1.4 times the memory of four.
_BATCH = 4

# Seconds of speech without a word that are worth a second attempt.
_ENOUGH = 1.0

# Seconds around a segment that is translated.
_MARGIN = 0.2


class Recognizer(Protocol):
    """A loaded Whisper model. It may remember the windows that it heard last; each transcription has its own."""

    @property
    def is_multilingual(self) -> bool:
        """Whether it knows languages other than English."""

    def language_shares(self, windows: Sequence[SpeechWindow]) -> list[list[Shares]]:
        """Return the probabilities of the languages of every part of every window."""

    def recognize(
        self,
        windows: Sequence[SpeechWindow],
        language: str,
        hot_words: Sequence[str],
        task: Literal["transcribe", "translate"] = "transcribe",
    ) -> list[list[WhisperSegment]]:
        """Return what is said in every window, at times from its start; with word times unless it is translated."""


class WhisperTranscriber:
    """Speech in any language that Whisper knows, with word times. See ``make_transcriber`` for the options.

    A segment is a sentence; its confidence is the mean of its words' probabilities. The transcript stores the model's
    file name if the model is a path.
    """

    def __init__(
        self,
        engine: Literal["faster-whisper", "whisper"],
        load: Callable[[str, str | None], Recognizer],
        model: str,
        device: str | None = None,
        *,
        language: str | None = None,
        hot_words: Sequence[str] = (),
        translate_except: frozenset[str] = frozenset({"en"}),
    ) -> None:
        self.engine = engine
        self.model = model
        self.language = None if language is None else language_code(language)
        self.hot_words = tuple(dict.fromkeys(hot_words))
        self.translate_except = translate_except
        self._load, self._device = load, device
        if model.endswith(".en"):
            self._check_language(is_multilingual=False)

    def transcribe(self, sound: Sound, progress: Progress | None = None, *, seconds: float | None = None) -> Transcript:
        """Transcribe ``sound``; see ``Transcriber``. Raises ``InvalidInput`` if the model does not know the language.

        ``progress`` is called after every four windows, which are about a minute or two of speech.
        """
        report = progress or (lambda share: None)
        total = seconds_of(sound, seconds)
        recognizer: Recognizer | None = None
        languages = SpokenLanguages()
        segments: list[Segment] = []
        spoken: defaultdict[str, float] = defaultdict(float)
        windows = pack(speech_parts(sound))
        while batch := list(islice(windows, _BATCH)):
            if recognizer is None:
                recognizer = self._load(self.model, self._device)
                self._check_language(is_multilingual=recognizer.is_multilingual)
            found: list[Segment] = []
            for language, group in self._by_language(recognizer, batch, languages):
                spoken[language] += sum(part.duration for window in group for part in window.parts)
                found += self._recognize(recognizer, group, language)
            segments += sorted(found, key=lambda segment: segment.start)
            if total:
                report(min(batch[-1].parts[-1].start / total, 1.0))
        report(1.0)
        main = max(spoken, key=spoken.__getitem__) if spoken else self.language
        return Transcript(
            segments=tuple(_with_language(segment, main) for segment in segments),
            language=main,
            engine=self.engine,
            model=Path(self.model).name,
            warnings=(*languages.warnings(), *_translation_warnings(segments)),
        )

    def _check_language(self, *, is_multilingual: bool) -> None:
        if self.language not in (None, "en") and not is_multilingual:
            raise InvalidInput(
                f"model {self.model!r}",
                f"it knows English only, not {language_names()[self.language][0]}",
                "Use a model without .en in its name, such as base, or the language en",
            )

    def _by_language(
        self, recognizer: Recognizer, windows: list[SpeechWindow], languages: SpokenLanguages
    ) -> Iterator[tuple[str, list[SpeechWindow]]]:
        """Yield each language with the windows that it is spoken in; speech in different languages is separated."""
        if self.language or not recognizer.is_multilingual:
            yield self.language or "en", windows
            return
        parts = [part for window in windows for part in window.parts]
        shares = list(chain.from_iterable(recognizer.language_shares(windows)))
        decided = languages.decide(
            parts, shares, lambda part: recognizer.language_shares([SpeechWindow((part,))])[0][0]
        )
        if len(set(decided)) == 1:
            yield decided[0], windows
            return
        for language in dict.fromkeys(decided):
            yield language, list(pack(part for part, own in zip(parts, decided, strict=True) if own == language))

    def _hear(self, recognizer: Recognizer, windows: Sequence[SpeechWindow], language: str) -> list[Segment]:
        heard = recognizer.recognize(windows, language, self.hot_words)
        return [
            segment
            for window, own in zip(windows, heard, strict=True)
            for segment in to_segments(window, own, language)
        ]

    def _recognize(self, recognizer: Recognizer, windows: list[SpeechWindow], language: str) -> list[Segment]:
        segments = self._hear(recognizer, windows, language)
        # Whisper sometimes ends a window early. Alone, a part is heard.
        missed = _parts_without_words(windows, segments)
        for first in range(0, len(missed), _BATCH):
            segments += self._hear(recognizer, missed[first : first + _BATCH], language)
        segments.sort(key=lambda segment: segment.start)
        if language in self.translate_except:
            return segments
        translated: list[Segment] = []
        crops = ((segment, _crop(segment, windows)) for segment in segments)
        while batch := list(islice(crops, _BATCH)):
            texts = recognizer.recognize([crop for _, crop in batch], language, self.hot_words, "translate")
            for (segment, _), own in zip(batch, texts, strict=True):
                english = "".join(part.text for part in own).strip()
                translated.append(segment.model_copy(update={"translation": english or None}))
        return translated


def _parts_without_words(windows: Sequence[SpeechWindow], segments: Sequence[Segment]) -> list[SpeechWindow]:
    """Return the parts of windows of several in which no word is, although speech is long enough for one."""
    spans = [(word.start, word.end) for segment in segments for word in segment.words or (segment,)]
    parts = [part for window in windows if len(window.parts) > 1 for part in window.parts]
    return [
        SpeechWindow((part,))
        for part in parts
        if part.spoken[1] - part.spoken[0] >= _ENOUGH
        and not any(start < part.start + part.duration and end > part.start for start, end in spans)
    ]


def _crop(segment: Segment, windows: Sequence[SpeechWindow]) -> SpeechWindow:
    """Return the sound of a segment with a margin, without the pauses in it."""
    first, last = segment.start - _MARGIN, segment.end + _MARGIN
    parts = []
    for part in chain.from_iterable(window.parts for window in windows):
        start, stop = (max(round((time - part.start) * SAMPLE_RATE), 0) for time in (first, last))
        if len(samples := part.samples[start:stop]):
            duration = len(samples) / SAMPLE_RATE
            parts.append(SpeechPart(part.start + start / SAMPLE_RATE, samples, (0.0, duration)))
    return SpeechWindow(tuple(parts))


def _with_language(segment: Segment, main: str | None) -> Segment:
    return segment.model_copy(update={"language": None if segment.language == main else segment.language})


def _translation_warnings(segments: Sequence[Segment]) -> Iterator[str]:
    """Yield a warning if the model does not translate: turbo is not trained to, and repeats what it hears."""
    repeated = [segment for segment in segments if segment.translation == segment.text]
    missing = [segment for segment in segments if segment.language and segment.language != "en"]
    if repeated and 2 * len(repeated) > len(missing):
        yield (
            f"{len(repeated)} of {len(missing)} segments in another language than English were repeated instead of "
            "translated; the models turbo and distil do not translate"
        )
