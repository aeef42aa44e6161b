"""What the words tell of emotions."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from sightline import emotion
from sightline.emotion import EmotionFindings, Keywords
from sightline.speech import Transcript


@task(cache_policy=NO_CACHE, persist_result=False)
def find_emotions(transcript: Transcript, duration: float, keywords: Keywords) -> EmotionFindings:
    """Keywords, annotations, the dominant emotion and the timeline over ``duration`` seconds."""
    return emotion.find_emotions(transcript, duration, keywords)
