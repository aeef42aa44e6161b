"""Random German dialogues: no keyword is attributed to a wrong person, with and without capitals and punctuation."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.emotion import PatientNames, find_emotions_in
from sightline.speech import Segment
from tests.sightline.emotion.dialogues import STYLES
from tests.sightline.emotion.languages.german_dialogues import GermanDialogue, expected, make_dialogue

# The least share of keywords that are attributed rightly; the rest is unclear.
RIGHT = {"as written": 0.85, "lower case": 0.8, "no marks": 0.3, "lower case, no marks": 0.3, "upper case": 0.8}
SECONDS_PER_CHARACTER = 1 / 16

seeds = st.integers(0, 10**9)


def dialogue_of(seed: int) -> tuple[GermanDialogue, str]:
    random = Random(seed)
    dialogue = make_dialogue(random, random.choice((2, 2, 3)), random.randint(2, 7))
    return dialogue, random.choice(dialogue.figures).name


def outcomes(dialogue: GermanDialogue, style: str, patient: str, *, lists_others: bool) -> list[str]:
    """Return whether each keyword that should count is attributed rightly, and each that counts but should not."""
    text, places = dialogue.text(style), dialogue.places(style)
    others = [figure.name for figure in dialogue.figures if figure.name != patient] if lists_others else []
    names = PatientNames.given([patient], others)
    duration = len(text) * SECONDS_PER_CHARACTER
    findings = find_emotions_in([Segment(start=0, end=duration, text=text)], duration, names=names, language="de")
    found = {round(hit.start / SECONDS_PER_CHARACTER): hit.about for hit in findings.hits}
    assert found.keys() <= places.keys()
    results = []
    for place, truth in places.items():
        about = found.get(place)
        want = "unclear" if truth is None else expected(dialogue, truth, patient)
        if (about or "unclear") == want:
            results.append("right")
        else:
            results.append("unclear" if about in (None, "unclear") else f"wrong: {about} at {place}, not {want}")
    return results


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=60, deadline=None)
@given(seed=seeds, lists_others=st.booleans())
def test_no_keyword_is_attributed_to_a_wrong_person(style: str, seed: int, lists_others: bool) -> None:
    dialogue, patient = dialogue_of(seed)
    found = outcomes(dialogue, style, patient, lists_others=lists_others)
    assert {*found} <= {"right", "unclear"}, f"{patient}: {dialogue.text(style)}"


@pytest.mark.parametrize("style", STYLES)
def test_most_keywords_are_attributed(style: str) -> None:
    counts: Counter[str] = Counter()
    for seed in range(80):
        dialogue, patient = dialogue_of(seed)
        counts.update(outcomes(dialogue, style, patient, lists_others=False))
    assert counts["right"] / counts.total() >= RIGHT[style], counts


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_of_two_people_none_is_assumed_to_be_the_patient(style: str, seed: int) -> None:
    dialogue, _ = dialogue_of(seed)
    text = dialogue.text(style)
    findings = find_emotions_in([Segment(start=0, end=60, text=text)], 60, language="de")
    if len(dialogue.mentioned) > 1:
        assert (findings.dominant, findings.keywords) == ("neutral", {}), text
