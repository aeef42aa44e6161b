"""The subject of a verb, if it is a person."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.person_names import is_determiner, name_start
from sightline.emotion.tagging import TaggedSentence
from sightline.emotion.tokens import BREAK

# The most words between "and" and the verb before it whose subject "... and looks happy" shares.
_MAX_SHARED_SUBJECT_WORDS = 15
_MAX_PARENTHESIS_WORDS = 3
# "John, WHO SITS NEXT TO HIS MUM, is sad".
_MAX_RELATIVE_WORDS = 10


class SubjectKind(Enum):
    """How a subject refers to a person; a coordination is "John and Mary"."""

    NAME = "name"
    NOUN = "noun"
    PRONOUN = "pronoun"
    COORDINATION = "coordination"


class Subject(NamedTuple):
    """A subject: the words from ``start`` up to ``end``. ``clause`` is the index where its clause begins."""

    start: int
    end: int
    kind: SubjectKind
    clause: int


def subject_before(tagged: TaggedSentence, verb: int) -> Subject | None:
    """Return the subject of the verb at ``verb``; None if it is not a person or cannot be identified."""
    e = english()
    index = skip_adverbs(tagged, verb - 1)
    word = tagged.word(index)
    if word in e.coordinators:
        return _shared_subject(tagged, index)
    if word == BREAK:
        return _before_parenthesis(tagged, index)
    if word in e.relative:
        subject = _noun_phrase(tagged, index - 2 if tagged.word(index - 1) == BREAK else index - 1)
        # "That" begins a relative clause only after a person: in "I know that is fine" it refers to a thing.
        certain = subject and (
            word == "who" or subject.kind is SubjectKind.NOUN or tagged.is_capitalised(subject.start)
        )
        return subject if certain else None
    gerund = tagged.word(verb).endswith("ing")
    if word in e.pronouns | e.indefinite or (gerund and word in e.object_pronouns):
        return _with_conjuncts(tagged, Subject(index, index + 1, SubjectKind.PRONOUN, index), verb)
    outer = None if gerund else _governing_preposition(tagged, index)
    if outer is not None:
        # The subject is "boy" in "the boy in the red shirt is sad", and "boys" in "one of the boys is sad".
        subject = _noun_phrase(tagged, outer - 1)
        return subject or (_noun_phrase(tagged, index) if tagged.word(outer) == "of" else None)
    subject = _noun_phrase(tagged, index)
    return _with_conjuncts(tagged, subject, verb) if subject else None


def skip_adverbs(tagged: TaggedSentence, index: int) -> int:
    """Return the last index up to ``index`` without an adverb or an adverbial negation; -1 if there is none."""
    e = english()
    while index >= 0:
        word = tagged.word(index)
        is_adverb = word.endswith("ly") and not tagged.is_capitalised(index) and tagged.word(index - 1) in e.pronouns
        is_negation = word == "not" or (index in tagged.negation_indices and word not in e.negative_subjects)
        if not (word in e.adverbs or is_adverb or is_negation):
            break
        index -= 1
    return index


def noun_phrase_start(tagged: TaggedSentence, head: int) -> int:
    """Return the start of the noun phrase that ends at ``head``, with its determiner; it need not be a person."""
    e = english()
    if tagged.word(head) in e.pronouns:
        return head
    name = name_start(tagged, head)
    start = head if name is None else name
    if name is not None and tagged.word(name - 1) in e.person_nouns:
        # "My brother John".
        start -= 1
    elif name is not None and tagged.is_capitalised(name):
        return start
    before = start - 1
    if tagged.word(before) in e.epithets or (tagged.sentence.has_capitals and _is_content_word(tagged, before)):
        before -= 1
    return before if is_determiner(tagged, before) else start


def _noun_phrase(tagged: TaggedSentence, last: int) -> Subject | None:
    """Return the name or the noun for a person that ends at ``last``."""
    e = english()
    start = name_start(tagged, last)
    if start is not None:
        return Subject(start, last + 1, SubjectKind.NAME, start)
    if tagged.word(last) not in e.person_nouns:
        return None
    start = last
    if tagged.word(last - 1) == "'s" and (owner := name_start(tagged, last - 2)) is not None:
        start = owner
    return Subject(start, last + 1, SubjectKind.NOUN, start)


def _with_conjuncts(tagged: TaggedSentence, subject: Subject, verb: int) -> Subject:
    """Return ``subject`` with the people that "and" coordinates with it, if the verb may be plural."""
    word = tagged.word(verb)
    singular = word in ("'s", "am", "is", "was") or word.removesuffix("s") in tagged.lexicon.bare - {word}
    # "Anna and her mother are sad": the phrase of a noun begins with its determiner.
    begin = noun_phrase_start(tagged, subject.start) if subject.kind is SubjectKind.NOUN else subject.start
    if singular or tagged.word(begin - 1) != "and":
        return subject
    first = _pronoun_or_noun_phrase(tagged, begin - 2)
    if first is None:
        return subject
    while tagged.word(first.start - 1) == BREAK and (another := _pronoun_or_noun_phrase(tagged, first.start - 2)):
        first = another
    return Subject(first.start, subject.end, SubjectKind.COORDINATION, first.start)


def _before_parenthesis(tagged: TaggedSentence, comma: int) -> Subject | None:
    """Return the subject before the parenthesis that ends at ``comma``: "John, I think, is sad", "John (12) is sad"."""
    for index in range(comma - 2, max(comma - _MAX_RELATIVE_WORDS - 2, 0), -1):
        if tagged.word(index) == BREAK:
            is_short = index > comma - _MAX_PARENTHESIS_WORDS - 2
            is_relative = tagged.word(index + 1) in ("who", "whose", "whom")
            return _pronoun_or_noun_phrase(tagged, index - 1) if is_short or is_relative else None
    return None


def _shared_subject(tagged: TaggedSentence, conjunction: int) -> Subject | None:
    """Return the subject that the verbs around ``conjunction`` share: "John was sad and looks happy"."""
    for index in range(conjunction - 1, max(conjunction - _MAX_SHARED_SUBJECT_WORDS, 0) - 1, -1):
        if tagged.word(index) in english().pronouns or (tagged.is_capitalised(index) and index + 1 < conjunction):
            subject = _pronoun_or_noun_phrase(tagged, index)
            if subject and (first := _clause_subject(tagged, subject.start)):
                # "Anna" and not "Ben" in "Anna hugs Ben tightly and is happy".
                subject = first
        elif tagged.is_finite(index) and tagged.word(skip_adverbs(tagged, index - 1)) not in english().coordinators:
            subject = subject_before(tagged, index)
        else:
            continue
        if subject:
            return subject._replace(clause=conjunction)
    return None


def _clause_subject(tagged: TaggedSentence, end: int) -> Subject | None:
    """Return the name or the pronoun that begins the clause before ``end``, if one does."""
    e = english()
    begin = end
    while (
        begin > 0 and tagged.word(begin - 1) != BREAK and tagged.word(begin - 1) not in e.coordinators | e.subordinators
    ):
        begin -= 1
    while begin < end and (tagged.word(begin) in e.adverbs | e.interjections):
        begin += 1
    for last in range(begin, end):
        if tagged.word(last) in e.pronouns or (tagged.is_capitalised(last) and not tagged.is_capitalised(last + 1)):
            subject = _pronoun_or_noun_phrase(tagged, last)
            return subject if subject and subject.start == begin else None
    return None


def _pronoun_or_noun_phrase(tagged: TaggedSentence, last: int) -> Subject | None:
    if tagged.word(last) in english().pronouns:
        return Subject(last, last + 1, SubjectKind.PRONOUN, last)
    return _noun_phrase(tagged, last)


def _governing_preposition(tagged: TaggedSentence, head: int) -> int | None:
    """Return the index of the preposition that governs the noun phrase that ends at ``head``."""
    e = english()
    before = noun_phrase_start(tagged, head) - 1
    if tagged.word(before) in e.prepositions:
        return before - 1 if tagged.word(before - 1) in e.prepositions else before
    # Without capitals, "shirt" could be a name; in "the boy in the red shirt" the person before "in" rules that out.
    article, preposition = head - 2, head - 3
    if (
        tagged.word(article) in e.determiners
        and tagged.word(preposition) in e.prepositions
        and tagged.word(preposition - 1) in e.person_nouns
        and not tagged.is_capitalised(head)
    ):
        return preposition
    return None


def _is_content_word(tagged: TaggedSentence, index: int) -> bool:
    """Return whether the word at ``index`` may be an adjective or a noun, and is no function word."""
    word = tagged.word(index)
    return bool(word) and word != BREAK and not tagged.is_capitalised(index) and word not in english().function_words
