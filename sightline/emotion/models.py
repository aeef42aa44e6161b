"""The findings of the analysis. Times are in seconds from the start of the video."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

About = Literal["patient", "other", "unclear"]
"""Whom a keyword is about, as seen from the patient. Only what is about the patient counts towards their emotion."""


class _Finding(BaseModel):
    model_config = ConfigDict(frozen=True)


class KeywordHit(_Finding):
    """An asserted keyword; ``word`` is spelled as in the keyword table.

    ``person`` is whom it is about, as in :class:`Annotation`; None if the sentence names nobody ("so happy today!").
    ``speaker`` is the number of the voice that says it; None if it is not known.
    """

    emotion: str
    word: str
    start: float
    end: float
    person: str | None = None
    about: About = "unclear"
    speaker: int | None = None


class Annotation(_Finding):
    """An utterance that attributes an emotion to a person.

    ``person`` is the name as transcribed; a pronoun is replaced by the name it refers to, if exactly one person was
    named shortly before. ``text`` is the utterance as transcribed. ``about`` is None in sessions of earlier versions.
    ``people`` are the names one by one: two for "Anna and Ben". ``is_pronoun``: ``person`` is a pronoun.

    ``translated_from``: the code of the spoken language if the emotion was found in the English translation, which is
    then the ``text``; ``spoken`` has the spoken words. None and empty otherwise.
    ``people`` are the names one by one: two for "Anna and Ben". ``speaker`` is the number of the voice that says it.
    """

    person: str
    emotion: str
    text: str
    start: float
    end: float
    about: About | None = None
    people: tuple[str, ...] = ()
    is_pronoun: bool = False
    translated_from: str | None = None
    spoken: str = ""
    speaker: int | None = None


class Stretch(_Finding):
    """A stretch of time with one emotion; ``evidence`` is the text of its utterances, empty if there are none.

    Of an utterance whose translation was read, it has the spoken words, and the translation in brackets.
    """

    start: float
    end: float
    emotion: str
    evidence: str


class NameQuestion(_Finding):
    """A name in the transcript that may be the patient's, and the statements about who has it."""

    name: str
    statements: tuple[str, ...] = ()


class PatientVoice(_Finding):
    """Which of the voices of a recording is the patient's.

    ``how``: "given": the user states it; "recognised": earlier sessions have it; "named": it says the patient's name as
    its own; "addressed": it answers to the name; "only": no other voice is heard, so that it may be the patient's;
    "undecided": it is one of several. ``number`` is None for the last two. ``others`` are voices that are not the
    patient's. ``why`` is the reason.
    """

    how: Literal["given", "recognised", "named", "addressed", "only", "undecided"]
    number: int | None = None
    others: tuple[int, ...] = ()
    why: str = ""


class Attribution(_Finding):
    """How the patient was found among the people whom a transcript talks about.

    ``how``: "named": names of the patient are known; "assumed": none is known, and only one person can be the patient;
    "undecided": none is known, and two or more can be; "nobody": nobody who can be the patient is talked about.
    ``names``: the patient's known names, or the one that is assumed to be theirs.
    ``ask``: the names of which a reviewer should say whether they are the patient's.
    ``warning``: what a person should know, as a sentence; None if there is nothing.
    ``unusable``: why the emotion must not be used for training; None if it can be. The emotion is then neutral, or
    that of the statements that are certain.
    ``voice``: which voice is the patient's; None if the speakers were not told apart.
    """

    how: Literal["named", "assumed", "undecided", "nobody"] = "nobody"
    names: tuple[str, ...] = ()
    ask: tuple[NameQuestion, ...] = ()
    warning: str | None = None
    unusable: str | None = None
    voice: PatientVoice | None = None


class EmotionFindings(_Finding):
    """All emotions found in a transcript.

    ``dominant``: the emotion with the most hits about the patient; a tie goes to the first; neutral if there are none.
    ``keywords``: the emotions with hits about the patient, in the table's order, and their keywords in order of time.
    ``hits`` and ``annotations`` are about anybody. ``timeline``: consecutive stretches of the patient's emotion, which
    cover the full duration. ``warnings``: what a person should know about the languages of the transcript.
    """

    dominant: str
    keywords: dict[str, list[str]]
    hits: tuple[KeywordHit, ...]
    annotations: tuple[Annotation, ...]
    timeline: tuple[Stretch, ...]
    attribution: Attribution = Attribution()
    warnings: tuple[str, ...] = ()
    other_emotions: dict[str, list[str]] = {}
    """The patient's emotions that no session is labelled with, and their keywords in order of time. They are in the
    hits, the annotations and the timeline, and never ``dominant``."""

    @property
    def people(self) -> tuple[str, ...]:
        """The people with annotations, without duplicates, in order; pronouns only if there is no name."""
        people = dict.fromkeys(annotation.person for annotation in self.annotations)
        named = dict.fromkeys(annotation.person for annotation in self.annotations if not annotation.is_pronoun)
        return tuple(named or people)
