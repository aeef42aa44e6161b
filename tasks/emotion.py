"""The step that finds emotions in a transcript."""

from __future__ import annotations

from sightline import emotion
from sightline.emotion import EmotionFindings, Keywords, PatientNames
from sightline.speech import Transcript
from tasks.support.policy import PLAIN, sightline_task


@sightline_task(**PLAIN)
def find_emotions(transcript: Transcript, duration: float, keywords: Keywords, names: PatientNames) -> EmotionFindings:
    """Find keywords, annotations, the patient's dominant emotion and their timeline over ``duration`` seconds."""
    return emotion.find_emotions(transcript, duration, keywords, names=names)
