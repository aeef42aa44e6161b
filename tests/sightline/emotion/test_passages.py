"""Transcripts in other languages: their own words, their translation, or neither."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.emotion import EmotionFindings, PatientNames, find_emotions_in, load_languages
from sightline.emotion.languages.loading import Languages
from sightline.speech import Segment


def segment(start: float, text: str, language: str | None = None, translation: str | None = None) -> Segment:
    return Segment(start=start, end=start + 4, text=text, language=language, translation=translation)


def find(*segments: Segment, language: str | None = None, **options: Any) -> EmotionFindings:
    names = PatientNames.given(["Ana"])
    return find_emotions_in(segments, 20, names=names, language=language, **options)


def test_segments_are_read_in_their_own_languages() -> None:
    findings = find(
        segment(0, "Ana ist traurig."), segment(4, "She is happy.", "en"), segment(8, "Sie ist wütend."), language="de"
    )
    assert [(hit.emotion, hit.person, hit.about) for hit in findings.hits] == [
        ("sad", "Ana", "patient"),
        ("happy", "Ana", "patient"),
        ("angry", "Ana", "patient"),
    ]
    assert findings.warnings == ()


@pytest.mark.parametrize("name", ["de", "de-AT", "DE", "German", "german"])
def test_language_may_be_a_code_or_a_name(name: str) -> None:
    assert find(segment(0, "Ana ist traurig."), language=name).dominant == "sad"


@pytest.mark.parametrize("name", [None, "", "und", "en", "en-GB", "eng", "English"])
def test_unnamed_language_is_english(name: str | None) -> None:
    assert find(segment(0, "Ana is sad."), language=name).dominant == "sad"


def test_language_without_table_is_read_in_its_translation() -> None:
    findings = find(segment(0, "Ana está triste hoy.", translation="Ana is sad today."), language="es")
    (annotation,) = findings.annotations
    assert (annotation.translated_from, annotation.spoken) == ("es", "Ana está triste hoy.")
    assert (annotation.person, annotation.emotion, annotation.text) == ("Ana", "sad", "Ana is sad today.")
    assert findings.timeline[0].evidence == "Ana está triste hoy. (Ana is sad today.)"
    assert findings.timeline[0].start == 0
    assert annotation.end == 4
    assert findings.warnings == ("the emotions of 1 segment in the language es were found in the English translation",)


def test_segment_without_table_and_translation_labels_nothing() -> None:
    findings = find(segment(0, "Ana is sad and happy.", "fr"), segment(4, "Ana is angry."), language="en")
    assert [hit.emotion for hit in findings.hits] == ["angry"]
    (warning,) = findings.warnings
    assert "1 segment in the language fr was not searched" in warning
    assert "LANGUAGE_TABLES" in warning


def test_own_words_are_preferred_to_a_translation() -> None:
    findings = find(segment(0, "Ana ist traurig.", translation="Ana is angry."), language="de")
    assert (findings.dominant, findings.annotations[0].translated_from) == ("sad", None)


def test_person_of_one_language_is_that_of_another() -> None:
    findings = find(
        segment(0, "Ana is here with Ben.", "en"),
        segment(4, "Er ist wütend.", "de"),
        segment(8, "Está triste.", "es", "She is sad."),
    )
    assert [(hit.emotion, hit.about) for hit in findings.hits] == [("angry", "other"), ("sad", "patient")]


def test_german_text_of_unnamed_language_gives_a_warning() -> None:
    text = "Heute ist Ana mit ihrer Mutter hier, und sie ist sehr traurig, weil die Schwester nicht gekommen ist."
    (warning,) = find(segment(0, text)).warnings
    assert "look like German (de)" in warning


def test_other_text_of_unnamed_language_gives_a_warning() -> None:
    text = "Dzisiaj Ana siedzi obok swojej mamy i jest bardzo smutna, ponieważ pielęgniarka nie przyszła rano."
    (warning,) = find(segment(0, text)).warnings
    assert "mostly not English" in warning


def test_emotion_that_the_keyword_table_lacks_gives_a_warning() -> None:
    german = load_languages().tables["de"]
    table = german.model_copy(update={"emotions": {**german.emotions, "dreamy": ("verträumt",)}})
    findings = find(segment(0, "Ana ist verträumt."), language="de", languages=Languages({"de": table}))
    assert findings.hits == ()
    assert "dreamy" in findings.warnings[0]
