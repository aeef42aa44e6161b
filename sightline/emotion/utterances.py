"""Parting a sentence into utterances, each of which says at most one thing of a person."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from sightline.emotion.clauses import Statement, find_statement
from sightline.emotion.english import english
from sightline.emotion.person_names import introduction_start
from sightline.emotion.subjects import SubjectKind
from sightline.emotion.tagging import Hit, TaggedSentence
from sightline.emotion.tokens import BREAK


class Utterance(NamedTuple):
    """The words from ``start`` up to ``end`` of a sentence, the keywords in it, and what it says of a person."""

    start: int
    end: int
    hits: tuple[Hit, ...]
    statement: Statement | None


def split_utterances(tagged: TaggedSentence, clause_starts: frozenset[int], asserted: list[Hit]) -> Iterator[Utterance]:
    """Part a sentence where it says a second thing of a person: "John is happy | but Mary is sad".

    A sentence that no mark ends, as an engine without punctuation gives it, is parted wherever a clause opens or a
    segment of the transcript begins. ``asserted`` are the keywords that count; the discourse words among them are left
    out where they describe nobody. Every word falls into one utterance.
    """
    statements = {hit: find_statement(tagged, hit) for hit in asserted}
    hits = [hit for hit in asserted if statements[hit] or not tagged.is_discourse(hit)]
    told = _without_repetitions(tagged, clause_starts, [statements[hit] for hit in hits])
    start = 0
    i = j = 0
    for end in _ends(tagged, clause_starts, hits, told):
        first_hit, first_told = i, j
        while i < len(hits) and hits[i].start < end:
            i += 1
        while j < len(told) and told[j].hit.start < end:
            j += 1
        yield Utterance(start, end, tuple(hits[first_hit:i]), told[first_told] if j > first_told else None)
        start = end


def _without_repetitions(
    tagged: TaggedSentence, clause_starts: frozenset[int], statements: list[Statement | None]
) -> list[Statement]:
    """One statement for each thing said: "John is sad and angry" says one, "he's crying because he's upset" too."""
    found: list[Statement] = []
    for statement in statements:
        if statement and not (found and _repeats(tagged, clause_starts, found[-1], statement)):
            found.append(statement)
    return found


def _repeats(tagged: TaggedSentence, clause_starts: frozenset[int], first: Statement, second: Statement) -> bool:
    a, b = first.subject, second.subject
    if (a.start, a.clause) == (b.start, b.clause):
        return True
    if first.hit.entry.emotion != second.hit.entry.emotion:
        return False
    same_words = tagged.words[a.start : a.end] == tagged.words[b.start : b.end]
    governed = b.clause not in clause_starts
    if b.kind is SubjectKind.PRONOUN:
        # "John is sad, he is upset" is about one person; "John is sad and she is upset" may be about two.
        linked = governed or (tagged.sentence.has_end_mark and tagged.word(b.clause - 1) == BREAK)
        return linked or (tagged.sentence.has_end_mark and same_words)
    return same_words and (governed or tagged.sentence.has_end_mark)


def _ends(tagged: TaggedSentence, clause_starts: frozenset[int], hits: list[Hit], told: list[Statement]) -> list[int]:
    """Where each utterance ends."""
    kept = {index for hit in hits for index in range(hit.start, hit.end)}
    clauses = {_clause_start(tagged, clause_starts, after, before) for before, after in pairwise(told)}
    borders: frozenset[int] = frozenset()
    if not tagged.sentence.has_end_mark:
        inside = {
            index
            for statement in told
            for index in range(introduction_start(tagged, statement.subject.clause) + 1, statement.hit.end)
        }
        clauses |= clause_starts - inside
        borders = tagged.sentence.segment_starts - inside
    ends: list[int] = []
    seen, says_something = 0, False
    for cut in sorted({_before_conjunctions(tagged, index, kept) for index in clauses} | borders):
        says_something = says_something or any(tagged.is_finite(i) or i in kept for i in range(seen, cut))
        seen = cut
        if says_something:
            ends.append(cut)
            says_something = False
    return [*ends, len(tagged.words)]


def _clause_start(
    tagged: TaggedSentence, clause_starts: frozenset[int], statement: Statement, before: Statement
) -> int:
    """Where the clause begins that leads to ``statement``: at "I" in "John is sad and I think Mary is happy"."""
    for index in range(statement.subject.clause, before.hit.end - 1, -1):
        if index in clause_starts:
            return index
    return max(introduction_start(tagged, statement.subject.clause), before.hit.end)


def _before_conjunctions(tagged: TaggedSentence, index: int, kept: set[int]) -> int:
    """``index``, moved before the words that join its clause to the one before."""
    e = english()
    joining = e.coordinators | e.subordinators | e.interjections
    while index > 0 and index - 1 not in kept and tagged.word(index - 1) in joining - {"that"}:
        index -= 1
    return index
