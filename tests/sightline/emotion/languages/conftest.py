"""Fixtures that analyse short texts in other languages than English."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sightline.emotion import EmotionFindings, PatientNames, find_emotions, load_languages
from sightline.speech import Segment, Transcript

Read = Callable[..., EmotionFindings]

SPANISH = """
name = "Spanish"
drops_subject = true
emotions.happy = ["feliz", "contento", "contenta", "alegre"]
emotions.sad = ["triste", "llorando"]
emotions.angry = ["enfadado", "enfadada"]
linking = ["es", "está", "están", "parece", "estaba"]
negation = ["no", "nunca", "ni"]
supposition = ["si", "sería"]
prepositions = ["a", "con", "de", "en", "para"]
pronouns = {"él" = "he", "ella" = "she", "yo" = "i"}
"""


@pytest.fixture(scope="session")
def german() -> Read:
    """Find emotions in German segments of four seconds; ``names`` are the patient's."""

    def read(*texts: str, names: tuple[str, ...] = ()) -> EmotionFindings:
        segments = tuple(Segment(start=4 * i, end=4 * i + 4, text=text) for i, text in enumerate(texts))
        transcript = Transcript(segments=segments, language="de", engine="whisper", model="base")
        return find_emotions(transcript, 4.0 * len(texts), names=PatientNames.given(names))

    return read


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder with a small table for Spanish."""
    (tmp_path / "es.toml").write_text(SPANISH, encoding="utf-8")
    return tmp_path


@pytest.fixture
def spanish(tables: Path) -> Read:
    """Find emotions in Spanish segments with the table of a user."""
    languages = load_languages(tables)

    def read(*texts: str, names: tuple[str, ...] = ()) -> EmotionFindings:
        segments = tuple(Segment(start=4 * i, end=4 * i + 4, text=text) for i, text in enumerate(texts))
        transcript = Transcript(segments=segments, language="es", engine="file", model="file")
        return find_emotions(transcript, 4.0 * len(texts), names=PatientNames.given(names), languages=languages)

    return read
