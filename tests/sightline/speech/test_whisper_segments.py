import math

import numpy as np
import pytest

from sightline.speech import SAMPLE_RATE, Segment
from sightline.speech.whisper_result import WhisperSegment, WhisperWord
from sightline.speech.whisper_segments import to_segments
from sightline.speech.windows import SpeechPart, SpeechWindow


def part(start: float, duration: float) -> SpeechPart:
    samples = np.zeros(round(duration * SAMPLE_RATE), np.float32)
    return SpeechPart(start, samples, (0.25, duration - 0.25))


WINDOW = SpeechWindow((part(10, 3), part(60, 2), part(100, 4)))


def word(text: str, start: float, end: float, probability: float = 0.5) -> WhisperWord:
    return WhisperWord(word=f" {text}", start=start, end=end, probability=probability)


def heard(*words: WhisperWord) -> list[Segment]:
    text = "".join(one.word for one in words)
    return to_segments(WINDOW, [WhisperSegment(start=0, end=9, text=text, avg_logprob=-0.5, words=words)], "de")


def times(*words: WhisperWord) -> list[tuple[float, float]]:
    return [(one.start, one.end) for segment in heard(*words) for one in segment.words]


def test_words_return_to_the_times_of_the_sound() -> None:
    assert times(word("one", 0.5, 1), word("two", 3.5, 4), word("three", 6, 8)) == [(10.5, 11), (60.5, 61), (101, 103)]


def test_word_that_begins_in_a_pause_starts_with_the_speech() -> None:
    assert times(word("one", 0, 0.6), word("two", 2.6, 4.2)) == [
        pytest.approx((10.15, 10.6)),
        pytest.approx((60.15, 61.2)),
    ]


def test_word_that_ends_in_a_pause_ends_with_the_speech() -> None:
    assert times(word("one", 2, 3.1)) == [pytest.approx((12, 12.85))]


def test_words_out_of_order_and_beyond_the_window_are_put_in_order() -> None:
    found = times(word("one", 0.8, 1), word("two", 0.7, 0.9), word("three", 8.9, 12))
    assert found == [pytest.approx((10.8, 11)), pytest.approx((10.8, 10.9)), pytest.approx((103.85, 103.85))]


def test_sentence_ends_at_punctuation_or_a_pause() -> None:
    segments = heard(
        word("Dr.", 0.5, 0.7), word("May", 0.7, 0.9), word("came.", 0.9, 1.2), word("She", 1.2, 1.4),
        word("knows", 1.4, 2.0), word("me", 3.5, 4.0),
    )  # fmt: skip
    assert [segment.text for segment in segments] == ["Dr. May came.", "She knows", "me"]
    assert [(segment.start, segment.end) for segment in segments] == [(10.5, 11.2), (11.2, 12), (60.5, 61)]
    assert {segment.language for segment in segments} == {"de"}


def test_words_of_languages_without_spaces_are_joined_as_they_are() -> None:
    words = [WhisperWord(word=text, start=1, end=1.2, probability=0.9) for text in ("今日", "は", "悲しい。")]
    assert heard(*words)[0].text == "今日は悲しい。"


def test_confidence_is_the_word_mean_or_the_segment_probability() -> None:
    (segment,) = heard(word("one", 0.5, 1, 0.5), word("two", 1, 1.5, 1.0))
    assert segment.confidence == pytest.approx(0.75)
    (segment,) = to_segments(WINDOW, [WhisperSegment(start=0, end=2, text="so", avg_logprob=-0.5)], "de")
    assert (segment.confidence, segment.start) == (pytest.approx(math.exp(-0.5)), pytest.approx(10.15))
