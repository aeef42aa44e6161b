"""Saying things to the emotion finder."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sightline.emotion import EmotionFindings, find_emotions
from sightline.speech import Segment, Transcript

Say = Callable[..., EmotionFindings]


@pytest.fixture(scope="session")
def say() -> Say:
    """Find emotions in segments of ``seconds`` each that follow one another, as a punctuating engine gives them."""

    def find(*texts: str, seconds: float = 4.0, duration: float | None = None) -> EmotionFindings:
        segments = tuple(
            Segment(start=i * seconds, end=(i + 1) * seconds, text=text) for i, text in enumerate(texts) if text
        )
        transcript = Transcript(segments=segments, language="en", engine="whisper", model="base")
        return find_emotions(transcript, len(texts) * seconds if duration is None else duration)

    return find


@pytest.fixture(scope="session")
def told(say: Say) -> Callable[[str], list[str]]:
    """What one text tells of whom, as "person emotion"."""
    return lambda text: [f"{found.person} {found.emotion}" for found in say(text).annotations]


@pytest.fixture(scope="session")
def words(say: Say) -> Callable[[str], list[str]]:
    """The keywords of one text that count."""
    return lambda text: [hit.word for hit in say(text).hits]
