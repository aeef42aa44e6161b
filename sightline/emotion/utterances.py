"""The split of a sentence into utterances with at most one statement."""

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
    """The words from ``start`` up to ``end`` of a sentence, with their keywords and statement."""

    start: int
    end: int
    hits: tuple[Hit, ...]
    statement: Statement | None


def split_utterances(tagged: TaggedSentence, clause_starts: frozenset[int], asserted: list[Hit]) -> Iterator[Utterance]:
    """Split a sentence before every further statement: "John is happy | but Mary is sad".

    A sentence without an end mark, from an engine without punctuation, is split at every clause start and wherever a
    segment of the transcript begins. ``asserted`` are the keywords that count; discourse words that describe no person
    are left out. Every word belongs to exactly one utterance.
    """
    statements = {hit: find_statement(tagged, hit) for hit in asserted}
    hits = [hit for hit in asserted if statements[hit] or not tagged.is_discourse(hit)]
    distinct = _without_repetitions(tagged, clause_starts, [statements[hit] for hit in hits])
    start = 0
    i = j = 0
    for end in _utterance_ends(tagged, clause_starts, hits, distinct):
        first_hit, first = i, j
        while i < len(hits) and hits[i].start < end:
            i += 1
        while j < len(distinct) and distinct[j].hit.start < end:
            j += 1
        yield Utterance(start, end, tuple(hits[first_hit:i]), distinct[first] if j > first else None)
        start = end


def _without_repetitions(
    tagged: TaggedSentence, clause_starts: frozenset[int], statements: list[Statement | None]
) -> list[Statement]:
    """Return the statements without repetitions: "John is sad and angry" has one, "he's crying as he's upset" too."""
    distinct: list[Statement] = []
    for statement in statements:
        if statement and not (distinct and _repeats(tagged, clause_starts, distinct[-1], statement)):
            distinct.append(statement)
    return distinct


def _repeats(tagged: TaggedSentence, clause_starts: frozenset[int], first: Statement, second: Statement) -> bool:
    a, b = first.subject, second.subject
    if (a.start, a.clause) == (b.start, b.clause):
        return True
    if first.hit.entry.emotion != second.hit.entry.emotion:
        return False
    same_words = tagged.words[a.start : a.end] == tagged.words[b.start : b.end]
    is_subordinate = b.clause not in clause_starts
    if b.kind is SubjectKind.PRONOUN:
        # "John is sad, he is upset" is about one person; "John is sad and she is upset" may be about two.
        linked = is_subordinate or (tagged.sentence.has_end_mark and tagged.word(b.clause - 1) == BREAK)
        return linked or (tagged.sentence.has_end_mark and same_words)
    return same_words and (is_subordinate or tagged.sentence.has_end_mark)


def _utterance_ends(
    tagged: TaggedSentence, clause_starts: frozenset[int], hits: list[Hit], statements: list[Statement]
) -> list[int]:
    keyword_indices = {index for hit in hits for index in range(hit.start, hit.end)}
    clauses = {_clause_start(tagged, clause_starts, after, before) for before, after in pairwise(statements)}
    segments: frozenset[int] = frozenset()
    if not tagged.sentence.has_end_mark:
        inside = {
            index
            for statement in statements
            for index in range(introduction_start(tagged, statement.subject.clause) + 1, statement.hit.end)
        }
        clauses |= clause_starts - inside
        segments = tagged.sentence.segment_starts - inside
    ends: list[int] = []
    start, has_content = 0, False
    for cut in sorted({_before_conjunctions(tagged, index, keyword_indices) for index in clauses} | segments):
        has_content = has_content or any(tagged.is_finite(i) or i in keyword_indices for i in range(start, cut))
        start = cut
        if has_content:
            ends.append(cut)
            has_content = False
    return [*ends, len(tagged.words)]


def _clause_start(
    tagged: TaggedSentence, clause_starts: frozenset[int], statement: Statement, before: Statement
) -> int:
    """Return where the clause with ``statement`` begins: at "I" in "John is sad and I think Mary is happy"."""
    for index in range(statement.subject.clause, before.hit.end - 1, -1):
        if index in clause_starts:
            return index
    return max(introduction_start(tagged, statement.subject.clause), before.hit.end)


def _before_conjunctions(tagged: TaggedSentence, index: int, keyword_indices: set[int]) -> int:
    """Return ``index``, moved before the conjunctions that join its clause to the one before."""
    e = english()
    joining = (e.coordinators | e.subordinators | e.interjections) - {"that"}
    while index > 0 and index - 1 not in keyword_indices and tagged.word(index - 1) in joining:
        index -= 1
    return index
