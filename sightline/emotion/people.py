"""Whom a talk has named so far, and whom a pronoun stands for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from sightline.emotion.clauses import Statement
from sightline.emotion.english import english
from sightline.emotion.names import name_start
from sightline.emotion.reading import Reading
from sightline.emotion.subjects import Kind, Subject, subject_before
from sightline.emotion.tokens import BREAK

RECENT_SECONDS = 60.0
"""A pronoun may stand for somebody named at most this long before."""

_RECENT_MENTIONS = 200


class Spoken(Enum):
    """What a mention of somebody is."""

    NAME = "name"
    PERHAPS_NAME = "perhaps a name"
    PRONOUN = "pronoun"


class Mention(NamedTuple):
    """A place in a sentence that names somebody, or stands for one: the words from ``start`` up to ``end``."""

    start: int
    end: int
    spoken: Spoken


def mentions(reading: Reading, told: list[Statement]) -> list[Mention]:
    """Who is named in a sentence, and its pronouns of one person, in order.

    ``told`` are the sentence's statements. Text without capitals names nobody: in it not every name can be told from
    other words, and somebody missed would be taken for somebody else.
    """
    gendered = english().male | english().female
    found = [Mention(i, i + 1, Spoken.PRONOUN) for i, word in enumerate(reading.words) if word in gendered]
    if reading.sentence.cased:
        subjects = [*(statement.subject for statement in told), *_other_subjects(reading)]
        named = {part for each in subjects if each.kind is not Kind.PRONOUN for part in _members(reading, each)}
        named |= set(_presented(reading))
        known = {place for start, end in named for place in range(start, end)}
        found += [Mention(start, end, Spoken.NAME) for start, end in named]
        found += [Mention(*part, Spoken.PERHAPS_NAME) for part in _capitals(reading) if part[0] not in known]
    return sorted(found, key=lambda mention: mention.start)


def _other_subjects(reading: Reading) -> Iterator[Subject]:
    for place in range(1, len(reading.words)):
        if reading.is_finite(place) and (subject := subject_before(reading, place)):
            yield subject


def _members(reading: Reading, subject: Subject) -> Iterator[tuple[int, int]]:
    """Each of the people of ``subject``: two in "John and Mary"."""
    start = subject.start
    for place in range(subject.start, subject.end + 1):
        if place == subject.end or (subject.kind is Kind.SEVERAL and reading.word(place) in ("and", BREAK)):
            yield start, place
            start = place + 1


def _capitals(reading: Reading) -> Iterator[tuple[int, int]]:
    """Words with a capital, as names of people and places have them: "we saw John", "we are in Boston"."""
    e = english()
    place = 0
    while place < len(reading.words):
        last = _last_capital(reading, place)
        if last is not None and name_start(reading, last) is not None:
            # Every sentence's first word has one: that of "Earlier she cried" is no name.
            following = reading.word(last + 1)
            parted = following in e.pronouns | e.determiners | e.prepositions | {"", BREAK}
            if last > 0 or not (parted or reading.word(0).endswith(("ing", "ly"))):
                yield place, last + 1
        place = (place if last is None else last) + 1


def _last_capital(reading: Reading, place: int) -> int | None:
    """The last of the words with capitals that begin at ``place``."""
    last = None
    while place < len(reading.words) and reading.is_capital(place):
        last, place = place, place + 1
    return last


def _presented(reading: Reading) -> Iterator[tuple[int, int]]:
    """The names in "this is John" and "a video of Mary Ann"."""
    e = english()
    for place in range(2, len(reading.words)):
        before = reading.word(place - 1)
        pair = f"{reading.word(place - 2)} {before}"
        follows = (
            pair in e.presenting
            or before in e.introducing
            or (before in ("of", "for") and reading.word(place - 2) in e.recordings)
        )
        last = _last_capital(reading, place) if follows else None
        if last is not None and name_start(reading, last) == place:
            yield place, last + 1


class People:
    """The people that a talk has named, in the order of the talk."""

    def __init__(self) -> None:
        # The bound keeps a talk whose times all are one from taking ever longer.
        self._recent: deque[tuple[float, str, Spoken]] = deque(maxlen=_RECENT_MENTIONS)

    def hear(self, mention: Mention, text: str, time: float) -> None:
        """Take note of a mention, ``text`` its words, at ``time`` seconds."""
        self._recent.append((time, text, mention.spoken))
        while self._recent and self._recent[0][0] < time - RECENT_SECONDS:
            self._recent.popleft()

    def stands_for(self, pronoun: str, time: float) -> str | None:
        """The name that ``pronoun`` stands for at ``time``; None where that is not certain enough.

        It is where one person alone was named in the last ``RECENT_SECONDS``, and only with pronouns of one gender
        since: after "John is here with his mum. She smiles." nobody can tell by rule who "she" is.
        """
        e = english()
        if pronoun not in e.male | e.female:
            return None
        recent = [heard for heard in self._recent if heard[0] >= time - RECENT_SECONDS]
        names = {text.casefold(): text for _, text, spoken in reversed(recent) if spoken is Spoken.NAME}
        others = {text.casefold() for _, text, spoken in recent if spoken is Spoken.PERHAPS_NAME}
        if len(names) != 1 or others - names.keys():
            return None
        first = next(i for i, heard in enumerate(recent) if heard[2] is Spoken.NAME)
        pronouns = {text.lower() for _, text, spoken in recent[first:] if spoken is Spoken.PRONOUN} | {pronoun}
        return next(iter(names.values())) if pronouns <= e.male or pronouns <= e.female else None
