"""The dominant emotion and the timeline."""

from __future__ import annotations

import pytest


def stretches(findings):
    return [(part.start, part.end, part.emotion) for part in findings.timeline]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("John is happy. He is sad. John is sad.", "sad"),
        ("John is sad. He is happy.", "sad"),
        ("John is angry. He is happy. He is sad. He is happy. He is angry.", "angry"),
        ("John is here.", "neutral"),
        ("John is not happy.", "neutral"),
        ("", "neutral"),
    ],
)
def test_dominant_emotion_has_most_hits_and_ties_go_to_the_first(analyse, text, expected):
    assert analyse(text).dominant == expected


def test_keywords_are_grouped_by_emotion_in_order_of_time(analyse):
    findings = analyse("John is sad. He was happy, glad and excited. He is upset. He is happy.")
    assert findings.keywords == {"happy": ["happy", "glad", "excited", "happy"], "sad": ["sad", "upset"]}
    assert list(findings.keywords) == ["happy", "sad"]


def test_emotion_holds_until_the_next_one(analyse):
    findings = analyse("John is happy.", "He has a ball.", "John is sad.")
    assert stretches(findings) == [(0, 8, "happy"), (8, 12, "sad")]
    assert [part.evidence for part in findings.timeline] == ["John is happy.", "John is sad."]


def test_emotion_returns_to_neutral_after_the_hold_time(analyse):
    findings = analyse("Hello there.", "John is happy.", duration=30)
    assert stretches(findings) == [(0, 4, "neutral"), (4, 13, "happy"), (13, 30, "neutral")]
    assert findings.timeline[2].evidence == ""


def test_adjacent_stretches_of_one_emotion_are_merged(analyse):
    findings = analyse("John is happy.", "He is glad.", "", "", "", "He is okay.")
    assert stretches(findings) == [(0, 13, "happy"), (13, 24, "neutral")]
    assert [part.evidence for part in findings.timeline] == ["John is happy. He is glad.", "He is okay."]


def test_empty_transcript_is_neutral(analyse):
    assert stretches(analyse(duration=8.5)) == [(0, 8.5, "neutral")]


def test_zero_duration_has_no_stretches(analyse):
    assert analyse(duration=0).timeline == ()
    assert analyse("John is happy.", duration=0).timeline == ()


@pytest.mark.parametrize("duration", [-1.0, float("nan"), float("inf")])
def test_invalid_duration_is_rejected(analyse, duration):
    with pytest.raises(ValueError, match="duration"):
        analyse("John is happy.", duration=duration)
