"""Emotions in speech: which person has which emotion, and the emotion of every stretch of time.

The rules use these terms. A clause has a subject and a finite verb. A statement attributes a keyword to its subject, by
a linking verb ("John looks sad"). A keyword is asserted unless it is in the scope of a negation ("never sad"), part of
a question ("is he sad?") or hypothetical: under a supposition ("if he is sad"), in a future or conditional tense
("would be sad") or in a command ("be calm"). An utterance is a part of a sentence with at most one statement.
Coreference resolution replaces a pronoun by the name it refers to. Attribution decides whether a keyword is about the
patient, whose names are known or assumed: only those label a session.

names = names_of(locate("patients/ana"), "ana", given=["Ana Lopez"])
findings = find_emotions(transcript, duration=12.5, names=names)
findings.dominant, findings.annotations[0].person, findings.timeline, findings.attribution.how
"""

from sightline.emotion.analysis import find_emotions, find_emotions_in
from sightline.emotion.file_names import person_slug
from sightline.emotion.keywords import NEUTRAL, Keywords, load_keywords
from sightline.emotion.languages.loading import Languages, load_languages, table_languages
from sightline.emotion.models import (
    About,
    Annotation,
    Attribution,
    EmotionFindings,
    KeywordHit,
    NameQuestion,
    PatientVoice,
    Stretch,
)
from sightline.emotion.patient_names import NAMES_FILE, PatientNames, add_names, names_of, read_names
from sightline.emotion.spoken_folder import spoken_name
from sightline.emotion.voices import VoicesUsed

__all__ = [
    "NAMES_FILE",
    "NEUTRAL",
    "About",
    "Annotation",
    "Attribution",
    "EmotionFindings",
    "KeywordHit",
    "Keywords",
    "Languages",
    "NameQuestion",
    "PatientNames",
    "PatientVoice",
    "Stretch",
    "VoicesUsed",
    "add_names",
    "find_emotions",
    "find_emotions_in",
    "load_keywords",
    "load_languages",
    "names_of",
    "person_slug",
    "read_names",
    "spoken_name",
    "table_languages",
]
