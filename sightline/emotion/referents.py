"""The words that name whom a keyword is about: its subject, its object, its noun, or the owner of a face or a mood."""

from __future__ import annotations

from typing import NamedTuple

from sightline.emotion.clauses import find_statement, linking_verb_before, verb_group_start
from sightline.emotion.english import english
from sightline.emotion.person_names import name_start
from sightline.emotion.subjects import Subject, SubjectKind, noun_phrase_start, skip_adverbs
from sightline.emotion.tagging import Hit, TaggedSentence
from sightline.emotion.tokens import BREAK

_MAX_OBJECT_WORDS = 10


class ReferentRole(NamedTuple):
    """The words that name whom a keyword is about.

    ``subject`` is None if no words do. ``is_thing``: the sentence says that of something else: "the music is calm".
    ``is_statement``: the subject is that of a statement, which has an annotation.
    """

    subject: Subject | None
    is_thing: bool = False
    is_statement: bool = False


def find_referent(tagged: TaggedSentence, hit: Hit) -> ReferentRole:
    """Return whom ``hit`` is about.

    "Anna IS happy" and "Ben makes ANNA happy" are about Anna, "Anna's angry BROTHER left" about him, "ANNA's face is
    sad" about Anna, "so happy today" names nobody, "the music is calm" is about a thing.
    """
    if statement := find_statement(tagged, hit):
        return ReferentRole(statement.subject, is_statement=True)
    subject = _object(tagged, hit) or _described_noun(tagged, hit)
    if subject:
        return ReferentRole(subject)
    verb = linking_verb_before(tagged, hit)
    first = None if verb is None else verb_group_start(tagged, verb)
    head = -1 if first is None else skip_adverbs(tagged, first - 1)
    if head < 0 or tagged.word(head) == BREAK or tagged.word(head) in english().coordinators:
        return ReferentRole(None)
    return ReferentRole(_owner_of_feature(tagged, head), is_thing=True)


def owner_before(tagged: TaggedSentence, start: int) -> Subject | None:
    """Return the owner named before the noun phrase at ``start``: "ANNA's mother", "HER mother"."""
    e = english()
    if tagged.word(start - 1) == "'s":
        first = name_start(tagged, start - 2)
        if first is not None:
            return Subject(first, start - 1, SubjectKind.NAME, first)
        if tagged.word(start - 2) in e.person_nouns:
            return Subject(start - 2, start - 1, SubjectKind.NOUN, start - 2)
    if tagged.word(start - 1) in e.possessives:
        return Subject(start - 1, start, SubjectKind.PRONOUN, start - 1)
    return None


def _object(tagged: TaggedSentence, hit: Hit) -> Subject | None:
    """Return the object that has the emotion: "Anna makes BEN happy", "I saw HIM crying", "with BEN so sad"."""
    e = english()
    last = hit.start - 1
    while last > max(hit.start - _MAX_OBJECT_WORDS, 0) and _is_between(tagged, last):
        last -= 1
    subject = _person_ending_at(tagged, last)
    if subject is None:
        return None
    start, kind = subject.start, subject.kind
    while tagged.word(start - 1) == "and" and (before := _person_ending_at(tagged, start - 2)):
        start, kind = before.start, SubjectKind.COORDINATION
    verb = skip_adverbs(tagged, (start if kind is SubjectKind.PRONOUN else _phrase_start(tagged, start)) - 1)
    if tagged.word(verb) == "both":
        verb -= 1
    if tagged.word(verb) == "with" and tagged.word(verb - 1) not in ("", BREAK):
        # In "she plays with Ben, so happy" the keyword is not his.
        return None
    return Subject(start, subject.end, kind, start) if tagged.word(verb) in e.causing else None


def _is_between(tagged: TaggedSentence, index: int) -> bool:
    """Return whether the word may be between an object and its keyword: "makes Ben VERY SAD AND angry"."""
    e = english()
    word = tagged.word(index)
    is_degree = word in e.degree or (word.endswith("ly") and not tagged.is_capitalised(index))
    is_joined = word in ("and", "or") and index - 1 in tagged.keyword_indices
    return is_degree or is_joined or index in tagged.keyword_indices or word in tagged.lexicon.bare


def _person_ending_at(tagged: TaggedSentence, last: int) -> Subject | None:
    e = english()
    word = tagged.word(last)
    if word in e.object_pronouns:
        return Subject(last, last + 1, SubjectKind.PRONOUN, last)
    if last < 0 or word == BREAK:
        return None
    if word in e.person_nouns:
        return Subject(last, last + 1, SubjectKind.NOUN, last)
    start = name_start(tagged, last)
    if start is None:
        return None
    # Without capitals two words may be a verb and a name: "makes ben".
    if not tagged.sentence.has_capitals and tagged.word(start - 1) not in e.causing | {"and", "both"}:
        start = last
    return Subject(start, last + 1, SubjectKind.NAME, start)


def _phrase_start(tagged: TaggedSentence, start: int) -> int:
    """Return the start of the phrase with the noun at ``start``, with its determiner and its owner."""
    if tagged.word(start) not in english().person_nouns:
        return start
    first = noun_phrase_start(tagged, start)
    owner = owner_before(tagged, first)
    return owner.start if owner else first


def _described_noun(tagged: TaggedSentence, hit: Hit) -> Subject | None:
    """Return the noun that the keyword describes: "the happy BOY came in", "Anna's angry little BROTHER"."""
    e = english()
    noun = hit.end + 1 if tagged.word(hit.end) in e.epithets else hit.end
    if tagged.word(noun) not in e.person_nouns:
        return None
    return Subject(noun, noun + 1, SubjectKind.NOUN, noun)


def _owner_of_feature(tagged: TaggedSentence, head: int) -> Subject | None:
    """Return the owner of a face, a mood or a voice at ``head``: "ANNA's face is sad"."""
    return owner_before(tagged, head) if tagged.word(head) in tagged.lexicon.not_people else None
