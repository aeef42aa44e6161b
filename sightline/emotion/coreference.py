"""Coreference: the people named so far, and the name that a pronoun refers to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from sightline.emotion.clauses import Statement
from sightline.emotion.english import english
from sightline.emotion.person_names import is_introduced, name_start
from sightline.emotion.subjects import Subject, SubjectKind, subject_before
from sightline.emotion.tagging import TaggedSentence
from sightline.emotion.tokens import BREAK

RECENT_SECONDS = 60.0
"""A pronoun may refer to a person named at most this long before."""

_MAX_MENTIONS = 200


class MentionKind(Enum):
    """How a mention refers to a person."""

    NAME = "name"
    POSSIBLE_NAME = "possible name"
    PRONOUN = "pronoun"


class Mention(NamedTuple):
    """A name or a pronoun in a sentence: the words from ``start`` up to ``end``."""

    start: int
    end: int
    kind: MentionKind


def find_mentions(tagged: TaggedSentence, statements: list[Statement]) -> list[Mention]:
    """Return the names and the gendered pronouns of a sentence, in order.

    ``statements`` are the sentence's statements. Text without capitals gives no names: some names could not be
    distinguished from other words, and a missed person would be confused with another.
    """
    gendered = english().male | english().female
    mentions = [Mention(i, i + 1, MentionKind.PRONOUN) for i, word in enumerate(tagged.words) if word in gendered]
    if tagged.sentence.has_capitals:
        subjects = [*(statement.subject for statement in statements), *_other_subjects(tagged)]
        names = {
            name
            for subject in subjects
            if subject.kind is not SubjectKind.PRONOUN
            for name in _conjuncts(tagged, subject)
        }
        names |= set(_introduced_names(tagged))
        named_indices = {index for start, end in names for index in range(start, end)}
        mentions += [Mention(start, end, MentionKind.NAME) for start, end in names]
        mentions += [
            Mention(start, end, MentionKind.POSSIBLE_NAME)
            for start, end in _capitalised_names(tagged)
            if start not in named_indices
        ]
    return sorted(mentions, key=lambda mention: mention.start)


def _other_subjects(tagged: TaggedSentence) -> Iterator[Subject]:
    for index in range(1, len(tagged.words)):
        if tagged.is_finite(index) and (subject := subject_before(tagged, index)):
            yield subject


def _conjuncts(tagged: TaggedSentence, subject: Subject) -> Iterator[tuple[int, int]]:
    """Yield the people of ``subject``: two for "John and Mary"."""
    start = subject.start
    for index in range(subject.start, subject.end + 1):
        if index == subject.end or (subject.kind is SubjectKind.COORDINATION and tagged.word(index) in ("and", BREAK)):
            yield start, index
            start = index + 1


def _capitalised_names(tagged: TaggedSentence) -> Iterator[tuple[int, int]]:
    """Yield capitalised words that may be names of people or places: "we saw John", "we are in Boston"."""
    e = english()
    index = 0
    while index < len(tagged.words):
        last = _last_capital(tagged, index)
        if last is not None and name_start(tagged, last) is not None:
            # The first word of a sentence is always capitalised: "Earlier" in "Earlier she cried" is not a name.
            following = tagged.word(last + 1)
            begins_phrase = following in e.pronouns | e.determiners | e.prepositions | {"", BREAK}
            if last > 0 or not (begins_phrase or tagged.word(0).endswith(("ing", "ly"))):
                yield index, last + 1
        index = (index if last is None else last) + 1


def _last_capital(tagged: TaggedSentence, index: int) -> int | None:
    """Return the last index of the run of capitalised words that begins at ``index``; None if there is none."""
    last = None
    while index < len(tagged.words) and tagged.is_capitalised(index):
        last, index = index, index + 1
    return last


def _introduced_names(tagged: TaggedSentence) -> Iterator[tuple[int, int]]:
    """Yield names that are introduced: "this is John", "a video of Mary Ann"."""
    e = english()
    for index in range(2, len(tagged.words)):
        is_presented = f"{tagged.word(index - 2)} {tagged.word(index - 1)}" in e.presenting
        last = _last_capital(tagged, index) if is_presented or is_introduced(tagged, index) else None
        if last is not None and name_start(tagged, last) == index:
            yield index, last + 1


class MentionHistory:
    """The recent mentions of people in a transcript, in order."""

    def __init__(self) -> None:
        # Bounds the time per sentence if all times of a transcript are equal.
        self._recent: deque[tuple[float, str, MentionKind]] = deque(maxlen=_MAX_MENTIONS)

    def add(self, mention: Mention, text: str, time: float) -> None:
        """Add a mention with its words, at ``time`` seconds."""
        self._recent.append((time, text, mention.kind))
        while self._recent and self._recent[0][0] < time - RECENT_SECONDS:
            self._recent.popleft()

    def resolve(self, pronoun: str, time: float) -> str | None:
        """Return the name that ``pronoun`` refers to at ``time``; None if the reference is ambiguous.

        It is unambiguous if only one person was named in the last ``RECENT_SECONDS``, followed by pronouns of only one
        gender. After "John is here with his mum. She smiles." no rule can resolve "she".
        """
        e = english()
        if pronoun not in e.male | e.female:
            return None
        recent = [mention for mention in self._recent if mention[0] >= time - RECENT_SECONDS]
        names = {text.casefold(): text for _, text, kind in reversed(recent) if kind is MentionKind.NAME}
        others = {text.casefold() for _, text, kind in recent if kind is MentionKind.POSSIBLE_NAME}
        if len(names) != 1 or others - names.keys():
            return None
        first = next(i for i, (_, _, kind) in enumerate(recent) if kind is MentionKind.NAME)
        pronouns = {text.lower() for _, text, kind in recent[first:] if kind is MentionKind.PRONOUN} | {pronoun}
        return next(iter(names.values())) if pronouns <= e.male or pronouns <= e.female else None
