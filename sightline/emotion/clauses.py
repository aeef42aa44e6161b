"""Clause starts, linking verbs, and the statements that attribute a keyword to a person."""

from __future__ import annotations

from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.subjects import Subject, noun_phrase_start, skip_adverbs, subject_before
from sightline.emotion.tagging import Hit, TaggedSentence
from sightline.emotion.tokens import BREAK

# The most words between a verb and its keyword: "looks just a little bit upset and".
_MAX_LINK_WORDS = 8
_MAX_PARENTHESIS_WORDS = 3
# "How happy THE LITTLE BOY is".
_MAX_EXCLAMATION_SUBJECT_WORDS = 4
_CONJUNCTIONS = frozenset({"and", "or", "nor", "but"})


class Statement(NamedTuple):
    """A keyword attributed to a person."""

    subject: Subject
    hit: Hit


def find_statement(tagged: TaggedSentence, hit: Hit) -> Statement | None:
    """Return the statement that attributes ``hit`` to a person, or None.

    Examples: "John IS sad", "John, who LOOKS a bit tired and sad".
    """
    verb = linking_verb_before(tagged, hit)
    if verb is None:
        return _exclamation(tagged, hit)
    first = verb_group_start(tagged, verb)
    if first is None:
        return None
    # In "John's angry brother" the keyword is not attributed to John.
    if tagged.word(first) == "'s" and first + 1 == hit.start and tagged.word(hit.end) in english().person_nouns:
        return None
    subject = subject_before(tagged, first)
    return Statement(subject, hit) if subject else None


def _exclamation(tagged: TaggedSentence, hit: Hit) -> Statement | None:
    """Return the statement of an exclamation, in which subject and verb follow the keyword: "look how sad she is"."""
    how = hit.start - 1
    while tagged.word(how) in english().degree or tagged.word(how).endswith("ly"):
        how -= 1
    if tagged.word(how) != "how":
        return None
    for verb in range(hit.end + 1, hit.end + _MAX_EXCLAMATION_SUBJECT_WORDS + 1):
        if tagged.word(verb) in tagged.lexicon.finite:
            subject = subject_before(tagged, verb)
            within = subject is not None and subject.start >= hit.end
            return Statement(subject._replace(clause=how), hit) if subject and within else None
    return None


def linking_verb_before(tagged: TaggedSentence, hit: Hit) -> int | None:
    """Return the index of the verb that links ``hit`` to a subject, across degree words, lists and parentheses."""
    listed = False
    index = hit.start - 1
    while index >= max(hit.start - _MAX_LINK_WORDS, 0):
        word = tagged.word(index)
        if word in tagged.lexicon.linking:
            return index
        if word == BREAK:
            if tagged.is_discourse(hit):
                return None
            opener = _parenthesis_before(tagged, index)
            if opener is None and not listed and index - 1 not in tagged.keyword_indices:
                return None
            index = index if opener is None else opener
        elif not _may_precede_keyword(tagged, index, listed=listed):
            return None
        elif index in tagged.keyword_indices and tagged.is_discourse(hit) and not listed:
            # "He is sad okay let's go on".
            return None
        listed = listed or word in _CONJUNCTIONS
        index -= 1
    return None


def _may_precede_keyword(tagged: TaggedSentence, index: int, *, listed: bool) -> bool:
    """Return whether the word at ``index`` may be between a verb and its keyword."""
    e = english()
    word = tagged.word(index)
    if index in tagged.negation_indices or index in tagged.keyword_indices or word.endswith("ly"):
        return True
    if word in e.degree or word in e.determiners or word in _CONJUNCTIONS or word == "not":
        return True
    # Other words of a list need not be keywords: "tired and sad", "tired, hungry and sad".
    return listed and word not in e.function_words and tagged.word(index + 1) in _CONJUNCTIONS | {BREAK}


def _parenthesis_before(tagged: TaggedSentence, comma: int) -> int | None:
    """Return the start of the parenthesis that ends at ``comma``: "John is, I think, happy", "John is, happy"."""
    for index in range(comma, max(comma - _MAX_PARENTHESIS_WORDS - 2, 0), -1):
        before = tagged.word(index - 1)
        if tagged.word(index) == BREAK and (before in tagged.lexicon.linking or before in ("not", "very", "so")):
            return index
    return None


def verb_group_start(tagged: TaggedSentence, verb: int) -> int | None:
    """Return the index where the verb group begins that ends at ``verb``; None if the group asserts nothing.

    "Has been", "is starting to look" and "does not seem" assert something; "wants to be" and "to be" do not.
    """
    lexicon, auxiliaries = tagged.lexicon, english().auxiliaries
    first = verb
    index = verb
    while True:
        before = skip_adverbs(tagged, index - 1)
        word = tagged.word(before)
        if word == "to" and tagged.word(index) in lexicon.bare:
            governor = skip_adverbs(tagged, before - 1)
            if tagged.word(governor) not in lexicon.linking - lexicon.be:
                return None
            first = index = governor
        elif before >= 0 and (word in lexicon.linking or word in auxiliaries) and not tagged.is_verb_like_name(before):
            first = index = before
        else:
            return first


def find_clause_starts(tagged: TaggedSentence) -> frozenset[int]:
    """Return the indices where an independent clause begins: a subject before its verb, without a subordinating word.

    "I think John is sad" has one, "John is sad he was happy" has two.
    """
    e = english()
    subject_starts = set()
    for index, word in enumerate(tagged.words):
        if word in e.pronouns - {"you"}:
            subject_starts.add(index)
        elif tagged.is_finite(index):
            head = skip_adverbs(tagged, index - 1)
            if head >= 0 and _may_be_subject(tagged, head):
                subject_starts.add(noun_phrase_start(tagged, head))
    return frozenset(index for index in subject_starts if not _is_subordinate(tagged, index))


def skip_degree_words(tagged: TaggedSentence, index: int) -> int:
    """Return the first index from ``index`` on without a degree word: that of "sad" in "really very sad"."""
    while tagged.word(index) in english().degree or tagged.word(index).endswith("ly"):
        index += 1
    return index


def is_clause_start(tagged: TaggedSentence, index: int) -> bool:
    """Return whether the word before ``index`` allows a clause to begin there."""
    e = english()
    before = tagged.word(index - 1)
    return index <= 0 or before == BREAK or before in e.coordinators | e.question_words | e.interjections


def allows_inversion(tagged: TaggedSentence, index: int) -> bool:
    """Return whether a verb at ``index`` may precede its subject.

    It may at a clause start, and after a negation: "not once", "at no point".
    """
    if is_clause_start(tagged, index):
        return True
    for before in range(index - 1, max(index - 4, -1), -1):
        if before in tagged.negation_indices:
            return True
        if tagged.word(before) == BREAK or tagged.word(before) in english().pronouns or tagged.is_finite(before):
            break
    return False


def _may_be_subject(tagged: TaggedSentence, index: int) -> bool:
    e = english()
    word = tagged.word(index)
    if word in e.pronouns | e.indefinite | e.things or tagged.is_verb_like_name(index):
        return True
    return word != BREAK and word not in e.function_words and index not in tagged.keyword_indices


def _is_subordinate(tagged: TaggedSentence, index: int) -> bool:
    e = english()
    before = index - 1
    word = tagged.word(before)
    if word in e.auxiliaries or word == "not":
        # In "is he sad" the subject follows its verb; in "the thing is he is sad" the first verb has another subject.
        auxiliary = before - 1 if word == "not" else before
        if tagged.word(auxiliary) in e.auxiliaries and allows_inversion(tagged, auxiliary):
            return True
    if before in tagged.negation_indices:
        # A bare "no" or "not" before a name or a pronoun answers the sentence before.
        return not (word in ("no", "not") and (tagged.word(index) in e.pronouns or tagged.is_capitalised(index)))
    subordinating = e.prepositions | e.subordinators | e.reporting | e.question_words
    return word in subordinating or before in tagged.supposition_indices
