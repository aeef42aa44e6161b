"""The clauses of a sentence, with their people.

A clause has at most one subject. Its pieces are predicates and items of lists that share the subject: "Ana kommt herein
| und ist traurig | und müde".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from sightline.emotion.languages.people import Someone
from sightline.emotion.languages.words import TaggedWords
from sightline.emotion.subjects import SubjectKind
from sightline.emotion.tokens import BREAK


@dataclass(frozen=True)
class Piece:
    """The words from ``start`` up to ``end``; ``begin`` is the first after the conjunction ``opener``.

    ``after_mark``: a comma or the start of the sentence is before it.
    """

    start: int
    begin: int
    end: int
    opener: str
    after_mark: bool


@dataclass
class Clause:
    """Pieces with one subject. ``groups`` are people joined by "and" into one subject."""

    pieces: list[Piece]
    people: list[Someone] = field(default_factory=list)
    groups: list[tuple[Someone, ...]] = field(default_factory=list)

    @property
    def start(self) -> int:
        """The index of its first word, with the conjunction."""
        return self.pieces[0].start

    @property
    def begin(self) -> int:
        """The index of its first word after the conjunction."""
        return self.pieces[0].begin

    @property
    def end(self) -> int:
        """The index after its last word."""
        return self.pieces[-1].end

    def piece_at(self, index: int) -> int:
        """Return the number of the piece with the word at ``index``."""
        return next(i for i, piece in enumerate(self.pieces) if index < piece.end or piece is self.pieces[-1])


def find_groups(tagged: TaggedWords, people: list[Someone]) -> tuple[list[tuple[Someone, ...]], frozenset[int]]:
    """Return the people who are one subject, and the indices after conjunctions that may join people or clauses.

    "Ana und Ben sind traurig" has one subject. In "Wir sehen Ana und Ben sind traurig" the "und" may join two people.
    """
    groups: list[tuple[Someone, ...]] = []
    doubtful: set[int] = set()
    index = 0
    while index < len(people):
        group = [people[index]]
        while index + 1 < len(people) and _are_joined(tagged, group[-1], people[index + 1]):
            index += 1
            group.append(people[index])
        index += 1
        joined = any(tagged.word(i) in tagged.grammar.table.coordinators for i in range(group[0].end, group[-1].phrase))
        if len(group) == 1 or not joined:
            continue
        if _is_one_subject(tagged, group):
            groups.append(tuple(group))
        elif group[0].is_governed or not _begins_clause(tagged, group[-1]):
            doubtful.add(group[-1].phrase)
    return groups, frozenset(doubtful)


def _are_joined(tagged: TaggedWords, first: Someone, second: Someone) -> bool:
    # A mark and a conjunction begin a clause: "Ana spielt mit Ben, und Mia ist traurig".
    between = tagged.words[first.end : second.phrase]
    joining = tagged.grammar.table.coordinators - tagged.grammar.table.contrast | {BREAK}
    return len(between) == 1 and between[0] in joining and not first.is_owner


def _is_one_subject(tagged: TaggedWords, group: list[Someone]) -> bool:
    """Return whether people joined by "and" begin their clause or follow its plural verb."""
    if any(one.is_object for one in group):
        return False
    plural, before = tagged.grammar.table.plural, group[0].phrase - 1
    while tagged.word(before) in tagged.grammar.table.adverbs:
        before -= 1
    follows_verb = tagged.word(before) in plural
    starts = tagged.is_break(before) or tagged.word(before) in _joining(tagged)
    return follows_verb or (starts and not _begins_clause(tagged, group[-1]))


def _begins_clause(tagged: TaggedWords, last: Someone) -> bool:
    """Return whether a singular verb follows, so that the last of the people is its only subject."""
    verb = last.end
    return tagged.is_finite(verb) and tagged.word(verb) not in tagged.grammar.table.plural


def _joining(tagged: TaggedWords) -> frozenset[str]:
    table = tagged.grammar.table
    return table.subordinators | table.complementisers | table.conditions | table.coordinators | table.interjections


def find_clauses(tagged: TaggedWords, people: list[Someone]) -> tuple[list[Clause], frozenset[int]]:
    """Return the clauses of a sentence, and the starts of phrases that may belong to the clause before."""
    groups, doubtful = find_groups(tagged, people)
    inside = frozenset(index for group in groups for index in range(group[0].end, group[-1].phrase))
    clauses: list[Clause] = []
    for piece in _pieces(tagged, inside):
        own = [one for one in people if piece.start <= one.start < piece.end]
        if clauses and _continues(tagged, piece, own):
            clauses[-1].pieces.append(piece)
            clauses[-1].people += own
        else:
            clauses.append(Clause([piece], own))
    for before, clause in pairwise(clauses):
        # "Mit Ana und Ben ist Mia traurig": the first person may belong to the words before.
        has_verb = any(tagged.is_finite(index) for index in range(before.begin, before.end))
        if clause.pieces[0].opener and not clause.pieces[0].after_mark and not has_verb and clause.people:
            doubtful |= {clause.people[0].phrase}
    for clause in clauses:
        clause.groups = [group for group in groups if clause.start <= group[0].start < clause.end]
    return clauses, doubtful


def _pieces(tagged: TaggedWords, inside: frozenset[int]) -> list[Piece]:
    """Split at clause marks and conjunctions, except ``inside`` subjects; without marks also between segments."""
    table = tagged.grammar.table
    cuts = {
        index
        for index, word in enumerate(tagged.words)
        if index not in inside and (word == BREAK or word in table.coordinators)
    }
    if not tagged.sentence.has_end_mark:
        cuts |= tagged.sentence.segment_starts
    pieces: list[Piece] = []
    for cut, end in pairwise(sorted({0, *cuts, len(tagged.words)})):
        start = cut
        marked = tagged.word(start) == BREAK
        first = start + 1 if marked else start
        is_joined = tagged.word(first) in table.coordinators and first not in inside
        begin = first + 1 if is_joined else first
        after_mark = marked or (bool(pieces) and pieces[-1].begin >= pieces[-1].end and pieces[-1].after_mark)
        if pieces and pieces[-1].begin >= pieces[-1].end:
            # A mark and a conjunction: ", aber".
            start = pieces.pop().start
        pieces.append(Piece(start, begin, end, tagged.word(first) if is_joined else "", after_mark or start == 0))
    return pieces


def _continues(tagged: TaggedWords, piece: Piece, own: list[Someone]) -> bool:
    """Return whether a piece shares the subject of the clause before it: "und ist traurig", ", müde und traurig"."""
    if any(not one.is_object for one in own):
        return False
    if piece.opener:
        return tagged.word(piece.begin) not in _clause_openers(tagged)
    has_verb = any(tagged.is_finite(index) for index in range(piece.begin, piece.end))
    return not has_verb and tagged.word(piece.begin) not in _clause_openers(tagged)


def _clause_openers(tagged: TaggedWords) -> frozenset[str]:
    table = tagged.grammar.table
    return table.subordinators | table.complementisers | table.conditions | table.relative | table.question_words


def first_verb(tagged: TaggedWords, piece: Piece) -> int | None:
    """Return the index of the first finite verb of a piece; None if it has none."""
    return next((index for index in range(piece.begin, piece.end) if tagged.is_finite(index)), None)


def is_subordinate(tagged: TaggedWords, clause: Clause) -> bool:
    """Return whether a conjunction or a relative pronoun subordinates the clause."""
    table = tagged.grammar.table
    word = tagged.word(clause.begin)
    return word in table.subordinators | table.complementisers | table.conditions or is_relative(tagged, clause)


def is_relative(tagged: TaggedWords, clause: Clause) -> bool:
    """Return whether the clause is a relative one: it begins with a relative pronoun, which is not an article."""
    begin = clause.begin
    if tagged.word(begin) in tagged.grammar.table.prepositions:
        begin += 1
    if tagged.word(begin) not in tagged.grammar.table.relative or not clause.pieces[0].after_mark or clause.start == 0:
        return False
    # "Die Mutter" begins another clause; "die Ben mag" may be one of the two.
    if any(one.phrase == begin < one.start and one.kind is SubjectKind.NOUN for one in clause.people):
        return False
    # "Ana ist da, die ist traurig": the verb of a relative clause is last, in a language with the verb second.
    return not (tagged.grammar.table.verb_second and tagged.is_finite(begin + 1) and begin + 2 < clause.pieces[0].end)


def begins_with_verb(tagged: TaggedWords, clause: Clause) -> bool:
    """Return whether the first word of the clause, without interjections, is a finite verb."""
    index = clause.begin
    interjections = tagged.grammar.table.interjections
    while tagged.word(index) in interjections and index not in tagged.keyword_indices and index + 1 < clause.end:
        index += 1
    return tagged.is_finite(index) and not any(one.phrase <= index < one.end for one in clause.people)


def is_nominative(one: Someone, tagged: TaggedWords) -> bool:
    """Return whether the words can only be a subject: "er", unlike "sie" and "Ana"."""
    return one.kind is SubjectKind.PRONOUN and tagged.word(one.start) in tagged.grammar.subject_only
