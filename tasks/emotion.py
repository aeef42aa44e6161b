"""The step that finds emotions in a transcript."""

from __future__ import annotations

from sightline import emotion
from sightline.emotion import EmotionFindings, Keywords
from sightline.speech import Transcript
from tasks.support.policy import PLAIN, sightline_task


@sightline_task(**PLAIN)
def find_emotions(transcript: Transcript, duration: float, keywords: Keywords) -> EmotionFindings:
    """Find keywords, annotations, the dominant emotion and the timeline over ``duration`` seconds."""
    return emotion.find_emotions(transcript, duration, keywords)
