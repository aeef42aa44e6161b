"""The speakers of a transcript's segments, from turns that are given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.speech import Segment, Speakers, Transcript, Word, assign_speakers
from sightline.speech.speakers import TURN_STEP


def speakers(*turns: tuple[float, int]) -> Speakers:
    """Voices one after the other: seconds and number; 0 is nobody or unknown."""
    numbers = [np.full(round(seconds / TURN_STEP), number) for seconds, number in turns]
    return Speakers(np.concatenate(numbers), ())


def said(text: str, start: float, end: float) -> Segment:
    """A segment whose words take equally long."""
    words = text.split()
    length = (end - start) / len(words)
    timed = [Word(text=word, start=start + i * length, end=start + (i + 1) * length) for i, word in enumerate(words)]
    return Segment(start=start, end=end, text=text, words=tuple(timed))


def assign(segments: list[Segment], found: Speakers) -> list[tuple[int | None, str]]:
    transcript = Transcript(segments=tuple(segments), language="en", engine="file", model="words.vtt")
    assigned = assign_speakers(transcript, found).segments
    Transcript.model_validate(transcript.model_dump() | {"segments": [one.model_dump() for one in assigned]})
    return [(segment.speaker, segment.text) for segment in assigned]


TWO = speakers((4, 1), (4, 2))


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([said("Good morning to you.", 0, 4)], [(1, "Good morning to you.")]),
        (
            [said("How are you today? I am sad today.", 0, 8)],
            [(1, "How are you today?"), (2, "I am sad today.")],
        ),
        # The sentence ends near the change, which is not exact.
        (
            [said("How are you doing today my dear? I feel really very sad.", 0, 6)],
            [(1, "How are you doing today my dear?"), (2, "I feel really very sad.")],
        ),
        # Without word times
        ([Segment(start=0, end=3, text="Good.")], [(1, "Good.")]),
        ([Segment(start=2, end=6, text="Good. Bad.")], [(None, "Good. Bad.")]),
        # Outside of the turns, and before the start
        ([said("Nobody hears this.", 20, 24)], [(None, "Nobody hears this.")]),
    ],
)
def test_segments_have_their_speakers(segments: list[Segment], expected: list[tuple[int | None, str]]) -> None:
    assert assign(segments, TWO) == expected


def test_unknown_stays_unknown() -> None:
    assert assign([said("I am sad.", 0, 2)], speakers((2, 0))) == [(None, "I am sad.")]
    # A voice in a small part of a segment does not get all of it.
    assert assign([said("I am sad and so are you.", 0, 8)], speakers((1, 1), (7, 0))) == [
        (None, "I am sad and so are you.")
    ]


def test_single_step_of_another_voice_does_not_split() -> None:
    found = speakers((2, 1), (0.25, 2), (3, 1))
    assert assign([said("I went for a walk along the river.", 0, 5)], found) == [
        (1, "I went for a walk along the river.")
    ]


def test_segment_with_a_translation_is_not_split() -> None:
    segment = said("Wie geht es dir? Ich bin traurig.", 0, 8).model_copy(
        update={"translation": "How are you? I am sad."}
    )
    assert assign([segment], TWO) == [(None, segment.text)]


def test_parts_of_overlapping_segments_are_in_order() -> None:
    segments = [said("How are you today? I am sad today.", 0, 8), said("Well well well.", 1, 3)]
    assert len(assign(segments, TWO)) == 3


@given(
    st.lists(st.tuples(st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 3)), min_size=1, max_size=8),
    st.lists(st.sampled_from(["yes.", "sad", "I", "am", "no?"]), min_size=1, max_size=12),
)
def test_no_word_is_lost_or_moved(turns: list[tuple[float, int]], words: list[str]) -> None:
    parts = assign([said(" ".join(words), 0.3, 6)], speakers(*turns))
    assert " ".join(text for _, text in parts).split() == words
