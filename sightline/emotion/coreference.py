"""Whom a talk has named so far, and whom a pronoun stands for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from sightline.emotion.clauses import Statement
from sightline.emotion.english import english
from sightline.emotion.person_names import name_start
from sightline.emotion.subjects import Subject, SubjectKind, subject_before
from sightline.emotion.tagging import TaggedSentence
from sightline.emotion.tokens import BREAK

RECENT_SECONDS = 60.0
"""A pronoun may stand for somebody named at most this long before."""

_RECENT_MENTIONS = 200


class MentionKind(Enum):
    """What a mention of somebody is."""

    NAME = "name"
    POSSIBLE_NAME = "possible name"
    PRONOUN = "pronoun"


class Mention(NamedTuple):
    """A index in a sentence that names somebody, or stands for one: the words from ``start`` up to ``end``."""

    start: int
    end: int
    kind: MentionKind


def find_mentions(tagged: TaggedSentence, told: list[Statement]) -> list[Mention]:
    """Who is named in a sentence, and its pronouns of one person, in order.

    ``told`` are the sentence's statements. Text without capitals names nobody: in it not every name can be told from
    other words, and somebody missed would be taken for somebody else.
    """
    gendered = english().male | english().female
    found = [Mention(i, i + 1, MentionKind.PRONOUN) for i, word in enumerate(tagged.words) if word in gendered]
    if tagged.sentence.has_capitals:
        subjects = [*(statement.subject for statement in told), *_other_subjects(tagged)]
        named = {part for each in subjects if each.kind is not SubjectKind.PRONOUN for part in _conjuncts(tagged, each)}
        named |= set(_introduced_names(tagged))
        known = {index for start, end in named for index in range(start, end)}
        found += [Mention(start, end, MentionKind.NAME) for start, end in named]
        found += [
            Mention(*part, MentionKind.POSSIBLE_NAME) for part in _capitalised_names(tagged) if part[0] not in known
        ]
    return sorted(found, key=lambda mention: mention.start)


def _other_subjects(tagged: TaggedSentence) -> Iterator[Subject]:
    for index in range(1, len(tagged.words)):
        if tagged.is_finite(index) and (subject := subject_before(tagged, index)):
            yield subject


def _conjuncts(tagged: TaggedSentence, subject: Subject) -> Iterator[tuple[int, int]]:
    """Each of the people of ``subject``: two in "John and Mary"."""
    start = subject.start
    for index in range(subject.start, subject.end + 1):
        if index == subject.end or (subject.kind is SubjectKind.COORDINATION and tagged.word(index) in ("and", BREAK)):
            yield start, index
            start = index + 1


def _capitalised_names(tagged: TaggedSentence) -> Iterator[tuple[int, int]]:
    """Words with a capital, as names of people and indices have them: "we saw John", "we are in Boston"."""
    e = english()
    index = 0
    while index < len(tagged.words):
        last = _last_capital(tagged, index)
        if last is not None and name_start(tagged, last) is not None:
            # Every sentence's first word has one: that of "Earlier she cried" is no name.
            following = tagged.word(last + 1)
            parted = following in e.pronouns | e.determiners | e.prepositions | {"", BREAK}
            if last > 0 or not (parted or tagged.word(0).endswith(("ing", "ly"))):
                yield index, last + 1
        index = (index if last is None else last) + 1


def _last_capital(tagged: TaggedSentence, index: int) -> int | None:
    """The last of the words with capitals that begin at ``index``."""
    last = None
    while index < len(tagged.words) and tagged.is_capitalised(index):
        last, index = index, index + 1
    return last


def _introduced_names(tagged: TaggedSentence) -> Iterator[tuple[int, int]]:
    """The names in "this is John" and "a video of Mary Ann"."""
    e = english()
    for index in range(2, len(tagged.words)):
        before = tagged.word(index - 1)
        pair = f"{tagged.word(index - 2)} {before}"
        follows = (
            pair in e.presenting
            or before in e.introducing
            or (before in ("of", "for") and tagged.word(index - 2) in e.recordings)
        )
        last = _last_capital(tagged, index) if follows else None
        if last is not None and name_start(tagged, last) == index:
            yield index, last + 1


class MentionHistory:
    """The people that a talk has named, in the order of the talk."""

    def __init__(self) -> None:
        # The bound keeps a talk whose times all are one from taking ever longer.
        self._recent: deque[tuple[float, str, MentionKind]] = deque(maxlen=_RECENT_MENTIONS)

    def add(self, mention: Mention, text: str, time: float) -> None:
        """Take note of a mention, ``text`` its words, at ``time`` seconds."""
        self._recent.append((time, text, mention.kind))
        while self._recent and self._recent[0][0] < time - RECENT_SECONDS:
            self._recent.popleft()

    def resolve(self, pronoun: str, time: float) -> str | None:
        """The name that ``pronoun`` stands for at ``time``; None where that is not certain enough.

        It is where one person alone was named in the last ``RECENT_SECONDS``, and only with pronouns of one gender
        since: after "John is here with his mum. She smiles." nobody can tell by rule who "she" is.
        """
        e = english()
        if pronoun not in e.male | e.female:
            return None
        recent = [heard for heard in self._recent if heard[0] >= time - RECENT_SECONDS]
        names = {text.casefold(): text for _, text, spoken in reversed(recent) if spoken is MentionKind.NAME}
        others = {text.casefold() for _, text, spoken in recent if spoken is MentionKind.POSSIBLE_NAME}
        if len(names) != 1 or others - names.keys():
            return None
        first = next(i for i, heard in enumerate(recent) if heard[2] is MentionKind.NAME)
        pronouns = {text.lower() for _, text, spoken in recent[first:] if spoken is MentionKind.PRONOUN} | {pronoun}
        return next(iter(names.values())) if pronouns <= e.male or pronouns <= e.female else None
