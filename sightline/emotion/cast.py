"""The people whom a transcript talks about, and which of them is the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sightline.emotion.first_names import Gender
from sightline.emotion.name_forms import Match, NameBook
from sightline.emotion.nouns import Noun, NounKind
from sightline.emotion.spoken_names import Person, SpokenName, SpokenNames

How = Literal["named", "assumed", "undecided", "nobody"]

_PRONOUN = {Gender.MALE: "he", Gender.FEMALE: "she", None: "he or she"}
_RELATIVES = (NounKind.KIN, NounKind.CARER)
_STRANGERS = (NounKind.GENERIC, NounKind.PATIENT)


class SpokenNoun(NamedTuple):
    """A noun for a person in a transcript.

    ``stands_out``: a pronoun may refer to it, or a statement is about it. ``beside_name``: a name stands before it
    in its sentence, so that it is somebody else.
    """

    noun: Noun
    stands_out: bool
    beside_name: bool


@dataclass
class Cast:
    """The people of one transcript, and how the patient among them was found.

    ``patient`` is None if it is undecided, or if nobody can be the patient. ``is_alone``: nobody else is talked about.
    ``candidates`` may be the patient, if no names are known; ``everyone`` is talked about.
    """

    how: How
    patient: Person | None
    is_alone: bool
    candidates: tuple[Person, ...]
    everyone: tuple[Person, ...]
    names: SpokenNames
    nouns: dict[tuple[str, str], Person]


def make_cast(
    names: Sequence[SpokenName], nouns: Sequence[SpokenNoun], pronouns: frozenset[Gender], book: NameBook
) -> Cast:
    """Return the people of a transcript with these mentions; ``pronouns`` are the genders of its pronouns.

    If names of the patient are known, the patient is who has one of them, or the only person who is talked about. If
    none is known, the only person who can be the patient is assumed to be. A relative ("his mum") or a carer cannot if
    anybody else is talked about.
    """
    spoken = SpokenNames(names, book)
    # Where the patient's names are known, "the boy" is not somebody else who is named.
    index = _noun_people(nouns, spoken.people, book)
    described = list(dict.fromkeys(person for person in index.values() if person not in spoken.people))
    strangers = [person for person in described if person.noun and person.noun.kind in _STRANGERS]
    relatives = [person for person in described if person not in strangers]
    unnamed = _unnamed(nouns, pronouns, [*spoken.people, *described])
    everyone = [*spoken.people, *strangers, *relatives, *unnamed]
    weak = {mention.noun.gender for mention in nouns if not mention.stands_out}
    cast = Cast("named", None, False, (), tuple(everyone), spoken, index)
    if book.is_known:
        return _with_known(cast, book, [*strangers, *unnamed])
    possible = [person for person in spoken.people if person.match is not Match.OTHER]
    candidates = [*possible, *strangers, *(person for person in unnamed if person.gender not in weak)]
    if len(everyone) == 1 and not candidates:
        candidates = [person for person in relatives if not (person.noun and person.noun.owner_words)]
    cast.candidates = tuple(candidates)
    if not candidates:
        # If nobody is named, the keywords count: "so happy today!"
        cast.how, cast.is_alone = "nobody", not everyone
    elif len(candidates) == 1 and not candidates[0].may_be_two:
        cast.how, cast.patient, cast.is_alone = "assumed", candidates[0], len(everyone) == 1
    else:
        cast.how = "undecided"
    return cast


def _with_known(cast: Cast, book: NameBook, unnamed: list[Person]) -> Cast:
    """Return the cast with the patient whose names are known."""
    cast.patient = patient = cast.names.patient
    others = [person for person in cast.everyone if person is not patient]
    if patient not in cast.everyone and len(others) == 1 and others[0] in unnamed:
        # The only person is not named: "the boy is happy", "she is sad".
        only = others[0]
        genders = {only.gender, patient.gender or patient.usual_gender} - {None}
        if len(genders) < 2 and not (only.noun and (only.noun.owner_words or only.noun.is_another)):
            cast.nouns = {key: patient if person is only else person for key, person in cast.nouns.items()}
            cast.everyone, others = (patient,), []
    cast.is_alone = not others
    return cast


def _noun_people(nouns: Sequence[SpokenNoun], named: list[Person], book: NameBook) -> dict[tuple[str, str], Person]:
    """Return the person of every noun: the only named person if it can be them, or a person of its own."""
    index: dict[tuple[str, str], Person] = {}
    strangers: list[Person] = []
    only = named[0] if len(named) == 1 and not (book.is_known and named[0].match is not Match.PATIENT) else None
    apart = {mention.noun.key for mention in nouns if mention.beside_name or mention.noun.is_another}
    for mention in nouns:
        noun = mention.noun
        if not mention.stands_out or noun.kind is NounKind.GROUP or noun.key in index:
            continue
        person = Person(noun.word, gender=noun.gender, noun=noun)
        if noun.kind in _STRANGERS and not noun.owner_words:
            if only and noun.key not in apart and _agree(only, noun.gender):
                person = only
            else:
                same = (other for other in strangers if other.noun and other.noun.may_be(noun))
                person = next(same, person)
                person.gender = person.gender or noun.gender
                strangers.append(person)
        index[noun.key] = person
    return index


def _agree(person: Person, gender: Gender | None) -> bool:
    known = person.gender or person.usual_gender
    return known is None or gender is None or known is gender


def _unnamed(nouns: Sequence[SpokenNoun], pronouns: frozenset[Gender], people: list[Person]) -> list[Person]:
    """Return the people whom only pronouns name: "she" in "John is here. She is sad", the owner in "his mum is sad"."""
    genders = {person.gender or person.usual_gender for person in people}
    missing = sorted(pronouns - genders, key=lambda gender: gender.value)
    free = sum((person.gender or person.usual_gender) is None for person in people)
    left = missing[free:]
    unnamed = [Person(_PRONOUN[gender if not free else None], gender=gender if not free else None) for gender in left]
    owned = [mention.noun for mention in nouns if mention.stands_out and mention.noun.owner_words]
    if owned and not unnamed and all(person.noun and person.noun.owner_words for person in people):
        unnamed.append(Person("the owner"))
    return unnamed
