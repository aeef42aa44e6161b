"""Whose voice says "I am sad": the patient's, somebody else's, or one that is not known."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.emotion import EmotionFindings, PatientNames, VoicesUsed, find_emotions_in
from sightline.speech import Segment, Voice

ANA = PatientNames(theirs=("Ana",), others=("Ben",))
Line = tuple[int | None, str]


def voices(count: int, **known: int) -> VoicesUsed:
    heard = tuple(Voice(number=number, seconds=10, embedding=(1.0,)) for number in range(1, count + 1))
    return VoicesUsed(heard=heard, **known)


def dialogue(*lines: Line, names: PatientNames = ANA, count: int = 2, **known: int) -> EmotionFindings:
    """Find the emotions in lines of two seconds, each with its speaker."""
    segments = [Segment(start=2.0 * i, end=2.0 * i + 2, text=text, speaker=who) for i, (who, text) in enumerate(lines)]
    return find_emotions_in(segments, 2.0 * len(lines), names=names, voices=voices(count, **known))


def abouts(*lines: Line, **options: int) -> list[str]:
    return [hit.about for hit in dialogue(*lines, **options).hits]


SAD = "I am sad."


@pytest.mark.parametrize(
    ("lines", "known", "expected"),
    [
        ([(1, SAD), (2, "I am happy.")], {"given": 1}, ["patient", "other"]),
        ([(1, SAD), (2, "I am happy.")], {"recognised": 2}, ["other", "patient"]),
        ([(1, SAD), (2, "I am happy.")], {}, ["unclear", "unclear"]),
        ([(1, SAD), (None, SAD)], {"given": 1}, ["patient", "unclear"]),
        # A name that a voice says as its own
        ([(1, "My name is Ana."), (1, SAD), (2, SAD)], {}, ["patient", "other"]),
        ([(1, "Good morning, I'm Ana."), (2, SAD)], {}, ["other"]),
        ([(1, "I am Ana's nurse."), (1, SAD), (2, SAD)], {}, ["other", "unclear"]),
        ([(1, "My name is Ben."), (1, SAD), (2, SAD)], {}, ["other", "unclear"]),
        ([(1, "She said I am Ana."), (1, SAD)], {}, ["unclear"]),
        ([(1, "My name is Ana?"), (1, SAD)], {}, ["unclear"]),
        ([(1, "I'm Ana."), (2, "I'm Ana."), (1, SAD), (2, SAD)], {}, ["unclear", "unclear"]),
        # A voice that answers to the name
        ([(1, "How are you, Ana?"), (2, SAD), (1, SAD)], {}, ["patient", "other"]),
        ([(1, "How are you, Ana?"), (1, "Did you sleep?"), (2, SAD), (1, SAD)], {}, ["patient", "other"]),
        ([(1, "How are you, Ana?"), (1, "It rains."), (1, "Well."), (2, SAD)], {}, ["unclear"]),
        ([(1, "How are you, Ana?"), (1, "And how are you, Ben?"), (2, SAD)], {}, ["unclear"]),
        ([(1, "Hello Ana."), (2, SAD), (1, SAD)], {}, ["unclear", "other"]),
        ([(1, "How are you, Ana?"), (2, "She slept badly."), (2, SAD)], {}, ["unclear"]),
        ([(1, "How are you, Ana?"), (2, "Fine."), (2, "Ben is sad.")], {}, ["other"]),
        ([(1, "How are you, Ana?"), (2, "Ana slept badly."), (2, SAD)], {}, ["unclear"]),
        ([(1, "How are you, Ben?"), (2, SAD), (1, SAD)], {}, ["unclear", "unclear"]),
        # The person addressed
        ([(1, "You look sad."), (2, "You are sad.")], {"given": 2}, ["patient", "other"]),
        ([(1, "You look sad.")], {}, ["unclear"]),
        # Names and others are attributed as without voices
        ([(1, "Ana is sad."), (2, "Ben is sad.")], {}, ["patient", "other"]),
        ([(2, "Ana is sad.")], {"given": 1}, ["patient"]),
        # Who says so does not change a negation
        ([(1, "I am not sad.")], {"given": 1}, []),
    ],
)
def test_first_and_second_person(lines: list[Line], known: dict[str, int], expected: list[str]) -> None:
    assert abouts(*lines, **known) == expected


def test_third_voice_may_be_the_one_addressed() -> None:
    assert abouts((1, "You look sad."), (3, "Yes."), count=3, given=2) == ["unclear"]
    assert abouts((1, "How are you, Ana?"), (2, SAD), (3, "Yes."), count=3) == ["unclear"]


def test_only_voice_counts_as_without_voices() -> None:
    assert abouts((1, SAD), count=1) == ["patient"]
    assert abouts((1, "Ben is here."), (1, SAD), count=1) == ["unclear"]
    assert abouts((1, "I am Ben."), (1, SAD), count=1) == ["other"]
    # A part that is too short to tell may be somebody else's.
    assert abouts((None, SAD), count=1) == ["unclear"]


def test_sentence_ends_where_another_voice_begins() -> None:
    findings = dialogue((1, "I am"), (2, "sad for you"), given=1)
    assert [hit.about for hit in findings.hits if hit.about == "patient"] == []


def test_undecided_voice_is_reported_and_unusable() -> None:
    attribution = dialogue((1, SAD), (2, "Good.")).attribution
    assert attribution.voice is not None
    assert attribution.voice.how == "undecided"
    assert "--patient-voice" in str(attribution.warning)
    assert "I am sad" in str(attribution.unusable)


def test_reason_and_speaker_are_recorded() -> None:
    findings = dialogue((1, "How are you, Ana?"), (2, SAD))
    assert findings.attribution.voice is not None
    assert (findings.attribution.voice.how, findings.attribution.voice.number) == ("addressed", 2)
    assert [(one.person, one.speaker) for one in findings.annotations] == [("Ana", 2)]


def test_without_voices_speakers_are_ignored() -> None:
    segments = [Segment(start=0, end=2, text=SAD, speaker=2), Segment(start=2, end=4, text="Yes.", speaker=1)]
    findings = find_emotions_in(segments, 4, names=ANA)
    assert [hit.about for hit in findings.hits] == ["patient"]
    assert findings.attribution.voice is None


CARER = ("I am sad.", "I feel angry today.", "My mood is calm.", "We are happy.", "So happy today!", "I'm so sad.")
PATIENT = ("Yes.", "It is raining.", "I see a bird.", "No.")


@given(
    said=st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=8),
    start=st.sampled_from(["My name is Ana.", "Good morning, I'm Ana.", ""]),
)
def test_carer_never_labels_the_patient(said: list[tuple[bool, int]], start: str) -> None:
    lines: list[Line] = [(2, start or "Hello.")]
    lines += [(1, CARER[i]) if carer else (2, PATIENT[i % len(PATIENT)]) for carer, i in said]
    findings = dialogue(*lines)
    assert findings.dominant == "neutral"
    assert not [hit for hit in findings.hits if hit.about == "patient"]


def test_numbers_of_voices_do_not_matter() -> None:
    for one, two in itertools.permutations((1, 2)):
        lines = ((one, "How are you, Ana?"), (two, SAD), (one, "I am happy."))
        assert abouts(*lines) == ["patient", "other"]
