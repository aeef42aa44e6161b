"""The times of annotations and keywords."""

from __future__ import annotations

import pytest

from sightline.emotion import find_emotions
from sightline.speech import Segment, Transcript, Word


def transcript(*segments: Segment) -> Transcript:
    return Transcript(segments=segments, language="en", engine="whisper", model="base")


def spoken(start: float, *words: str, text: str | None = None) -> Segment:
    """A segment with words of half a second, and a tenth of silence after every word."""
    timed = tuple(
        Word(text=word, start=start + 0.6 * i, end=start + 0.6 * i + 0.5, confidence=None)
        for i, word in enumerate(words)
    )
    return Segment(start=start, end=timed[-1].end, text=text or " ".join(words), confidence=None, words=timed)


def test_statement_across_two_segments_is_found(analyse):
    """The original lost it."""
    (annotation,) = analyse("So. This is a video of John", "being happy today. Next.").annotations
    assert (annotation.person, annotation.emotion, annotation.text) == (
        "John",
        "happy",
        "This is a video of John being happy today.",
    )
    assert 0 < annotation.start < 4 < annotation.end < 8


@pytest.mark.parametrize(
    "parts", [("Mary", "Ann is happy."), ("Mary Ann is", "very", "happy."), ("Mary Ann is not", "sad but happy.")]
)
def test_statement_is_found_at_any_segment_boundary(analyse, parts):
    (annotation,) = analyse(*parts).annotations
    assert (annotation.person, annotation.emotion, annotation.text) == ("Mary Ann", "happy", " ".join(parts))


def test_negation_applies_across_segments(analyse):
    assert analyse("John is not", "happy at all.").hits == ()


def test_times_are_taken_from_the_words():
    segment = spoken(2.0, " Look.", " John", " is", " happy.", text=" Look. John is happy.")
    findings = find_emotions(transcript(segment), 10)
    (annotation,), (hit,) = findings.annotations, findings.hits
    assert (annotation.text, annotation.start, annotation.end) == (
        "John is happy.",
        pytest.approx(2.6),
        pytest.approx(4.3),
    )
    assert (hit.start, hit.end) == (pytest.approx(3.8), pytest.approx(4.3))


def test_word_times_apply_across_segments():
    findings = find_emotions(transcript(spoken(1, "John", "is"), spoken(8, "happy", "today.")), 20)
    assert (findings.annotations[0].start, findings.annotations[0].end) == (1, pytest.approx(9.1))


def test_contraction_has_the_time_of_its_word():
    (annotation,) = find_emotions(transcript(spoken(0, "Well.", "John's", "happy.")), 5).annotations
    assert annotation.start == pytest.approx(0.6)


def test_times_without_words_are_interpolated_in_the_segment(analyse):
    annotation, hit = (
        analyse("One. John is sad.", seconds=17).annotations[0],
        analyse("One. John is sad.", seconds=17).hits[0],
    )
    assert (annotation.start, annotation.end) == (5, 17)
    assert (hit.start, hit.end) == (13, 16)


def test_word_missing_in_the_text_affects_only_its_own_time():
    segment = spoken(0, " Jon", " is", " happy.", text="John is happy.")
    findings = find_emotions(transcript(segment), 5)
    assert findings.annotations[0].start == 0
    assert findings.hits[0].start == pytest.approx(1.2)


def test_times_after_the_end_are_clamped(analyse):
    (annotation,) = analyse("Hello.", "John is happy.", duration=6.0).annotations
    assert (annotation.start, annotation.end) == (4, 6)


def test_silence_ends_a_sentence_without_punctuation():
    segments = spoken(0, "mary", "is", "not", "happy"), spoken(10, "crying", "again")
    assert [hit.word for hit in find_emotions(transcript(*segments), 20).hits] == ["crying"]


def test_segment_ends_a_complete_sentence_without_punctuation(analyse):
    annotations = analyse("john is excited about the music", "then it stopped and mary", "was surprised").annotations
    assert [annotation.text for annotation in annotations] == [
        "john is excited about the music",
        "then it stopped and mary was surprised",
    ]


def test_hesitation_does_not_end_a_punctuated_sentence():
    segments = spoken(0, "John", "is"), spoken(10, "happy", "now.")
    assert [annotation.text for annotation in find_emotions(transcript(*segments), 20).annotations] == [
        "John is happy now."
    ]


def test_overlapping_speakers_are_both_analysed():
    first = Segment(start=0, end=6, text="John is happy.", confidence=None, words=())
    second = Segment(start=3, end=5, text="John is sad.", confidence=None, words=())
    findings = find_emotions(transcript(first, second), 10)
    assert [(annotation.person, annotation.start) for annotation in findings.annotations] == [("John", 0), ("John", 3)]
    assert [(part.emotion, part.start, part.end) for part in findings.timeline] == [("happy", 0, 3), ("sad", 3, 10)]
