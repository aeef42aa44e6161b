"""What is found in a transcript. Times are in seconds from the start of the video."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from sightline.emotion.english import english


class _Found(BaseModel):
    model_config = ConfigDict(frozen=True)


class KeywordHit(_Found):
    """A keyword that is said to be so: ``word`` as the keyword table has it."""

    emotion: str
    word: str
    start: float
    end: float


class Annotation(_Found):
    """A sentence that says how somebody is.

    ``person`` is named as in the sentence; a pronoun stands for the one person named shortly before it, where there is
    one. ``text`` is the sentence as said, ``start`` when it begins.
    """

    person: str
    emotion: str
    text: str
    start: float
    end: float


class Stretch(_Found):
    """A stretch of time and the emotion that holds in it; ``evidence`` is what was said, empty where nothing was."""

    start: float
    end: float
    emotion: str
    evidence: str


class EmotionFindings(_Found):
    """All that a transcript tells of emotions.

    ``dominant``: the emotion with the most hits; of several the one met first; neutral where there is no hit.
    ``keywords``: each emotion that was hit, in the table's order, and its keywords in the order they were said.
    ``timeline``: stretches in order that cover the whole duration, each ending where the next begins.
    """

    dominant: str
    keywords: dict[str, list[str]]
    hits: tuple[KeywordHit, ...]
    annotations: tuple[Annotation, ...]
    timeline: tuple[Stretch, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """Those the annotations are about, each once, as they are met; a pronoun only where there is no name."""
        found = tuple(dict.fromkeys(annotation.person for annotation in self.annotations))
        named = tuple(person for person in found if person.lower() not in english().pronouns)
        return named or found
