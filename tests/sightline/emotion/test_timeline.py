"""The dominant emotion and the emotion of every stretch of time."""

from __future__ import annotations

import pytest


def stretches(findings):
    return [(part.start, part.end, part.emotion) for part in findings.timeline]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("John is happy. Mary is sad. Ana is sad.", "sad"),
        ("John is sad. Mary is happy.", "sad"),
        ("John is angry. Mary is happy. Ana is sad. Peter is happy. Paul is angry.", "angry"),
        ("John is here.", "neutral"),
        ("John is not happy.", "neutral"),
        ("", "neutral"),
    ],
)
def test_the_dominant_emotion_has_most_hits_and_of_several_is_the_first_met(say, text, expected):
    assert say(text).dominant == expected


def test_keywords_are_listed_by_emotion_as_they_were_said(say):
    findings = say("John is sad. He was happy, glad and excited. He is upset. He is happy.")
    assert findings.keywords == {"happy": ["happy", "glad", "excited", "happy"], "sad": ["sad", "upset"]}
    assert list(findings.keywords) == ["happy", "sad"]


def test_an_emotion_holds_until_a_sentence_tells_another(say):
    findings = say("John is happy.", "He has a ball.", "Mary is sad.")
    assert stretches(findings) == [(0, 8, "happy"), (8, 12, "sad")]
    assert [part.evidence for part in findings.timeline] == ["John is happy.", "Mary is sad."]


def test_an_emotion_fades_to_neutral_when_nothing_more_is_told(say):
    findings = say("Hello there.", "John is happy.", duration=30)
    assert stretches(findings) == [(0, 4, "neutral"), (4, 13, "happy"), (13, 30, "neutral")]
    assert findings.timeline[2].evidence == ""


def test_neighbours_of_one_emotion_are_one_stretch_with_all_the_evidence(say):
    findings = say("John is happy.", "Mary is glad.", "", "", "", "Ana is okay.")
    assert stretches(findings) == [(0, 13, "happy"), (13, 24, "neutral")]
    assert [part.evidence for part in findings.timeline] == ["John is happy. Mary is glad.", "Ana is okay."]


def test_a_transcript_without_a_word_is_neutral_throughout(say):
    assert stretches(say(duration=8.5)) == [(0, 8.5, "neutral")]


def test_a_video_of_no_length_has_no_stretch(say):
    assert say(duration=0).timeline == ()
    assert say("John is happy.", duration=0).timeline == ()


@pytest.mark.parametrize("duration", [-1.0, float("nan"), float("inf")])
def test_a_duration_that_cannot_be_is_refused(say, duration):
    with pytest.raises(ValueError, match="duration"):
        say("John is happy.", duration=duration)
