"""A sentence with tags on its words: keywords, negation markers and supposition markers."""

from __future__ import annotations

from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.lexicon import KeywordEntry, Lexicon, PhraseIndex
from sightline.emotion.sentences import Sentence


class Marker(NamedTuple):
    """A negation or supposition marker, such as "never" or "if": the words from ``start`` up to ``end``."""

    start: int
    end: int


class Hit(NamedTuple):
    """A keyword in a sentence: the words from ``start`` up to ``end``, and its entry in the table."""

    start: int
    end: int
    entry: KeywordEntry


class TaggedSentence:
    """One sentence, tagged with one lexicon. Indices count its words and clause marks."""

    def __init__(self, sentence: Sentence, lexicon: Lexicon) -> None:
        self.sentence = sentence
        self.lexicon = lexicon
        self.words = [token.word for token in sentence.tokens]
        self.hits = self._find_hits()
        self.keyword_indices = frozenset(index for hit in self.hits for index in range(hit.start, hit.end))
        self.affirmation_indices = self._indices_of(lexicon.affirmation)
        # The key is the index where the marker ends.
        self.negations = self._find_markers(lexicon.negation)
        self.suppositions = self._find_markers(lexicon.supposition)
        self.negation_indices = _covered(self.negations)
        self.supposition_indices = _covered(self.suppositions)

    def word(self, index: int) -> str:
        """Return the word at ``index``; an empty string outside the sentence."""
        return self.words[index] if 0 <= index < len(self.words) else ""

    def is_capitalised(self, index: int) -> bool:
        """Return whether the word at ``index`` has a capital, in a sentence that is written with capitals."""
        return self.sentence.has_capitals and self.sentence.tokens[index].capital

    def is_finite(self, index: int) -> bool:
        """Return whether the word at ``index`` is a finite verb, which can follow a subject."""
        word = self.word(index)
        return (word in self.lexicon.finite or word in english().auxiliaries) and not self.is_verb_like_name(index)

    def is_discourse(self, hit: Hit) -> bool:
        """Return whether ``hit`` is a discourse word, which counts only if it describes a person."""
        return tuple(self.words[hit.start : hit.end]) in self.lexicon.discourse

    def is_verb_like_name(self, index: int) -> bool:
        """Return whether "will", "may" or "hope" is a name: a verb in -s follows, as in "Will looks sad"."""
        following = self.word(index + 1)
        return (
            self.words[index] in ("will", "may", "hope")
            and following in self.lexicon.linking
            and following not in self.lexicon.bare
        )

    def _find_hits(self) -> list[Hit]:
        other_senses = self._indices_of(self.lexicon.other_senses)
        hits: list[Hit] = []
        index = 0
        while index < len(self.words):
            match = None if index in other_senses else self.lexicon.keywords.longest_at(self.words, index)
            if match:
                hits.append(Hit(index, *match))
            index = match[0] if match else index + 1
        return hits

    def _find_markers(self, phrases: PhraseIndex[None]) -> dict[int, Marker]:
        markers: dict[int, Marker] = {}
        for index in range(len(self.words)):
            match = phrases.longest_at(self.words, index)
            if (
                match
                and self.affirmation_indices.isdisjoint(range(index, match[0]))
                and not self.is_verb_like_name(index)
            ):
                markers[match[0]] = Marker(index, match[0])
        return markers

    def _indices_of(self, phrases: PhraseIndex[None]) -> frozenset[int]:
        indices: set[int] = set()
        for index in range(len(self.words)):
            match = phrases.longest_at(self.words, index)
            if match:
                indices.update(range(index, match[0]))
        return frozenset(indices)


def _covered(markers: dict[int, Marker]) -> frozenset[int]:
    return frozenset(index for marker in markers.values() for index in range(marker.start, marker.end))
