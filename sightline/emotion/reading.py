"""A sentence with what stands in it marked: keywords, words of negation and supposition, and where clauses open."""

from __future__ import annotations

from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.lexicon import Lexicon, Phrases, Told
from sightline.emotion.sentences import Sentence


class Marker(NamedTuple):
    """A phrase of negation or supposition: the words from ``start`` up to ``end``."""

    start: int
    end: int


class Hit(NamedTuple):
    """A keyword: the words from ``start`` up to ``end``, and what it tells."""

    start: int
    end: int
    told: Told


class Reading:
    """One sentence, read with one lexicon. Places are indices of its words and marks."""

    def __init__(self, sentence: Sentence, lexicon: Lexicon) -> None:
        self.sentence = sentence
        self.lexicon = lexicon
        self.words = [token.word for token in sentence.tokens]
        self.hits = self._find_hits()
        self.keyword_places = frozenset(place for hit in self.hits for place in range(hit.start, hit.end))
        self.affirmed_places = self._places_of(lexicon.affirmation)
        # Each marker by the place where it ends.
        self.negations = self._find_markers(lexicon.negation)
        self.suppositions = self._find_markers(lexicon.supposition)
        self.negated_places = _covered(self.negations)
        self.supposed_places = _covered(self.suppositions)

    def word(self, place: int) -> str:
        """The word at ``place``; empty outside the sentence."""
        return self.words[place] if 0 <= place < len(self.words) else ""

    def is_capital(self, place: int) -> bool:
        """Whether the word at ``place`` has a capital that means something."""
        return self.sentence.cased and self.sentence.tokens[place].capital

    def is_finite(self, place: int) -> bool:
        """Whether the word at ``place`` is a verb that can follow a subject."""
        word = self.word(place)
        return (word in self.lexicon.finite or word in english().auxiliaries) and not self.is_name_after_all(place)

    def is_discourse(self, hit: Hit) -> bool:
        """Whether ``hit`` counts only where it describes somebody."""
        return tuple(self.words[hit.start : hit.end]) in self.lexicon.discourse

    def is_name_after_all(self, place: int) -> bool:
        """Whether "will", "may" or "hope" at ``place`` is somebody: a verb in -s follows, as in "Will looks sad"."""
        following = self.word(place + 1)
        return (
            self.words[place] in ("will", "may", "hope")
            and following in self.lexicon.linking
            and following not in self.lexicon.bare
        )

    def _find_hits(self) -> list[Hit]:
        elsewhere = self._places_of(self.lexicon.other_senses)
        hits: list[Hit] = []
        place = 0
        while place < len(self.words):
            found = None if place in elsewhere else self.lexicon.keywords.at(self.words, place)
            if found:
                hits.append(Hit(place, *found))
            place = found[0] if found else place + 1
        return hits

    def _find_markers(self, phrases: Phrases[None]) -> dict[int, Marker]:
        markers: dict[int, Marker] = {}
        for place in range(len(self.words)):
            found = phrases.at(self.words, place)
            if found and self.affirmed_places.isdisjoint(range(place, found[0])) and not self.is_name_after_all(place):
                markers[found[0]] = Marker(place, found[0])
        return markers

    def _places_of(self, phrases: Phrases[None]) -> frozenset[int]:
        places: set[int] = set()
        for place in range(len(self.words)):
            found = phrases.at(self.words, place)
            if found:
                places.update(range(place, found[0]))
        return frozenset(places)


def _covered(markers: dict[int, Marker]) -> frozenset[int]:
    return frozenset(place for marker in markers.values() for place in range(marker.start, marker.end))
