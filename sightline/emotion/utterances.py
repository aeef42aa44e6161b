"""Parting a sentence into utterances, each of which says at most one thing of a person."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from sightline.emotion.clauses import Statement, find_statement
from sightline.emotion.english import english
from sightline.emotion.names import introduction_start
from sightline.emotion.reading import Hit, Reading
from sightline.emotion.subjects import Kind
from sightline.emotion.tokens import BREAK


class Utterance(NamedTuple):
    """The words from ``start`` up to ``end`` of a sentence, the keywords in it, and what it says of a person."""

    start: int
    end: int
    hits: tuple[Hit, ...]
    statement: Statement | None


def utterances(reading: Reading, openings: frozenset[int], asserted: list[Hit]) -> Iterator[Utterance]:
    """Part a sentence where it says a second thing of a person: "John is happy | but Mary is sad".

    A sentence that no mark ends, as an engine without punctuation gives it, is parted wherever a clause opens or a
    segment of the transcript begins. ``asserted`` are the keywords that count; the discourse words among them are left
    out where they describe nobody. Every word falls into one utterance.
    """
    statements = {hit: find_statement(reading, hit) for hit in asserted}
    hits = [hit for hit in asserted if statements[hit] or not reading.is_discourse(hit)]
    told = _once_each(reading, openings, [statements[hit] for hit in hits])
    start = 0
    i = j = 0
    for end in _ends(reading, openings, hits, told):
        first_hit, first_told = i, j
        while i < len(hits) and hits[i].start < end:
            i += 1
        while j < len(told) and told[j].hit.start < end:
            j += 1
        yield Utterance(start, end, tuple(hits[first_hit:i]), told[first_told] if j > first_told else None)
        start = end


def _once_each(reading: Reading, openings: frozenset[int], statements: list[Statement | None]) -> list[Statement]:
    """One statement for each thing said: "John is sad and angry" says one, "he's crying because he's upset" too."""
    found: list[Statement] = []
    for statement in statements:
        if statement and not (found and _repeats(reading, openings, found[-1], statement)):
            found.append(statement)
    return found


def _repeats(reading: Reading, openings: frozenset[int], first: Statement, second: Statement) -> bool:
    a, b = first.subject, second.subject
    if (a.start, a.clause) == (b.start, b.clause):
        return True
    if first.hit.told.emotion != second.hit.told.emotion:
        return False
    same_words = reading.words[a.start : a.end] == reading.words[b.start : b.end]
    governed = b.clause not in openings
    if b.kind is Kind.PRONOUN:
        # "John is sad, he is upset" is about one person; "John is sad and she is upset" may be about two.
        linked = governed or (reading.sentence.ended and reading.word(b.clause - 1) == BREAK)
        return linked or (reading.sentence.ended and same_words)
    return same_words and (governed or reading.sentence.ended)


def _ends(reading: Reading, openings: frozenset[int], hits: list[Hit], told: list[Statement]) -> list[int]:
    """Where each utterance ends."""
    kept = {place for hit in hits for place in range(hit.start, hit.end)}
    clauses = {_clause_start(reading, openings, after, before) for before, after in pairwise(told)}
    borders: frozenset[int] = frozenset()
    if not reading.sentence.ended:
        inside = {
            place
            for statement in told
            for place in range(introduction_start(reading, statement.subject.clause) + 1, statement.hit.end)
        }
        clauses |= openings - inside
        borders = reading.sentence.borders - inside
    ends: list[int] = []
    seen, says_something = 0, False
    for cut in sorted({_with_conjunctions(reading, place, kept) for place in clauses} | borders):
        says_something = says_something or any(reading.is_finite(i) or i in kept for i in range(seen, cut))
        seen = cut
        if says_something:
            ends.append(cut)
            says_something = False
    return [*ends, len(reading.words)]


def _clause_start(reading: Reading, openings: frozenset[int], statement: Statement, before: Statement) -> int:
    """Where the clause begins that leads to ``statement``: at "I" in "John is sad and I think Mary is happy"."""
    for place in range(statement.subject.clause, before.hit.end - 1, -1):
        if place in openings:
            return place
    return max(introduction_start(reading, statement.subject.clause), before.hit.end)


def _with_conjunctions(reading: Reading, place: int, kept: set[int]) -> int:
    """``place``, moved before the words that join its clause to the one before."""
    e = english()
    joining = e.coordinators | e.subordinators | e.interjections
    while place > 0 and place - 1 not in kept and reading.word(place - 1) in joining - {"that"}:
        place -= 1
    return place
