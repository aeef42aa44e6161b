"""Emotions told in speech: who is said to be how, and the emotion of every stretch of time.

findings = find_emotions(transcript, duration=12.5)
findings.dominant, findings.annotations[0].person, findings.timeline
"""

from sightline.emotion.file_names import person_slug
from sightline.emotion.find import find_emotions
from sightline.emotion.keywords import NEUTRAL, Keywords, load_keywords
from sightline.emotion.models import Annotation, EmotionFindings, KeywordHit, Stretch

__all__ = [
    "NEUTRAL",
    "Annotation",
    "EmotionFindings",
    "KeywordHit",
    "Keywords",
    "Stretch",
    "find_emotions",
    "load_keywords",
    "person_slug",
]
