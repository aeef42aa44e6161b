"""A keyword table made ready for matching against rows of words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from sightline.emotion.keywords import Keywords
from sightline.emotion.tokens import words_of

T = TypeVar("T")

_BE = frozenset({"am", "is", "are", "was", "were", "be", "been", "being", "'s"})


class Phrases(Generic[T]):
    """Phrases of one word or more, each with a value; the longest that fits a place is the one found there."""

    def __init__(self, phrases: Iterable[tuple[str, T]]) -> None:
        self._by_first: defaultdict[str, list[tuple[tuple[str, ...], T]]] = defaultdict(list)
        for text, value in phrases:
            words = words_of(text)
            self._by_first[words[0]].append((words, value))
        for found in self._by_first.values():
            found.sort(key=lambda entry: -len(entry[0]))

    def at(self, words: Sequence[str], place: int) -> tuple[int, T] | None:
        """The end of the phrase that begins at ``place`` of ``words``, and its value."""
        for phrase, value in self._by_first.get(words[place], ()):
            end = place + len(phrase)
            if tuple(words[place:end]) == phrase:
                return end, value
        return None


class Told(NamedTuple):
    """What a keyword tells."""

    emotion: str
    keyword: str


class Lexicon:
    """The phrases and verbs of a ``Keywords`` table."""

    def __init__(self, keywords: Keywords) -> None:
        self.keywords = Phrases(
            (keyword, Told(emotion, keyword)) for emotion, listed in keywords.emotions.items() for keyword in listed
        )
        self.negation = _set(keywords.negation)
        self.affirmation = _set(keywords.affirmation)
        self.supposition = _set(keywords.supposition)
        self.other_senses = _set(keywords.other_senses)
        self.discourse = frozenset(words_of(word) for word in keywords.discourse)
        self.not_people = frozenset(words_of(word)[-1] for word in keywords.not_people)
        self.linking = frozenset(words_of(verb)[-1] for verb in keywords.linking) | {"'s"}
        self.be = self.linking & _BE
        # "look" beside "looks": the form after "to", "will" and "does", and that of a command.
        self.bare = frozenset(verb for verb in self.linking if verb + "s" in self.linking) | {"be"}
        self.finite = frozenset(v for v in self.linking - {"be", "been", "gotten", "grown"} if not v.endswith("ing"))


def _set(phrases: Iterable[str]) -> Phrases[None]:
    return Phrases((phrase, None) for phrase in phrases)
