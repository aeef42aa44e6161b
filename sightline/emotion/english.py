"""The English word classes that the rules of this package use."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

Words = frozenset[str]


class English(BaseModel):
    """The word classes of ``english.toml``, which documents them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pronouns: Words
    object_pronouns: Words
    indefinite: Words
    things: Words
    relative: Words
    male: Words
    female: Words
    determiners: Words
    auxiliaries: Words
    prepositions: Words
    coordinators: Words
    contrast: Words
    subordinators: Words
    question_words: Words
    reporting: Words
    interjections: Words
    question_tags: Words
    degree: Words
    adverbs: Words
    fillers: Words
    epithets: Words
    titles: Words
    abbreviations: Words
    person_nouns: Words
    kin: Words
    carers: Words
    patients: Words
    groups: Words
    male_nouns: Words
    female_nouns: Words
    young_nouns: Words
    adult_nouns: Words
    professions: Words
    possessives: Words
    another: Words
    causing: Words
    before_people: Words
    before_places: Words
    moving: Words
    excluding: Words
    folder_labels: Words
    named_things: Words
    numbers: Words
    particles: Words
    recordings: Words
    introducing: Words
    presenting: tuple[str, ...]
    negative_subjects: Words
    other: Words
    contractions: dict[str, tuple[str, ...]]

    @property
    def function_words(self) -> Words:
        """The words that are never part of a name."""
        return _function_words()


@cache
def english() -> English:
    """Return the word classes; the file is read once."""
    text = (resources.files(__package__) / "english.toml").read_text(encoding="utf-8")
    return English.model_validate(tomllib.loads(text))


@cache
def _function_words() -> Words:
    e = english()
    closed = (
        e.pronouns,
        e.object_pronouns,
        e.indefinite,
        e.things,
        e.relative,
        e.determiners,
        e.auxiliaries,
        e.numbers,
    )
    joining = (e.prepositions, e.coordinators, e.contrast, e.subordinators, e.question_words)
    open_ended = (e.reporting, e.interjections, e.degree, e.adverbs, e.introducing, e.other)
    return frozenset().union(*closed, *joining, *open_ended)
