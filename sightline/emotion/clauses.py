"""Where clauses open, and which verb joins a keyword to whom it is said of."""

from __future__ import annotations

from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.reading import Hit, Reading
from sightline.emotion.subjects import Subject, phrase_start, skip_adverbs, subject_before
from sightline.emotion.tokens import BREAK

# Between a verb and its keyword at most this many words stand: "looks just a little bit upset and".
_LINK_REACH = 8
_PARENTHESIS_WORDS = 3
# "How happy THE LITTLE BOY is".
_EXCLAIMED_SUBJECT_WORDS = 4
_JOINING = frozenset({"and", "or", "nor", "but"})


class Statement(NamedTuple):
    """A keyword that is said of a person."""

    subject: Subject
    hit: Hit


def find_statement(reading: Reading, hit: Hit) -> Statement | None:
    """Who ``hit`` is said of: "John IS sad", "John, who LOOKS a bit tired and sad"; None where of nobody."""
    verb = link_before(reading, hit)
    if verb is None:
        return _exclaimed(reading, hit)
    first = verb_start(reading, verb)
    if first is None:
        return None
    # In "John's angry brother" nothing is said of John.
    if reading.word(first) == "'s" and first + 1 == hit.start and reading.word(hit.end) in english().person_nouns:
        return None
    subject = subject_before(reading, first)
    return Statement(subject, hit) if subject else None


def _exclaimed(reading: Reading, hit: Hit) -> Statement | None:
    """What "look how sad she is" says, where verb and subject follow."""
    how = hit.start - 1
    while reading.word(how) in english().degree or reading.word(how).endswith("ly"):
        how -= 1
    if reading.word(how) != "how":
        return None
    for verb in range(hit.end + 1, hit.end + _EXCLAIMED_SUBJECT_WORDS + 1):
        if reading.word(verb) in reading.lexicon.finite:
            subject = subject_before(reading, verb)
            within = subject is not None and subject.start >= hit.end
            return Statement(subject._replace(clause=how), hit) if subject and within else None
    return None


def link_before(reading: Reading, hit: Hit) -> int | None:
    """The place of the verb that joins ``hit`` to a subject, over words of degree, lists and parentheses."""
    listed = False
    place = hit.start - 1
    while place >= max(hit.start - _LINK_REACH, 0):
        word = reading.word(place)
        if word in reading.lexicon.linking:
            return place
        if word == BREAK:
            if reading.is_discourse(hit):
                return None
            opener = _parenthesis_before(reading, place)
            if opener is None and not listed and place - 1 not in reading.keyword_places:
                return None
            place = place if opener is None else opener
        elif not _passes(reading, place, listed=listed):
            return None
        elif place in reading.keyword_places and reading.is_discourse(hit) and not listed:
            # "He is sad okay let's go on".
            return None
        listed = listed or word in _JOINING
        place -= 1
    return None


def _passes(reading: Reading, place: int, *, listed: bool) -> bool:
    """Whether the word at ``place`` may stand between a verb and its keyword."""
    e = english()
    word = reading.word(place)
    if place in reading.negated_places or place in reading.keyword_places or word.endswith("ly"):
        return True
    if word in e.degree or word in e.determiners or word in _JOINING or word == "not":
        return True
    # In "tired and sad" and in "tired, hungry and sad" a word that is no keyword stands in the list.
    return listed and word not in e.function_words and reading.word(place + 1) in _JOINING | {BREAK}


def _parenthesis_before(reading: Reading, comma: int) -> int | None:
    """Where the parenthesis begins that ``comma`` ends: "John is, I think, happy", "John is, happy"."""
    for place in range(comma, max(comma - _PARENTHESIS_WORDS - 2, 0), -1):
        before = reading.word(place - 1)
        if reading.word(place) == BREAK and (before in reading.lexicon.linking or before in ("not", "very", "so")):
            return place
    return None


def verb_start(reading: Reading, verb: int) -> int | None:
    """The first word of the group of verbs that ends at ``verb``; None where the group is no statement.

    "Has been", "is starting to look" and "does not seem" state something; "wants to be" and "to be" do not.
    """
    lexicon, auxiliaries = reading.lexicon, english().auxiliaries
    first = verb
    place = verb
    while True:
        before = skip_adverbs(reading, place - 1)
        word = reading.word(before)
        if word == "to" and reading.word(place) in lexicon.bare:
            governor = skip_adverbs(reading, before - 1)
            if reading.word(governor) not in lexicon.linking - lexicon.be:
                return None
            first = place = governor
        elif before >= 0 and (word in lexicon.linking or word in auxiliaries) and not reading.is_name_after_all(before):
            first = place = before
        else:
            return first


def openings(reading: Reading) -> frozenset[int]:
    """The places where a clause of its own opens: a subject before its verb that no word before it governs.

    In "I think John is sad" one clause opens, in "John is sad he was happy" two do.
    """
    e = english()
    found = set()
    for place, word in enumerate(reading.words):
        if word in e.pronouns - {"you"}:
            found.add(place)
        elif reading.is_finite(place):
            head = skip_adverbs(reading, place - 1)
            if head >= 0 and _may_head(reading, head):
                found.add(phrase_start(reading, head))
    return frozenset(place for place in found if not _is_governed(reading, place))


def skip_degree(reading: Reading, place: int) -> int:
    """The first place from ``place`` on that holds no word of degree: that of "sad" in "really very sad"."""
    while reading.word(place) in english().degree or reading.word(place).endswith("ly"):
        place += 1
    return place


def is_clause_start(reading: Reading, place: int) -> bool:
    """Whether what stands before ``place`` leaves room for a clause to begin there."""
    e = english()
    before = reading.word(place - 1)
    return place <= 0 or before == BREAK or before in e.coordinators | e.question_words | e.interjections


def is_inverting(reading: Reading, place: int) -> bool:
    """Whether a verb at ``place`` stands before its subject: at a clause's start, after "not once" or "at no point"."""
    if is_clause_start(reading, place):
        return True
    for before in range(place - 1, max(place - 4, -1), -1):
        if before in reading.negated_places:
            return True
        if reading.word(before) == BREAK or reading.word(before) in english().pronouns or reading.is_finite(before):
            break
    return False


def _may_head(reading: Reading, place: int) -> bool:
    e = english()
    word = reading.word(place)
    if word in e.pronouns | e.indefinite | e.things or reading.is_name_after_all(place):
        return True
    return word != BREAK and word not in e.function_words and place not in reading.keyword_places


def _is_governed(reading: Reading, place: int) -> bool:
    e = english()
    before = place - 1
    word = reading.word(before)
    if word in e.auxiliaries or word == "not":
        # In "is he sad" the verb stands before its subject; in "the thing is he is sad" it has another.
        auxiliary = before - 1 if word == "not" else before
        if reading.word(auxiliary) in e.auxiliaries and is_inverting(reading, auxiliary):
            return True
    if before in reading.negated_places:
        # A bare "no" or "not" that a name or pronoun follows answers what was said before.
        return not (word in ("no", "not") and (reading.word(place) in e.pronouns or reading.is_capital(place)))
    governing = e.prepositions | e.subordinators | e.reporting | e.question_words
    return word in governing or before in reading.supposed_places
