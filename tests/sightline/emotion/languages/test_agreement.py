"""German sentences and their English translations give the same emotion and the same person."""

from __future__ import annotations

import pytest

from sightline.emotion import PatientNames, find_emotions_in
from sightline.speech import Segment

PAIRS = [
    ("Ana ist heute sehr traurig.", "Ana is very sad today."),
    ("Heute ist Ana glücklich, aber Ben ist wütend.", "Today Ana is happy, but Ben is angry."),
    ("Ich glaube nicht, dass Ana traurig ist.", "I don't think that Ana is sad."),
    ("Ana und Ben sind überrascht.", "Ana and Ben are surprised."),
    ("Ist Ana wütend? Nein, sie ist glücklich.", "Is Ana angry? No, she is happy."),
    ("Ana spielt mit Ben. Er ist traurig.", "Ana plays with Ben. He is sad."),
    ("Anas Mutter ist wütend. Ana ist ruhig.", "Ana's mother is angry. Ana is calm."),
    ("Wenn Ana traurig ist, machen wir eine Pause.", "If Ana is sad, we take a break."),
    ("Die Musik macht Ana glücklich.", "The music makes Ana happy."),
    ("Ana, die neben Ben sitzt, ist enttäuscht.", "Ana, who sits next to Ben, is disappointed."),
    ("Ana war traurig und ist jetzt glücklich.", "Ana was sad and is now happy."),
    ("Frohe Weihnachten, Ana!", "Happy Christmas, Ana!"),
]


@pytest.mark.parametrize(("german", "english"), PAIRS)
def test_german_and_english_agree(german: str, english: str) -> None:
    def found(text: str, language: str) -> list[tuple[str, str]]:
        names = PatientNames.given(["Ana"], ["Ben"])
        findings = find_emotions_in([Segment(start=0, end=9, text=text)], 9, names=names, language=language)
        return [(hit.emotion, hit.about) for hit in findings.hits]

    assert found(german, "de") == found(english, "en")
