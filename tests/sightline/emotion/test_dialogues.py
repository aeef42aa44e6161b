"""Random dialogues: no keyword is attributed to a wrong person, with and without capitals and punctuation."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.emotion import EmotionFindings, PatientNames, find_emotions_in
from sightline.speech import Segment
from tests.sightline.emotion.dialogues import STYLES, Dialogue, expected, make_dialogue, make_monologue

# The least share of keywords that are attributed rightly; the rest is unclear.
RIGHT = {"as written": 0.8, "lower case": 0.7, "no marks": 0.65, "lower case, no marks": 0.65, "upper case": 0.7}

seeds = st.integers(0, 10**9)


def dialogue_of(seed: int) -> tuple[Dialogue, str]:
    """Return a dialogue about two or three people, and the name of one of them."""
    random = Random(seed)
    dialogue = make_dialogue(random, random.choice((2, 2, 3)), random.randint(2, 7))
    return dialogue, random.choice(dialogue.figures).name


def analyse(dialogue: Dialogue, style: str, names: PatientNames | None) -> EmotionFindings:
    seconds = 4.0 * len(dialogue.sentences)
    return find_emotions_in([Segment(start=0, end=seconds, text=dialogue.text(style))], seconds, names=names)


def outcomes(dialogue: Dialogue, style: str, patient: str, *, lists_others: bool) -> list[str]:
    others = [figure.name for figure in dialogue.figures if figure.name != patient] if lists_others else []
    findings = analyse(dialogue, style, PatientNames.given([patient], others))
    assert len(findings.hits) == len(dialogue.truth)
    wanted = [expected(dialogue, truth, patient) for truth in dialogue.truth]
    return [
        "right" if hit.about == want else "unclear" if hit.about == "unclear" else f"wrong: {hit.word} is {hit.about}"
        for hit, want in zip(findings.hits, wanted, strict=True)
    ]


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=60, deadline=None)
@given(seed=seeds, lists_others=st.booleans())
def test_no_keyword_is_attributed_to_a_wrong_person(style: str, seed: int, lists_others: bool) -> None:
    dialogue, patient = dialogue_of(seed)
    found = outcomes(dialogue, style, patient, lists_others=lists_others)
    assert {*found} <= {"right", "unclear"}, f"{patient}: {dialogue.text(style)}"


@pytest.mark.parametrize("style", STYLES)
def test_most_keywords_are_attributed(style: str) -> None:
    counts = Counter(outcome for seed in range(150) for outcome in outcomes(*_with(seed, style), lists_others=False))
    assert counts["right"] / counts.total() >= RIGHT[style]


def _with(seed: int, style: str) -> tuple[Dialogue, str, str]:
    dialogue, patient = dialogue_of(seed)
    return dialogue, style, patient


@settings(max_examples=60, deadline=None)
@given(seed=seeds, style=st.sampled_from(["as written", "lower case", "upper case"]))
def test_while_one_person_is_talked_about_every_keyword_counts(seed: int, style: str) -> None:
    text = STYLES[style](" ".join(make_monologue(Random(seed))))
    findings = find_emotions_in([Segment(start=0, end=30, text=text)], 30)
    assert {hit.about for hit in findings.hits} <= {"patient"}, text
    assert sum(map(len, findings.keywords.values())) == len(findings.hits)
    assert findings.attribution.how in ("assumed", "nobody"), text


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_of_two_people_none_is_assumed_to_be_the_patient(style: str, seed: int) -> None:
    dialogue, _ = dialogue_of(seed)
    findings = analyse(dialogue, style, None)
    if len(dialogue.mentioned) > 1:
        assert findings.attribution.how == "undecided", dialogue.text(style)
        assert (findings.dominant, findings.keywords) == ("neutral", {})
