"""Finding the person that a verb is said of."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.names import is_determiner, name_start
from sightline.emotion.reading import Reading
from sightline.emotion.tokens import BREAK

# How many words before "and" the verb may stand whose subject "... and looks happy" shares.
_SHARED_SUBJECT_REACH = 15
_PARENTHESIS_WORDS = 3


class Kind(Enum):
    """How a subject speaks of a person."""

    NAME = "name"
    NOUN = "noun"
    PRONOUN = "pronoun"
    SEVERAL = "several"


class Subject(NamedTuple):
    """The person a verb is said of: the words from ``start`` up to ``end``. ``clause`` is where the clause begins."""

    start: int
    end: int
    kind: Kind
    clause: int


def subject_before(reading: Reading, verb: int) -> Subject | None:
    """The person that the verb at ``verb`` is said of; None where it is said of no person, or of nobody in sight."""
    e = english()
    place = skip_adverbs(reading, verb - 1)
    word = reading.word(place)
    if word in e.coordinators:
        return _shared(reading, place)
    if word == BREAK:
        return _before_parenthesis(reading, place)
    if word in e.relative:
        subject = _phrase(reading, place - 2 if reading.word(place - 1) == BREAK else place - 1)
        # "That" leads a relative clause only after somebody: in "I know that is fine" it is a thing.
        certain = subject and (word == "who" or subject.kind is Kind.NOUN or reading.is_capital(subject.start))
        return subject if certain else None
    gerund = reading.word(verb).endswith("ing")
    if word in e.pronouns | e.indefinite or (gerund and word in e.object_pronouns):
        return _joined(reading, Subject(place, place + 1, Kind.PRONOUN, place), verb)
    outer = None if gerund else _preposition_over(reading, place)
    if outer is not None:
        # In "the boy in the red shirt is sad" the boy is; in "one of the boys is sad" a boy is.
        subject = _phrase(reading, outer - 1)
        return subject or (_phrase(reading, place) if reading.word(outer) == "of" else None)
    subject = _phrase(reading, place)
    return _joined(reading, subject, verb) if subject else None


def skip_adverbs(reading: Reading, place: int) -> int:
    """The last place up to ``place`` that holds no adverb, and no word of negation that acts as one."""
    e = english()
    while place >= 0:
        word = reading.word(place)
        loose = word.endswith("ly") and not reading.is_capital(place) and reading.word(place - 1) in e.pronouns
        negation = word == "not" or (place in reading.negated_places and word not in e.negative_subjects)
        if not (word in e.adverbs or loose or negation):
            break
        place -= 1
    return place


def phrase_start(reading: Reading, head: int) -> int:
    """Where the subject begins whose last word is at ``head``, person or not, with its article."""
    e = english()
    if reading.word(head) in e.pronouns:
        return head
    name = name_start(reading, head)
    start = head if name is None else name
    if name is not None and reading.word(name - 1) in e.person_nouns:
        # "My brother John".
        start -= 1
    elif name is not None and reading.is_capital(name):
        return start
    before = start - 1
    if reading.word(before) in e.epithets or (reading.sentence.cased and _is_plain(reading, before)):
        before -= 1
    return before if is_determiner(reading, before) else start


def _phrase(reading: Reading, last: int) -> Subject | None:
    """The name or the noun for a person that ends at ``last``."""
    e = english()
    start = name_start(reading, last)
    if start is not None:
        return Subject(start, last + 1, Kind.NAME, start)
    if reading.word(last) not in e.person_nouns:
        return None
    start = last
    if reading.word(last - 1) == "'s" and (owner := name_start(reading, last - 2)) is not None:
        start = owner
    return Subject(start, last + 1, Kind.NOUN, start)


def _joined(reading: Reading, subject: Subject, verb: int) -> Subject:
    """``subject`` with the one that "and" joins to it before a verb that may have several."""
    word = reading.word(verb)
    singular = word in ("'s", "am", "is", "was") or word.removesuffix("s") in reading.lexicon.bare - {word}
    if singular or reading.word(subject.start - 1) != "and":
        return subject
    first = _person(reading, subject.start - 2)
    if first is None:
        return subject
    while reading.word(first.start - 1) == BREAK and (another := _person(reading, first.start - 2)):
        first = another
    return Subject(first.start, subject.end, Kind.SEVERAL, first.start)


def _before_parenthesis(reading: Reading, comma: int) -> Subject | None:
    """The subject in "John, I think, is sad" and "John (12) is sad", whose parenthesis ends at ``comma``."""
    for place in range(comma - 2, max(comma - _PARENTHESIS_WORDS - 2, 0), -1):
        if reading.word(place) == BREAK:
            return _person(reading, place - 1)
    return None


def _shared(reading: Reading, conjunction: int) -> Subject | None:
    """The subject that a verb after ``conjunction`` shares with the one before: "John was sad and looks happy"."""
    for place in range(conjunction - 1, max(conjunction - _SHARED_SUBJECT_REACH, 0) - 1, -1):
        if reading.word(place) in english().pronouns or (reading.is_capital(place) and place + 1 < conjunction):
            subject = _person(reading, place)
        elif reading.is_finite(place) and reading.word(skip_adverbs(reading, place - 1)) not in english().coordinators:
            subject = subject_before(reading, place)
        else:
            continue
        if subject:
            return subject._replace(clause=conjunction)
    return None


def _person(reading: Reading, last: int) -> Subject | None:
    if reading.word(last) in english().pronouns:
        return Subject(last, last + 1, Kind.PRONOUN, last)
    return _phrase(reading, last)


def _preposition_over(reading: Reading, head: int) -> int | None:
    """The place of the preposition that governs the phrase whose last word is at ``head``."""
    e = english()
    before = phrase_start(reading, head) - 1
    if reading.word(before) in e.prepositions:
        return before - 1 if reading.word(before - 1) in e.prepositions else before
    # Without capitals "shirt" in "the boy in the red shirt" could be a name, if nobody stood before the preposition.
    article, preposition = head - 2, head - 3
    if (
        reading.word(article) in e.determiners
        and reading.word(preposition) in e.prepositions
        and reading.word(preposition - 1) in e.person_nouns
        and not reading.is_capital(head)
    ):
        return preposition
    return None


def _is_plain(reading: Reading, place: int) -> bool:
    """Whether the word at ``place`` may be an adjective or a noun: nothing that builds sentences."""
    word = reading.word(place)
    return bool(word) and word != BREAK and not reading.is_capital(place) and word not in english().function_words
