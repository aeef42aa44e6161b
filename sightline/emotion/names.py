"""Telling names from other words, in text with capitals and in text without."""

from __future__ import annotations

from sightline.emotion.english import english
from sightline.emotion.reading import Reading
from sightline.emotion.tokens import BREAK

_NAME_WORDS = 6


def name_start(reading: Reading, last: int) -> int | None:
    """Where the name begins whose last word is at ``last``; None where that word can be no name.

    With capitals a name is the run of them. Without, it is one word, or two where nothing else can come before the
    name: "mary ann" in "mary ann is happy" and in "a video of mary ann", but "john" in "in the garden john is happy".
    """
    e = english()
    before = reading.word(last - 1)
    start: int | None = last
    if reading.is_name_after_all(last):
        pass
    elif _is_number(reading, last) and before in e.person_nouns:
        start = last - 1
    elif not may_be_name(reading, last) or reading.word(last) in e.person_nouns:
        start = None
    elif reading.is_capital(last):
        start = _capitals_start(reading, last)
    elif is_determiner(reading, last - 1) or (reading.sentence.cased and not _introduced(reading, last)):
        start = None
    elif before in e.titles or _is_first_of_two(reading, last - 1):
        start = last - 1
    return start


def is_determiner(reading: Reading, place: int) -> bool:
    """Whether the word at ``place`` is an article or its like; "that" after "I think" is none."""
    e = english()
    if reading.word(place) == "that" and (
        reading.word(place - 1) in e.reporting or place - 1 in reading.keyword_places
    ):
        return False
    return reading.word(place) in e.determiners


def may_be_name(reading: Reading, place: int) -> bool:
    """Whether the word at ``place`` is one that could be part of a name."""
    word = reading.word(place)
    return (
        len(word) > 1
        and word[0].isalpha()
        and word not in english().function_words
        and word not in english().recordings
        and word not in reading.lexicon.not_people
        and word not in reading.lexicon.linking
        and place not in reading.keyword_places
        and place not in reading.negated_places
        and place not in reading.affirmed_places
        and (reading.is_capital(place) or len(word) < 6 or not word.endswith("ing"))
    )


def _capitals_start(reading: Reading, last: int) -> int:
    e = english()
    start = last
    while start > max(last - _NAME_WORDS, 0):
        word = reading.word(start - 1)
        if word in e.particles and not reading.is_capital(start - 1):
            first = start - 1
            while reading.word(first - 1) in e.particles:
                first -= 1
            if first == 0 or not reading.is_capital(first - 1):
                break
            start = first
            continue
        initial = len(word) == 1 and word.isalpha() and word not in ("i", "a")
        named = may_be_name(reading, start - 1) and word not in e.epithets | e.person_nouns
        if not reading.is_capital(start - 1) or not (named or initial or word in e.titles):
            break
        start -= 1
    return start


def _is_first_of_two(reading: Reading, place: int) -> bool:
    e = english()
    word, before = reading.word(place), reading.word(place - 1)
    return (
        may_be_name(reading, place)
        and word not in e.epithets | e.person_nouns
        and (
            before in ("", BREAK)
            or before in e.coordinators | e.reporting | (e.subordinators - {"like"})
            or before in e.adverbs | e.interjections | e.object_pronouns | {"anymore"}
            or _introduced(reading, place)
        )
    )


def introduction_start(reading: Reading, place: int) -> int:
    """Where what introduces the name at ``place`` begins: "a video of …", "showing …"; ``place`` where nothing does."""
    e = english()
    before = reading.word(place - 1)
    if before in e.introducing:
        return place - 1
    if before in ("of", "for") and reading.word(place - 2) in e.recordings:
        return place - 3 if reading.word(place - 3) in e.determiners else place - 2
    return place


def _introduced(reading: Reading, place: int) -> bool:
    return introduction_start(reading, place) < place


def _is_number(reading: Reading, place: int) -> bool:
    return reading.word(place) in english().numbers or reading.word(place).isdigit()
