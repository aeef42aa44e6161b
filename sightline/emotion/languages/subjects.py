"""Whom a keyword is about: the subject of its clause, an object, the noun it describes, or the owner of a face.

Where the table does not decide it, a keyword is about nobody who is known. A wrong person would be worse.
"""

from __future__ import annotations

from typing import NamedTuple

from sightline.emotion.languages.clauses import (
    Clause,
    begins_with_verb,
    first_verb,
    is_nominative,
    is_relative,
    is_subordinate,
)
from sightline.emotion.languages.people import Someone
from sightline.emotion.languages.words import TaggedWords
from sightline.emotion.subjects import SubjectKind
from sightline.emotion.tagging import Hit


class Meant(NamedTuple):
    """The people whom a keyword is about; none if the words do not tell.

    ``is_statement``: they are the subject. ``is_thing``: the keyword may be about something or somebody else than who
    is talked about. ``is_certain``: no other person can be meant.
    """

    people: tuple[Someone, ...] = ()
    is_statement: bool = False
    is_thing: bool = False
    is_certain: bool = True


_NOBODY_KNOWN = Meant(is_thing=True)


class Subjects:
    """The people whom the keywords of one sentence are about."""

    def __init__(self, tagged: TaggedWords, clauses: list[Clause], doubtful: frozenset[int]) -> None:
        self._tagged = tagged
        self._clauses = clauses
        self._doubtful = doubtful

    def meant(self, number: int, hit: Hit) -> Meant:
        """Return whom ``hit``, in the clause with this number, is about."""
        tagged, clause = self._tagged, self._clauses[number]
        described = next((one for one in clause.people if one.phrase <= hit.start < hit.end <= one.start), None)
        if described is not None and not self.is_predicate(clause, described):
            return Meant((described,), is_certain=described.is_certain)
        is_verb = hit in tagged.verb_hits
        inside = range(clause.begin, clause.end)
        if tagged.is_attributive(hit) and described is None:
            return _NOBODY_KNOWN
        causes = any(tagged.word(index) in tagged.grammar.table.causing for index in inside)
        links = any(tagged.is_linking(index) for index in inside) or self._has_elided_verb(number)
        if is_verb or (links and not causes):
            return self._subject(number)
        return (
            self._object(clause)
            if causes
            else Meant(is_thing=not tagged.sentence.has_capitals or bool(self._candidates(clause)))
        )

    def is_predicate(self, clause: Clause, one: Someone) -> bool:
        """Return whether a noun describes the subject: "Ana ist EIN TRAURIGES KIND"."""
        tagged = self._tagged
        article = tagged.word(one.phrase) in tagged.grammar.table.indefinite_articles and one.phrase < one.start
        if one.kind is not SubjectKind.NOUN or not article:
            return False
        others = [other for other in clause.people if other is not one and not other.is_object]
        return bool(others) and any(tagged.is_linking(index) for index in range(clause.begin, clause.end))

    def _candidates(self, clause: Clause) -> list[Someone]:
        people = [one for one in clause.people if not one.is_object and not self.is_predicate(clause, one)]
        joined = {one for group in clause.groups for one in group[1:]}
        return [one for one in people if one not in joined]

    def _group(self, clause: Clause, first: Someone) -> tuple[Someone, ...]:
        return next((group for group in clause.groups if group[0] is first), (first,))

    def _subject(self, number: int) -> Meant:
        found = self._subject_of(number)
        # Without punctuation, clauses are not told apart.
        several = len({one.start for one in self._everyone()}) > 1
        if several and not self._tagged.sentence.has_end_mark:
            return found._replace(is_certain=False)
        return found

    def _subject_of(self, number: int) -> Meant:
        tagged, clause = self._tagged, self._clauses[number]
        candidates = self._candidates(clause)
        nominative = [one for one in candidates if is_nominative(one, tagged)]
        if len(nominative) == 1:
            return Meant(self._group(clause, nominative[0]), is_statement=True)
        if not candidates:
            return self._subject_elsewhere(number)
        if is_relative(tagged, clause) or nominative:
            return _NOBODY_KNOWN
        chosen = self._first(clause, candidates) if len(candidates) > 1 else candidates[0]
        if chosen is None:
            return _NOBODY_KNOWN
        certain = chosen.phrase not in self._doubtful and self._is_beside_verb(clause, chosen)
        if self._thing_first(clause, chosen):
            return _NOBODY_KNOWN
        return Meant(self._group(clause, chosen), is_statement=True, is_certain=certain)

    def _everyone(self) -> list[Someone]:
        return [one for clause in self._clauses for one in clause.people]

    def _first(self, clause: Clause, candidates: list[Someone]) -> Someone | None:
        """Return the candidate that begins a main clause: "Ana umarmt Ben und ist froh"."""
        first = candidates[0]
        is_first = first.phrase == self._opening(clause) and not is_subordinate(self._tagged, clause)
        known = first.is_certain and first.phrase not in self._doubtful
        return first if is_first and known and not self._tagged.is_break(first.end) else None

    def _opening(self, clause: Clause) -> int:
        index = clause.begin
        table = self._tagged.grammar.table
        skipped = table.interjections | table.subordinators | table.complementisers | table.conditions
        while self._tagged.word(index) in skipped and index + 1 < clause.end:
            index += 1
        return index

    def _is_beside_verb(self, clause: Clause, one: Someone) -> bool:
        """Return whether only words of the table are between the clause's beginning, or its verb, and the person."""
        tagged = self._tagged
        group = self._group(clause, one)
        opening = self._opening(clause)
        while tagged.word(opening) in tagged.grammar.table.adverbs | tagged.grammar.table.exclaiming or (
            opening in tagged.keyword_indices and opening < one.phrase
        ):
            opening += 1
        if one.phrase <= opening:
            return True
        verbs = [index for index in range(clause.begin, clause.end) if tagged.is_finite(index)]
        before = [verb for verb in verbs if verb < one.phrase]
        after = [verb for verb in verbs if verb >= group[-1].end]
        if before:
            return all(tagged.is_known(index) for index in range(before[-1] + 1, one.phrase))
        unknown = [index for index in range(clause.begin, one.phrase) if not self._is_explained(clause, index)]
        return bool(after) and not unknown

    def _is_explained(self, clause: Clause, index: int) -> bool:
        """Return whether the table has the word, or it is a name or noun, or follows a preposition."""
        tagged = self._tagged
        people = any(one.phrase <= index < one.end for one in clause.people)
        governed = any(tagged.word(i) in tagged.grammar.table.prepositions for i in range(max(index - 3, 0), index))
        return people or governed or tagged.is_known(index) or tagged.grammar.is_thing(tagged.word(index))

    def _thing_first(self, clause: Clause, chosen: Someone) -> bool:
        """Return whether something else begins the clause and may be its subject: "Das Lied ist Ana zu traurig"."""
        tagged, opening = self._tagged, self._opening(clause)
        if chosen.phrase <= opening:
            return False
        verb = first_verb(tagged, clause.pieces[0])
        if verb is None or verb > chosen.phrase:
            return False
        return any(self._is_thing(index) for index in range(opening, verb))

    def _is_thing(self, index: int) -> bool:
        """Return whether a noun or a pronoun for a thing stands at ``index``, without a preposition."""
        tagged = self._tagged
        table, word = tagged.grammar.table, tagged.word(index)
        if word in table.times or index in tagged.keyword_indices:
            return False
        if table.pronouns.get(word) == "it":
            return True
        is_noun = tagged.grammar.is_thing(word) or (
            not tagged.is_known(index) and (table.capitalised_nouns is False or tagged.has_capital_of_its_own(index))
        )
        governed = any(
            tagged.word(i) in table.prepositions | table.before_places for i in range(max(index - 3, 0), index)
        )
        return is_noun and word not in tagged.grammar.kinds and not governed

    def _subject_elsewhere(self, number: int) -> Meant:
        """Return the subject of a clause without people, which may be that of a clause before it."""
        tagged, clause = self._tagged, self._clauses[number]
        owner = self._owner_of_feature(clause)
        if owner is not None:
            return owner
        things = any(self._is_thing(index) for index in range(self._opening(clause), clause.end))
        if things or number == 0:
            return self._without_subject(things=things)
        if is_relative(tagged, clause):
            return self._antecedent(number)
        before = self._clauses[number - 1]
        if tagged.grammar.table.verb_second and begins_with_verb(tagged, clause):
            return self._resumed(number, before)
        return self._without_subject(things=False)

    def _without_subject(self, *, things: bool) -> Meant:
        drops = self._tagged.grammar.table.drops_subject and not things
        return Meant() if drops and self._tagged.sentence.has_capitals else _NOBODY_KNOWN

    def _antecedent(self, number: int) -> Meant:
        """Return the person before a relative clause whose pronoun is the subject: "Ana, DIE traurig ist, spielt"."""
        tagged, clause = self._tagged, self._clauses[number]
        if tagged.word(clause.begin) in tagged.grammar.table.prepositions:
            return _NOBODY_KNOWN
        before = self._clauses[number - 1]
        person = next((one for one in before.people if one.end == clause.start), None)
        if person is None or person.is_owner or person.owner is not None:
            return _NOBODY_KNOWN
        return Meant((person,), is_statement=True)

    def _resumed(self, number: int, before: Clause) -> Meant:
        """Return the subject of "..., ist traurig": that of the clause before, or around a relative clause."""
        tagged = self._tagged
        if is_relative(tagged, before) and number >= 2:
            outer = self._clauses[number - 2]
            candidates = self._candidates(outer)
            has_verb = any(tagged.is_finite(index) for index in range(outer.begin, outer.end))
            alone = len(candidates) == 1 and not has_verb
            return Meant(self._group(outer, candidates[0]), is_statement=True) if alone else _NOBODY_KNOWN
        if is_subordinate(tagged, before):
            return _NOBODY_KNOWN
        candidates = self._candidates(before)
        chosen = candidates[0] if len(candidates) == 1 else self._first(before, candidates) if candidates else None
        return Meant(self._group(before, chosen), is_statement=True) if chosen else _NOBODY_KNOWN

    def _object(self, clause: Clause) -> Meant:
        """Return the object of a verb that causes an emotion: "Die Musik macht ANA traurig", "er macht SIE froh"."""
        tagged = self._tagged
        people = [one for one in clause.people if not (one.is_owner or one.is_governed)]
        subjects = [one for one in people if is_nominative(one, tagged)]
        objects = [one for one in people if one not in subjects]
        things = any(self._is_thing(index) for index in range(clause.begin, clause.end))
        marked = [one for one in objects if one.is_object]
        if len(objects) > 1 and marked:
            # "Den Jungen findet sie traurig".
            subjects, objects = [*subjects, *(one for one in objects if not one.is_object)], marked
        elif len(objects) == 2 and self._first(clause, objects) is objects[0]:
            subjects, objects = objects[:1], objects[1:]
        if len(objects) == 1 and (subjects or things or objects[0].is_object):
            return Meant((objects[0],), is_certain=objects[0].is_certain)
        return _NOBODY_KNOWN

    def _owner_of_feature(self, clause: Clause) -> Meant | None:
        """Return the owner of a face or a mood that is the subject: "ANAS Gesicht ist traurig"."""
        tagged = self._tagged
        grammar = tagged.grammar
        for index in range(clause.begin, clause.end):
            if tagged.word(index) not in grammar.table.features:
                continue
            before = next((one for one in clause.people if one.end == index and one.is_owner), None)
            if before:
                return Meant((before,), is_thing=True)
            if meaning := grammar.table.possessives.get(tagged.word(index - 1)):
                return Meant((Someone(index - 1, index, SubjectKind.PRONOUN, index - 1, meaning),), is_thing=True)
            return _NOBODY_KNOWN
        return None

    def _has_elided_verb(self, number: int) -> bool:
        """Return whether the clause shares the verb of the one beside it: "Ana ist traurig und Ben FROH"."""
        tagged, clause = self._tagged, self._clauses[number]
        if any(tagged.is_finite(index) for index in range(clause.begin, clause.end)):
            return False
        neighbours = [self._clauses[number - 1]] if number and clause.pieces[0].opener else []
        if number + 1 < len(self._clauses) and self._clauses[number + 1].pieces[0].opener:
            neighbours.append(self._clauses[number + 1])
        return any(tagged.is_linking(index) for other in neighbours for index in range(other.begin, other.end))
