"""The findings of the analysis. Times are in seconds from the start of the video."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from sightline.emotion.english import english


class _Finding(BaseModel):
    model_config = ConfigDict(frozen=True)


class KeywordHit(_Finding):
    """An asserted keyword; ``word`` is spelled as in the keyword table."""

    emotion: str
    word: str
    start: float
    end: float


class Annotation(_Finding):
    """An utterance that attributes an emotion to a person.

    ``person`` is the name as transcribed; a pronoun is replaced by the name it refers to, if exactly one person was
    named shortly before. ``text`` is the utterance as transcribed.
    """

    person: str
    emotion: str
    text: str
    start: float
    end: float


class Stretch(_Finding):
    """A stretch of time with one emotion; ``evidence`` is the text of its utterances, empty if there are none."""

    start: float
    end: float
    emotion: str
    evidence: str


class EmotionFindings(_Finding):
    """All emotions found in a transcript.

    ``dominant``: the emotion with the most hits; a tie goes to the first; neutral if there are no hits.
    ``keywords``: the emotions with hits, in the table's order, and their keywords in order of time.
    ``timeline``: consecutive stretches that cover the full duration.
    """

    dominant: str
    keywords: dict[str, list[str]]
    hits: tuple[KeywordHit, ...]
    annotations: tuple[Annotation, ...]
    timeline: tuple[Stretch, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """The people with annotations, without duplicates, in order; pronouns only if there is no name."""
        people = tuple(dict.fromkeys(annotation.person for annotation in self.annotations))
        named = tuple(person for person in people if person.lower() not in english().pronouns)
        return named or people
