"""What is heard again, with a recogniser that ends its windows early."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.speech.spoken_languages import Shares
from sightline.speech.whisper_result import WhisperSegment, WhisperWord
from sightline.speech.whisper_transcriber import WhisperTranscriber
from sightline.speech.windows import SpeechWindow


class EndsEarly:
    """Hears one word in the first part of every window, and nothing of the other parts."""

    is_multilingual = False

    def __init__(self) -> None:
        self.heard: list[int] = []

    def language_shares(self, windows: Sequence[SpeechWindow]) -> list[list[Shares]]:
        raise AssertionError("an English model is not asked for the language")

    def recognize(
        self, windows: Sequence[SpeechWindow], language: str, hot_words: Sequence[str], task: str = "transcribe"
    ) -> list[list[WhisperSegment]]:
        assert (language, task) == ("en", "transcribe")
        self.heard += [len(window.parts) for window in windows]
        return [[_word(window)] for window in windows]


def _word(window: SpeechWindow) -> WhisperSegment:
    start, end = window.parts[0].spoken
    return WhisperSegment(
        start=start, end=end, text=" Happy.", words=(WhisperWord(word=" Happy.", start=start, end=end),)
    )


def test_parts_without_words_are_heard_alone(utterance: NDArray[np.float32]) -> None:
    recognizer = EndsEarly()
    sound = np.tile(utterance, 3)
    found = WhisperTranscriber("whisper", lambda model, device: recognizer, "mine").transcribe(sound)
    assert recognizer.heard == [3, 1, 1]
    times = [(segment.start, segment.end) for segment in found.segments]
    assert times == sorted(times)
    for index, (start, end) in enumerate(times):
        # demo/speech.vtt: from 0.838 s to 2.529 s
        assert abs(start - (0.838 + 3 * index)) < 0.3
        assert abs(end - (2.529 + 3 * index)) < 0.3
    assert len(times) == 3
