"""Emotions in speech: which person has which emotion, and the emotion of every stretch of time.

The rules use these terms. A clause has a subject and a finite verb. A statement attributes a keyword to its subject, by
a linking verb ("John looks sad"). A keyword is asserted unless it is in the scope of a negation ("never sad"), part of
a question ("is he sad?") or hypothetical: under a supposition ("if he is sad"), in a future or conditional tense
("would be sad") or in a command ("be calm"). An utterance is a part of a sentence with at most one statement.
Coreference resolution replaces a pronoun by the name it refers to.

findings = find_emotions(transcript, duration=12.5)
findings.dominant, findings.annotations[0].person, findings.timeline
"""

from sightline.emotion.analysis import find_emotions
from sightline.emotion.file_names import person_slug
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
