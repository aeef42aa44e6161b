"""The forms of a name, and whether a spoken name is one of a patient's.

"Anna", "Lopez", "Mrs Lopez" and "Anna Lopez's" are forms of "Anna Maria Lopez"; "Annabelle" and "Ben Lopez" are not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.first_names import Gender, is_first_name, may_be_same, usual_gender
from sightline.emotion.patient_names import PatientNames

_ACCENTS = re.compile(r"[\u0300-\u036f]")
_APOSTROPHES = re.compile(r"['’‘ʼ`´＇]")  # noqa: RUF001
_POSSESSIVE = re.compile(r"['’‘ʼ`´＇]s?$", re.IGNORECASE)  # noqa: RUF001
_SUFFIXES = frozenset({"jr", "sr"})


class Match(Enum):
    """Whether a spoken name is the patient's. ``UNSURE``: only a person can tell. ``UNLISTED``: no list has it."""

    PATIENT = "patient"
    OTHER = "other"
    UNSURE = "unsure"
    UNLISTED = "unlisted"


class NameForm(NamedTuple):
    """A name in lower case without accents: "Mrs. López" is ``NameForm("mrs", ("lopez",))``."""

    title: str
    words: tuple[str, ...]

    @property
    def gender(self) -> Gender | None:
        """The gender that the title states, or that people with this first name usually have."""
        e = english()
        if self.title in e.male_nouns:
            return Gender.MALE
        if self.title in e.female_nouns:
            return Gender.FEMALE
        return usual_gender(self.words[0]) if self.words else None

    @property
    def is_professional(self) -> bool:
        """Whether the title is that of a profession: "Dr Lopez"."""
        return self.title in english().professions | english().carers

    @property
    def key_words(self) -> frozenset[str]:
        """The words that identify a person: all but particles such as "de la"."""
        return frozenset(self.words) - english().particles or frozenset(self.words)

    def contradicts(self, other: NameForm) -> bool:
        """Return whether the titles cannot belong to one person: "Mr" and "Mrs"."""
        e = english()
        titles = {self.title, other.title}
        return bool(titles & e.male_nouns and titles & e.female_nouns)

    def is_form_of(self, full: NameForm) -> bool:
        """Return whether this is ``full`` or some of its words, in its order: "Anna", "Lopez", "Mrs Lopez"."""
        return bool(self.words) and _is_within(self.words, full.words) and not self.contradicts(full)

    def extends(self, short: NameForm) -> bool:
        """Return whether this is ``short`` with a surname: "Anna Smith" for "Anna"."""
        added = self.words[len(short.words) :]
        return (
            bool(added)
            and self.words[: len(short.words)] == short.words
            and not any(is_first_name(word) for word in added)
            and not self.contradicts(short)
        )


def parse_name(text: str) -> NameForm:
    """Return the name in ``text``, without a possessive "'s"."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text.strip()).casefold())
    bare = _APOSTROPHES.sub("", _POSSESSIVE.sub("", unicodedata.normalize("NFC", _ACCENTS.sub("", folded))))
    words = [word for word in re.split(r"[^\w]+|_", bare) if word and word not in _SUFFIXES]
    forms_of_address = english().titles | english().carers
    titles = [word for word in words if word in forms_of_address]
    rest = tuple(word for word in words if word not in forms_of_address)
    if not rest and words:  # A person may be called "Doctor", and "Miss" may be a name.
        return NameForm("", tuple(words))
    return NameForm(titles[0] if titles else "", rest)


class NameBook:
    """The names of a patient and of people who are not the patient, for matching spoken names."""

    def __init__(self, names: PatientNames) -> None:
        self.names = names
        self._theirs = tuple(map(parse_name, names.theirs))
        self._others = tuple(map(parse_name, names.others))

    @property
    def forms(self) -> tuple[NameForm, ...]:
        """The patient's names."""
        return self._theirs

    @property
    def is_known(self) -> bool:
        """Whether any name of the patient is known."""
        return bool(self._theirs)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of all names, by which a name is found in text without capitals."""
        return frozenset(word for form in (*self._theirs, *self._others) for word in form.key_words)

    @property
    def stated_gender(self) -> Gender | None:
        """The patient's gender as the names file states it, by a pronoun or a title."""
        if self.names.pronoun:
            return Gender.MALE if self.names.pronoun == "he" else Gender.FEMALE
        genders = {gender for form in self._theirs if form.title and (gender := form._replace(words=()).gender)}
        return genders.pop() if len(genders) == 1 else None

    @property
    def gender(self) -> Gender | None:
        """The patient's gender: as stated, otherwise as their first names agree."""
        if self.stated_gender:
            return self.stated_gender
        genders = {gender for form in self._theirs if (gender := form.gender)}
        return genders.pop() if len(genders) == 1 else None

    def is_listed(self, name: NameForm) -> bool:
        """Return whether a list has exactly this name."""
        return name in self._theirs or name in self._others

    def match(self, name: NameForm, *, may_be_two: bool = False) -> Match:
        """Return whose name it is. ``may_be_two``: it may be two people's, as in "I told Ben Anna is sad"."""
        exact = {
            Match.PATIENT: name in self._theirs,
            Match.OTHER: name in self._others,
        }
        if exact[Match.PATIENT] != exact[Match.OTHER]:
            return Match.PATIENT if exact[Match.PATIENT] else Match.OTHER
        forms_of = {full for full in self._theirs if name.is_form_of(full)}
        if any(name.is_form_of(full) for full in self._others):
            return Match.UNSURE if forms_of else Match.OTHER
        if forms_of:
            # A doctor may have the patient's surname.
            strange = name.is_professional and not any(full.is_professional for full in forms_of)
            genders = {name._replace(words=()).gender, self.gender} - {None}
            return Match.UNSURE if strange or len(genders) > 1 else Match.PATIENT
        return self._match_partly(name, may_be_two=may_be_two)

    def _match_partly(self, name: NameForm, *, may_be_two: bool) -> Match:
        if any(name.key_words & full.key_words for full in self._theirs):
            if may_be_two:
                return Match.UNSURE
            if any(name.extends(short) for short in self._theirs):
                return Match.PATIENT
            if any(len(full.words) == 1 and full.words[0] in name.words for full in self._theirs):
                return Match.UNSURE
            return Match.OTHER
        if name.words and any(_may_be_nickname(name, full) for full in self._theirs):
            return Match.UNSURE
        return Match.UNLISTED


def _may_be_nickname(name: NameForm, full: NameForm) -> bool:
    """Return whether the spoken name may be a short form, or another spelling, of ``full``."""
    if len(name.words) > 1:
        return may_be_same(name.words[0], full.words[0]) and (
            len(full.words) == 1 or may_be_same(name.words[-1], full.words[-1])
        )
    return any(may_be_same(name.words[0], word) for word in full.key_words)


def _is_within(short: Iterable[str], full: tuple[str, ...]) -> bool:
    remaining = iter(full)
    return all(word in remaining for word in short)
