"""Which keywords are asserted: neither negated, nor part of a question, nor hypothetical."""

from __future__ import annotations

from sightline.emotion.clauses import (
    allows_inversion,
    is_clause_start,
    linking_verb_before,
    skip_degree_words,
    verb_group_start,
)
from sightline.emotion.english import english
from sightline.emotion.scope import MAX_SCOPE_WORDS, governing_markers
from sightline.emotion.subjects import skip_adverbs
from sightline.emotion.tagging import Hit, Marker, TaggedSentence
from sightline.emotion.tokens import BREAK

# "Isn't he?" is three words.
_MAX_TAG_WORDS = 4


def asserted_hits(tagged: TaggedSentence, clause_starts: frozenset[int]) -> list[Hit]:
    """Return the asserted keywords of a sentence."""
    question = _question_start(tagged, clause_starts)
    return [
        hit
        for hit in tagged.hits
        if not (
            is_negated(tagged, clause_starts, hit)
            or is_hypothetical(tagged, clause_starts, hit)
            or hit.start >= question
            or is_inverted(tagged, clause_starts, hit)
        )
    ]


def is_negated(tagged: TaggedSentence, clause_starts: frozenset[int], hit: Hit) -> bool:
    """Return whether ``hit`` is in the scope of a negation: "never looks happy", "I don't think he is happy"."""
    return any(
        not _is_intensifier(tagged, marker, hit)
        for marker in governing_markers(tagged, clause_starts, tagged.negations, hit)
    )


def is_hypothetical(tagged: TaggedSentence, clause_starts: frozenset[int], hit: Hit) -> bool:
    """Return whether ``hit`` is hypothetical: "if he is happy", "would be happy", "wants to be happy", "stay calm"."""
    if any(governing_markers(tagged, clause_starts, tagged.suppositions, hit)):
        return True
    verb = linking_verb_before(tagged, hit)
    if verb is None:
        return False
    return verb_group_start(tagged, verb) is None or _is_command(tagged, verb)


def _is_intensifier(tagged: TaggedSentence, marker: Marker, hit: Hit) -> bool:
    """Return whether the negation intensifies the keyword: "I've never seen him so happy"."""
    return tagged.word(marker.start) == "never" and tagged.word(hit.start - 1) in ("so", "this", "more")


def _is_command(tagged: TaggedSentence, verb: int) -> bool:
    if tagged.word(verb) not in ("be", "stay", "keep", "remain", "get"):
        return False
    start = skip_adverbs(tagged, verb - 1) + 1
    # A verb after "and" may share the subject of the verb before: "he can sit and stay calm".
    return is_clause_start(tagged, start) and tagged.word(start - 1) not in ("and", "or")


def is_inverted(tagged: TaggedSentence, clause_starts: frozenset[int], hit: Hit) -> bool:
    """Return whether subject and verb before ``hit`` are inverted: "is John sad", "why does she look so sad"."""
    e = english()
    subject = skip_adverbs(tagged, hit.start - 1)
    if tagged.word(subject) in e.pronouns and tagged.word(subject - 1) in e.auxiliaries:
        # "Not only is he happy" is not a question.
        return subject - 2 not in tagged.affirmation_indices
    for index in range(hit.start - 1, max(hit.start - MAX_SCOPE_WORDS, 0) - 1, -1):
        word = tagged.word(index)
        if word == BREAK or index in clause_starts:
            return False
        if word in e.auxiliaries and allows_inversion(tagged, index) and not tagged.is_verb_like_name(index):
            subject = index + 2 if tagged.word(index + 1) == "not" else index + 1
            if subject < hit.start and _may_follow_verb(tagged, subject, hit):
                # "And is a good boy" shares the subject before it; "and is he a good boy" has its own.
                may_share = tagged.word(index - 1) in e.coordinators
                return not may_share or tagged.word(subject) in e.pronouns or tagged.is_capitalised(subject)
    return False


def _may_follow_verb(tagged: TaggedSentence, index: int, hit: Hit) -> bool:
    e = english()
    word = tagged.word(index)
    if word in e.pronouns | e.indefinite or word in ("it", "this", "that", "these", "those"):
        return True
    if word in e.determiners:
        return skip_degree_words(tagged, index + 1) < hit.start
    verbal = word in tagged.lexicon.linking or (word.endswith(("ing", "ly")) and not tagged.is_capitalised(index))
    return not (verbal or word in e.function_words or index in tagged.keyword_indices)


def _question_start(tagged: TaggedSentence, clause_starts: frozenset[int]) -> int:
    """Return where the last clause of a question begins; the end of the sentence if it is not a question.

    The question mark applies to the last clause only. A sentence with a question tag is not a question:
    "he is happy, isn't he?".
    """
    e = english()
    if not tagged.sentence.is_question or _ends_with_tag(tagged):
        return len(tagged.words)
    for index in range(len(tagged.words) - 2, 0, -1):
        word, following = tagged.word(index), tagged.word(index + 1)
        is_question = following in e.auxiliaries or following in e.question_words
        after_break = word in (BREAK, "but") and (is_question or index + 1 in clause_starts)
        if after_break or (word in ("and", "so", "or") and is_question):
            return index
    return 0


def _ends_with_tag(tagged: TaggedSentence) -> bool:
    e = english()
    words = tagged.words
    for length in range(1, min(_MAX_TAG_WORDS, len(words) - 2) + 1):
        tag = words[-length:]
        after_break = words[-length - 1] == BREAK
        asks = tag[0] in e.auxiliaries and {*tag[1:]} <= e.pronouns | {"not", "it", "that", "there"} and length > 1
        if (after_break and (asks or e.question_tags.issuperset(tag))) or (asks and "not" in tag and length > 2):
            return True
    return False
