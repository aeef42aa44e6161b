"""Fixtures that analyse short texts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sightline.emotion import EmotionFindings, find_emotions
from sightline.speech import Segment, Transcript

Analyse = Callable[..., EmotionFindings]


@pytest.fixture(scope="session")
def analyse() -> Analyse:
    """Find emotions in consecutive segments of ``seconds`` seconds, as from an engine with punctuation."""

    def find(*texts: str, seconds: float = 4.0, duration: float | None = None) -> EmotionFindings:
        segments = tuple(
            Segment(start=i * seconds, end=(i + 1) * seconds, text=text) for i, text in enumerate(texts) if text
        )
        transcript = Transcript(segments=segments, language="en", engine="whisper", model="base")
        return find_emotions(transcript, len(texts) * seconds if duration is None else duration)

    return find


@pytest.fixture(scope="session")
def statements(analyse: Analyse) -> Callable[[str], list[str]]:
    """The annotations of one text, as "person emotion"."""
    return lambda text: [f"{annotation.person} {annotation.emotion}" for annotation in analyse(text).annotations]


@pytest.fixture(scope="session")
def asserted_words(analyse: Analyse) -> Callable[[str], list[str]]:
    """The asserted keywords of one text."""
    return lambda text: [hit.word for hit in analyse(text).hits]
