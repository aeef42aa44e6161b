"""When things were said."""

from __future__ import annotations

import pytest

from sightline.emotion import find_emotions
from sightline.speech import Segment, Transcript, Word


def transcript(*segments: Segment) -> Transcript:
    return Transcript(segments=segments, language="en", engine="whisper", model="base")


def spoken(start: float, *words: str, text: str | None = None) -> Segment:
    """A segment with its words, half a second each and a tenth of silence after each."""
    timed = tuple(
        Word(text=word, start=start + 0.6 * i, end=start + 0.6 * i + 0.5, confidence=None)
        for i, word in enumerate(words)
    )
    return Segment(start=start, end=timed[-1].end, text=text or " ".join(words), confidence=None, words=timed)


def test_an_annotation_that_spans_two_segments_was_lost_in_the_original(say):
    (found,) = say("So. This is a video of John", "being happy today. Next.").annotations
    assert (found.person, found.emotion, found.text) == ("John", "happy", "This is a video of John being happy today.")
    assert 0 < found.start < 4 < found.end < 8


@pytest.mark.parametrize(
    "parts", [("Mary", "Ann is happy."), ("Mary Ann is", "very", "happy."), ("Mary Ann is not", "sad but happy.")]
)
def test_a_sentence_is_found_wherever_its_segments_part(say, parts):
    (found,) = say(*parts).annotations
    assert (found.person, found.emotion, found.text) == ("Mary Ann", "happy", " ".join(parts))


def test_a_negation_in_one_segment_reaches_the_keyword_in_the_next(say):
    assert say("John is not", "happy at all.").hits == ()


def test_times_come_from_the_words_where_there_are_words():
    segment = spoken(2.0, " Look.", " John", " is", " happy.", text=" Look. John is happy.")
    findings = find_emotions(transcript(segment), 10)
    (found,), (hit,) = findings.annotations, findings.hits
    assert (found.text, found.start, found.end) == ("John is happy.", pytest.approx(2.6), pytest.approx(4.3))
    assert (hit.start, hit.end) == (pytest.approx(3.8), pytest.approx(4.3))


def test_times_of_words_hold_across_segments():
    findings = find_emotions(transcript(spoken(1, "John", "is"), spoken(8, "happy", "today.")), 20)
    assert (findings.annotations[0].start, findings.annotations[0].end) == (1, pytest.approx(9.1))


def test_a_contraction_takes_the_time_of_its_word():
    (found,) = find_emotions(transcript(spoken(0, "Well.", "John's", "happy.")), 5).annotations
    assert found.start == pytest.approx(0.6)


def test_without_words_times_are_in_proportion_to_the_place_in_the_segment(say):
    found, hit = (say("One. John is sad.", seconds=17).annotations[0], say("One. John is sad.", seconds=17).hits[0])
    assert (found.start, found.end) == (5, 17)
    assert (hit.start, hit.end) == (13, 16)


def test_a_word_that_is_not_in_the_text_costs_no_more_than_its_own_time():
    segment = spoken(0, " Jon", " is", " happy.", text="John is happy.")
    findings = find_emotions(transcript(segment), 5)
    assert findings.annotations[0].start == 0
    assert findings.hits[0].start == pytest.approx(1.2)


def test_times_after_the_end_of_the_video_are_moved_to_its_end(say):
    (found,) = say("Hello.", "John is happy.", duration=6.0).annotations
    assert (found.start, found.end) == (4, 6)


def test_without_punctuation_a_silence_ends_a_sentence():
    said = spoken(0, "mary", "is", "not", "happy"), spoken(10, "crying", "again")
    assert [hit.word for hit in find_emotions(transcript(*said), 20).hits] == ["crying"]


def test_without_punctuation_a_sentence_ends_with_its_segment_where_nothing_goes_on(say):
    found = say("john is excited about the music", "then it stopped and mary", "was surprised").annotations
    assert [annotation.text for annotation in found] == [
        "john is excited about the music",
        "then it stopped and mary was surprised",
    ]


def test_with_punctuation_somebody_who_hesitates_goes_on():
    said = spoken(0, "John", "is"), spoken(10, "happy", "now.")
    assert [found.text for found in find_emotions(transcript(*said), 20).annotations] == ["John is happy now."]


def test_speakers_who_overlap_are_both_heard():
    first = Segment(start=0, end=6, text="John is happy.", confidence=None, words=())
    second = Segment(start=3, end=5, text="Mary is sad.", confidence=None, words=())
    findings = find_emotions(transcript(first, second), 10)
    assert [(found.person, found.start) for found in findings.annotations] == [("John", 0), ("Mary", 3)]
    assert [(part.emotion, part.start, part.end) for part in findings.timeline] == [("happy", 0, 3), ("sad", 3, 10)]
