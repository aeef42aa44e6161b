"""A sentence with tags on its words, by the table of its language: keywords, markers and finite verbs."""

from __future__ import annotations

from sightline.emotion.languages.grammar import Grammar
from sightline.emotion.lexicon import PhraseIndex
from sightline.emotion.sentences import Sentence
from sightline.emotion.tagging import Hit
from sightline.emotion.tokens import BREAK

_MAX_PARTICLE_WORDS = 14


class TaggedWords:
    """One sentence, tagged with one grammar. Indices count its words and clause marks."""

    def __init__(self, sentence: Sentence, grammar: Grammar) -> None:
        self.sentence = sentence
        self.grammar = grammar
        self.words = [token.word for token in sentence.tokens]
        other_senses = self._covered(grammar.other_senses)
        self.hits = self._find_hits(other_senses)
        self.keyword_indices = frozenset(index for hit in self.hits for index in range(hit.start, hit.end))
        affirmed = self._covered(grammar.affirmation)
        self.negations = self._covered(grammar.negation) - affirmed
        self.suppositions = self._covered(grammar.supposition) - affirmed
        self.inflected_indices = frozenset(
            index for hit in self.hits if self._is_inflected(hit) for index in range(hit.start, hit.end)
        )
        self.verb_hits = frozenset(hit for hit in self.hits if self._is_verb(hit))
        self.verb_indices = frozenset(index for hit in self.verb_hits for index in range(hit.start, hit.end))

    def word(self, index: int) -> str:
        """Return the word at ``index``; an empty string outside the sentence."""
        return self.words[index] if 0 <= index < len(self.words) else ""

    def is_break(self, index: int) -> bool:
        """Return whether ``index`` is a clause mark or outside the sentence."""
        return self.word(index) in ("", BREAK)

    def is_capitalised(self, index: int) -> bool:
        """Return whether the word at ``index`` has a capital, in a sentence that is written with capitals."""
        inside = 0 <= index < len(self.words)
        return inside and self.sentence.has_capitals and self.sentence.tokens[index].capital

    def has_capital_of_its_own(self, index: int) -> bool:
        """Return whether the capital is not that of the first word of a sentence."""
        begins = index == 0 or index in self.sentence.segment_starts
        return self.is_capitalised(index) and not begins

    def is_linking(self, index: int) -> bool:
        """Return whether the word links a keyword to its subject: "ist", "sieht" with "aus" after it."""
        word, table = self.word(index), self.grammar.table
        if word in table.linking:
            return not self.is_possessive(index)
        return any(
            word in verbs and particle in self.words[index + 1 : index + 1 + _MAX_PARTICLE_WORDS]
            for particle, verbs in table.separable.items()
        )

    def is_particle(self, index: int) -> bool:
        """Return whether the word is the particle of a separable verb: "sieht traurig AUS"."""
        verbs = self.grammar.table.separable.get(self.word(index), frozenset())
        return not verbs.isdisjoint(self.words[max(index - _MAX_PARTICLE_WORDS, 0) : max(index, 0)])

    def is_finite(self, index: int) -> bool:
        """Return whether the word is a finite verb of the table."""
        is_verb = self.word(index) in self.grammar.finite or index in self.verb_indices
        return is_verb and not self.is_possessive(index)

    def is_possessive(self, index: int) -> bool:
        """Return whether the word is a possessive before its noun: "sein Bruder", unlike "traurig sein"."""
        table = self.grammar.table
        if self.word(index) not in table.possessives:
            return False
        following = index + 1
        while following in self.keyword_indices or self.word(following) in table.epithets | table.another:
            following += 1
        word = self.word(following)
        return word in self.grammar.kinds or self.grammar.is_thing(word) or self.has_capital_of_its_own(following)

    def is_known(self, index: int) -> bool:
        """Return whether the table has the word, so that it is no name and no noun of its own."""
        is_tagged = index in self.keyword_indices or self.is_break(index)
        return is_tagged or self.word(index) in self.grammar.function_words or self.word(index)[0].isdigit()

    def is_discourse(self, hit: Hit) -> bool:
        """Return whether ``hit`` counts only if it describes a person."""
        return tuple(self.words[hit.start : hit.end]) in self.grammar.discourse

    def is_attributive(self, hit: Hit) -> bool:
        """Return whether the keyword stands before a noun: "das TRAURIGE Lied"."""
        index = hit.end
        while index in self.keyword_indices or self.word(index) in self.grammar.table.epithets:
            index += 1
        table = self.grammar.table
        # "Wie traurig Frau Lopez ist": without an ending, only an article shows that the noun belongs to the keyword.
        article = self.word(hit.start - 1) in table.determiners | table.indefinite_articles
        if hit in self.verb_hits or self.is_break(index) or not (article or self._is_inflected(hit)):
            return False
        word = self.word(index)
        is_noun = table.capitalised_nouns and self.has_capital_of_its_own(index)
        return word in self.grammar.kinds or self.grammar.is_thing(word) or is_noun

    def _is_inflected(self, hit: Hit) -> bool:
        return " ".join(self.words[hit.start : hit.end]) != hit.entry.keyword.lower()

    def _is_verb(self, hit: Hit) -> bool:
        return tuple(self.words[hit.start : hit.end]) in self.grammar.verbs

    def _find_hits(self, other_senses: frozenset[int]) -> list[Hit]:
        hits: list[Hit] = []
        index = 0
        while index < len(self.words):
            match = self.grammar.keywords.longest_at(self.words, index)
            if match and other_senses.isdisjoint(range(index, match[0])):
                hits.append(Hit(index, *match))
            index = match[0] if match else index + 1
        return hits

    def _covered(self, phrases: PhraseIndex[None]) -> frozenset[int]:
        indices: set[int] = set()
        for index in range(len(self.words)):
            if match := phrases.longest_at(self.words, index):
                indices.update(range(index, match[0]))
        return frozenset(indices)
