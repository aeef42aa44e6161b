"""Whether people joined by "and" are really one subject."""

from __future__ import annotations

from sightline.emotion.english import english
from sightline.emotion.subjects import Subject, SubjectKind, noun_phrase_start
from sightline.emotion.tagging import TaggedSentence
from sightline.emotion.tokens import BREAK

_PLURAL = frozenset({"are", "were", "have", "do", "look", "seem", "feel", "appear", "sound", "act", "become", "get"})
_BEFORE_SUBJECTS = frozenset({"", BREAK, "both", "think", "thinks", "believe", "guess", "hope", "sure", "that", "say"})


def is_uncertain_coordination(tagged: TaggedSentence, subject: Subject) -> bool:
    """Return whether "and" may join two clauses: "we saw Anna and Ben looked sad", unlike "Anna and Ben are sad"."""
    if subject.kind is not SubjectKind.COORDINATION:
        return False
    following = subject.end
    while tagged.word(following) in english().adverbs or tagged.word(following).endswith("ly"):
        following += 1
    before = tagged.word(noun_phrase_start(tagged, subject.start) - 1)
    joins = english().coordinators | english().subordinators | english().adverbs | english().interjections
    begins = before in _BEFORE_SUBJECTS or before in joins - {"like", "than"}
    return not begins and tagged.word(following) not in _PLURAL and tagged.is_finite(following)
