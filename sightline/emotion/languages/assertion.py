"""Which keywords are asserted: neither negated, nor part of a question, nor hypothetical.

In doubt a keyword does not count: a table cannot list every construction of a language.
"""

from __future__ import annotations

from sightline.emotion.languages.clauses import Clause, begins_with_verb, first_verb, is_subordinate
from sightline.emotion.languages.words import TaggedWords
from sightline.emotion.tagging import Hit
from sightline.emotion.tokens import BREAK

_MAX_TAG_WORDS = 3
_MAX_SCOPE_WORDS = 12


class Assertions:
    """The asserted keywords of one sentence."""

    def __init__(self, tagged: TaggedWords, clauses: list[Clause]) -> None:
        self._tagged = tagged
        self._clauses = clauses
        self._is_question = tagged.sentence.is_question and not self._ends_with_tag()
        self._doubted: dict[int, bool] = {}

    def asserts(self, number: int, hit: Hit) -> bool:
        """Return whether ``hit``, in the clause with this number, is asserted."""
        clause = self._clauses[number]
        if self._is_question or self._is_doubted(number) or self._is_negated(clause, hit):
            return False
        return not (self._is_supposed(clause, clause.piece_at(hit.start)) or self._is_infinitive(clause, hit))

    def _is_doubted(self, number: int) -> bool:
        """Return whether the clause is a question, hypothetical, or what a doubted clause reports."""
        if number not in self._doubted:
            self._doubted[number] = self._doubts(number)
        return self._doubted[number]

    def _doubts(self, number: int) -> bool:
        tagged, clause = self._tagged, self._clauses[number]
        table = tagged.grammar.table
        if self._is_condition(number) or self._is_question_clause(number):
            return True
        before, after = number - 1, number + 1
        if before >= 0:
            if self._is_condition(before) and not clause.pieces[0].opener:
                return True
            word = tagged.word(clause.begin)
            # "Weil Ana müde und Ben traurig ist": the second clause shares the conjunction of the first.
            shares = clause.pieces[0].opener not in ("", *table.contrast)
            reported = word in table.complementisers or self._reports(before)
            if (reported or shares) and self._is_doubted(before):
                return True
            if reported and self._has_marker(self._clauses[before], tagged.negations | tagged.suppositions):
                return True
            if shares and self._is_supposed(self._clauses[before], 0) and is_subordinate(tagged, self._clauses[before]):
                return True
        return after < len(self._clauses) and self._is_condition(after) and not self._clauses[after].pieces[0].opener

    def _is_condition(self, number: int) -> bool:
        return self._tagged.word(self._clauses[number].begin) in self._tagged.grammar.table.conditions

    def _is_question_clause(self, number: int) -> bool:
        """Return whether the order of words is that of a question, or of a condition or command without conjunction."""
        tagged, clause = self._tagged, self._clauses[number]
        table = tagged.grammar.table
        word = tagged.word(clause.begin)
        if word in table.question_words:
            # "Schau, wie traurig Ana ist!"
            following = clause.begin + 1
            while tagged.word(following) in table.degree:
                following += 1
            return not (word in table.exclaiming and following in tagged.keyword_indices)
        if not begins_with_verb(tagged, clause):
            return False
        has_subject = any(not one.is_object for one in clause.people)
        if not table.verb_second:
            return has_subject and not tagged.sentence.has_end_mark
        before = self._clauses[number - 1] if number else None
        if clause.pieces[0].opener:
            return has_subject
        # "Weil Ben geht, ist Ana traurig", "Ana, die müde ist, ist traurig", "Ana kommt, ist traurig".
        return before is None or (has_subject and not is_subordinate(tagged, before))

    def _reports(self, number: int) -> bool:
        """Return whether the clause has no keyword and reports the next one: "ich hoffe, ..."."""
        tagged, clause = self._tagged, self._clauses[number]
        inside = range(clause.begin, clause.end)
        is_reporting = any(tagged.word(index) in tagged.grammar.table.reporting for index in inside)
        return is_reporting and tagged.keyword_indices.isdisjoint(inside)

    def _has_marker(self, clause: Clause, markers: frozenset[int]) -> bool:
        return any(index in markers for index in range(clause.start, clause.end))

    def _is_supposed(self, clause: Clause, number: int) -> bool:
        """Return whether the piece with this number is hypothetical: "möchte froh sein", "würde gern | spielen"."""
        piece = clause.pieces[number]
        if any(index in self._tagged.suppositions for index in range(piece.start, piece.end)):
            return True
        return self._shares_predicate(clause, number) and self._is_supposed(clause, number - 1)

    def _is_negated(self, clause: Clause, hit: Hit) -> bool:
        tagged = self._tagged
        number = clause.piece_at(hit.start)
        piece = clause.pieces[number]
        if any(index in tagged.negations for index in range(piece.start, hit.start)):
            return True
        verb = first_verb(tagged, piece)
        if hit in tagged.verb_hits or (verb is not None and hit.end <= verb) or verb is None:
            # "Ana weint nicht", "Traurig ist Ana nicht".
            following = range(hit.end, piece.end)
            if any(index in tagged.negations for index in following):
                return True
        if not tagged.sentence.has_end_mark:
            window = range(max(hit.start - _MAX_SCOPE_WORDS, 0), hit.start)
            return any(index in tagged.negations for index in window)
        return self._shares_negation(clause, number)

    def _shares_negation(self, clause: Clause, number: int) -> bool:
        """Return whether a piece continues a negated one: "nicht traurig | oder wütend", unlike "| sondern froh"."""
        if not self._shares_predicate(clause, number):
            return False
        before = clause.pieces[number - 1]
        negated = any(index in self._tagged.negations for index in range(before.start, before.end))
        return negated or self._shares_negation(clause, number - 1)

    def _shares_predicate(self, clause: Clause, number: int) -> bool:
        """Return whether a piece continues the predicate of the one before, without contrast or a verb of its own."""
        tagged, piece = self._tagged, clause.pieces[number]
        if number == 0 or piece.opener in tagged.grammar.table.contrast:
            return False
        return first_verb(tagged, piece) != piece.begin

    def _is_infinitive(self, clause: Clause, hit: Hit) -> bool:
        """Return whether the piece ends with an infinitive: "wird traurig sein", unlike "scheint traurig zu sein"."""
        tagged = self._tagged
        table = tagged.grammar.table
        piece = clause.pieces[clause.piece_at(hit.start)]
        last = [index for index in range(max(piece.end - 2, hit.start), piece.end) if tagged.word(index) != BREAK]
        if not any(tagged.word(index) in table.infinitives for index in last if not tagged.is_possessive(index)):
            return False
        return not any(tagged.word(index) in table.raising for index in range(clause.start, clause.end))

    def _ends_with_tag(self) -> bool:
        """Return whether a question tag makes a statement of a question: "Ana ist traurig, oder?"."""
        words, tags = self._tagged.words, self._tagged.grammar.table.question_tags
        for length in range(1, min(_MAX_TAG_WORDS, len(words) - 2) + 1):
            if words[-length - 1] == BREAK and tags.issuperset(words[-length:]):
                return True
        return False
