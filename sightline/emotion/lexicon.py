"""A keyword table, indexed for matching against a sequence of words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from sightline.emotion.keywords import Keywords
from sightline.emotion.tokens import words_of

T = TypeVar("T")

_BE = frozenset({"am", "is", "are", "was", "were", "be", "been", "being", "'s"})


class PhraseIndex(Generic[T]):
    """Phrases of one or more words, with a value for every phrase."""

    def __init__(self, phrases: Iterable[tuple[str, T]], words_of: Callable[[str], tuple[str, ...]] = words_of) -> None:
        self._by_first: defaultdict[str, list[tuple[tuple[str, ...], T]]] = defaultdict(list)
        for text, value in phrases:
            words = words_of(text)
            self._by_first[words[0]].append((words, value))
        for entries in self._by_first.values():
            entries.sort(key=lambda entry: -len(entry[0]))

    def longest_at(self, words: Sequence[str], index: int) -> tuple[int, T] | None:
        """Return the end and the value of the longest phrase at ``index`` of ``words``; None if there is none."""
        for phrase, value in self._by_first.get(words[index], ()):
            end = index + len(phrase)
            if tuple(words[index:end]) == phrase:
                return end, value
        return None


class KeywordEntry(NamedTuple):
    """A keyword of the table and its emotion."""

    emotion: str
    keyword: str


class Lexicon:
    """The phrases and verb forms of a ``Keywords`` table."""

    def __init__(self, keywords: Keywords) -> None:
        self.keywords = PhraseIndex(
            (keyword, KeywordEntry(emotion, keyword))
            for emotion, listed in (*keywords.emotions.items(), *keywords.others.items())
            for keyword in listed
        )
        self.negation = _phrases(keywords.negation)
        self.affirmation = _phrases(keywords.affirmation)
        self.supposition = _phrases(keywords.supposition)
        self.other_senses = _phrases(keywords.other_senses)
        self.discourse = frozenset(words_of(word) for word in keywords.discourse)
        self.not_people = frozenset(words_of(word)[-1] for word in keywords.not_people)
        self.linking = frozenset(words_of(verb)[-1] for verb in keywords.linking) | {"'s"}
        self.be = self.linking & _BE
        # The bare infinitive, "look" and not "looks": the form after "to", "will" and "does", and the imperative.
        self.bare = frozenset(verb for verb in self.linking if verb + "s" in self.linking) | {"be"}
        self.finite = frozenset(
            verb for verb in self.linking - {"be", "been", "gotten", "grown"} if not verb.endswith("ing")
        )


def _phrases(phrases: Iterable[str]) -> PhraseIndex[None]:
    return PhraseIndex((phrase, None) for phrase in phrases)
