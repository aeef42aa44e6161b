"""Nouns for people: what they tell about a person, and whether two of them may be one person."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.first_names import Gender
from sightline.emotion.person_names import name_start
from sightline.emotion.referents import owner_before
from sightline.emotion.subjects import Subject, SubjectKind, noun_phrase_start
from sightline.emotion.tagging import TaggedSentence

_SPEAKERS = frozenset({"my", "our", "your"})


class NounKind(Enum):
    """Whether a noun can stand for a patient: "the boy" and "the patient" can, "the nurse" and "his mum" cannot."""

    GENERIC = "generic"
    PATIENT = "patient"
    KIN = "kin"
    CARER = "carer"
    GROUP = "group"


class Noun(NamedTuple):
    """A noun for a person. ``owner``: the words before it that say whose: "JOHN's mum"; None for "mum", "my mum".

    ``is_another``: it says that it is another person than the one talked about: "the other boy". ``gender`` is
    that which the noun states. ``is_young``: it is for a child, or for an adult; None if for both.
    """

    word: str
    kind: NounKind
    owner: Subject | None = None
    owner_words: str = ""
    is_another: bool = False
    gender: Gender | None = None
    is_young: bool | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What distinguishes people who are named by nouns."""
        return self.word, self.owner_words

    def may_be(self, other: Noun) -> bool:
        """Return whether the two may be one person: "the child" and "the boy", but not "the boy" and "the man"."""
        if self.word == other.word:
            return self.is_another == other.is_another
        differs = (
            {self.gender, other.gender} == {Gender.MALE, Gender.FEMALE}
            or {self.is_young, other.is_young} == {True, False}
            or self.is_another != other.is_another
        )
        return not differs


def noun_gender(word: str) -> Gender | None:
    """Return the gender that a noun for a person states."""
    e = english()
    if word in e.male_nouns:
        return Gender.MALE
    return Gender.FEMALE if word in e.female_nouns else None


def noun_at(tagged: TaggedSentence, index: int) -> Noun:
    """Return the noun for a person at ``index``."""
    e = english()
    word = tagged.word(index)
    start = noun_phrase_start(tagged, index)
    while tagged.word(start) not in e.determiners and (
        start - 1 in tagged.keyword_indices or tagged.word(start - 1) in e.epithets | e.another
    ):
        start -= 1
    owner = owner_before(tagged, start)
    if owner is None and tagged.word(start) in e.possessives:
        owner = Subject(start, start + 1, SubjectKind.PRONOUN, start)
    if owner is None and tagged.word(index + 1) == "of":
        owner = _owner_after(tagged, index + 2)
    if owner is not None and tagged.word(owner.start) in _SPEAKERS:
        owner = None
    before = tagged.words[max(start - 1, 0) : index]
    return Noun(
        word,
        _kind(word),
        owner,
        " ".join(tagged.words[owner.start : owner.end]) if owner else "",
        is_another=any(part in e.another for part in before),
        gender=noun_gender(word),
        is_young=True if word in e.young_nouns else False if word in e.adult_nouns else None,
    )


def _owner_after(tagged: TaggedSentence, index: int) -> Subject | None:
    """Return the owner named after "of": "the mother of ANNA"."""
    if tagged.word(index) in english().determiners:
        index += 1
    last = index
    while last + 1 < len(tagged.words) and tagged.is_capitalised(last + 1):
        last += 1
    if index < len(tagged.words) and name_start(tagged, last) is not None:
        return Subject(index, last + 1, SubjectKind.NAME, index)
    return None


def _kind(word: str) -> NounKind:
    e = english()
    if word in e.groups:
        return NounKind.GROUP
    if word in e.kin:
        return NounKind.KIN
    if word in e.carers:
        return NounKind.CARER
    return NounKind.PATIENT if word in e.patients else NounKind.GENERIC
