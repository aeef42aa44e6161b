"""A language's table, indexed for the rules that read sentences with it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from sightline.emotion.first_names import Gender
from sightline.emotion.languages.table import Language
from sightline.emotion.lexicon import KeywordEntry, PhraseIndex
from sightline.emotion.nouns import NounKind
from sightline.emotion.sentences import Orthography
from sightline.emotion.tokens import tokenise

_MIN_OWNER = 3


class Grammar:
    """The word classes and phrases of the language ``code``, without keywords of emotions not in ``emotions``.

    The table's ``others`` are included: they are reported, whatever the keyword table has.
    """

    def __init__(self, code: str, table: Language, emotions: Iterable[str]) -> None:
        self.code = code
        self.table = table
        known = frozenset(emotions)
        self.missing = tuple(emotion for emotion in table.emotions if emotion not in known)
        self.keywords = PhraseIndex(
            (
                (form, KeywordEntry(emotion, keyword))
                for emotion, listed in (*table.emotions.items(), *table.others.items())
                if emotion in known or emotion in table.others
                for keyword in listed
                for form in self._forms(keyword)
            ),
            self.words_of,
        )
        self.other_senses = self._phrases(table.other_senses)
        self.negation = self._phrases(table.negation)
        self.affirmation = self._phrases(table.affirmation)
        self.supposition = self._phrases(table.supposition)
        self.introducing = self._phrases(table.introducing)
        self.verbs = frozenset(self.words_of(verb) for verb in table.verbs)
        self.discourse = frozenset(self.words_of(word) for word in table.discourse)
        self.separable = frozenset().union(*table.separable.values())
        # A possessive stands for the gender of the owner only before a noun.
        self.subject_only = frozenset(table.pronouns) - frozenset(table.object_pronouns)

    @cached_property
    def orthography(self) -> Orthography:
        """What the split into sentences needs to know."""
        table = self.table
        return Orthography(table.contractions, table.fillers, table.abbreviations, self.function_words, "")

    @cached_property
    def finite(self) -> frozenset[str]:
        """The finite verbs of the table."""
        table = self.table
        listed = table.linking | table.raising | table.causing | table.plural | table.other_verbs | self.separable
        return listed | frozenset(verb[0] for verb in self.verbs)

    @cached_property
    def kinds(self) -> dict[str, NounKind]:
        """The nouns for people, and what each tells."""
        table = self.table
        kinds = dict.fromkeys(table.person_nouns, NounKind.GENERIC)
        kinds |= dict.fromkeys(table.kin, NounKind.KIN) | dict.fromkeys(table.carers, NounKind.CARER)
        return kinds | dict.fromkeys(table.patients, NounKind.PATIENT) | dict.fromkeys(table.groups, NounKind.GROUP)

    @cached_property
    def function_words(self) -> frozenset[str]:
        """The words that are never part of a name."""
        t = self.table
        pronouns = frozenset().union(t.pronouns, t.plural_pronouns, t.object_pronouns, t.possessives)
        before = t.determiners | t.indefinite_articles | t.object_determiners | t.object_determiners_female
        joining = t.prepositions | t.of_prepositions | t.before_places | t.coordinators | t.contrast | t.subordinators
        clauses = t.complementisers | t.conditions | t.relative | t.question_words | t.exclaiming | t.question_tags
        verbs = self.finite | t.reporting | t.infinitives | frozenset(t.separable)
        rest = t.interjections | t.degree | t.adverbs | t.epithets | t.another | t.excluding | t.times
        phrases = frozenset(
            word
            for phrase in (*t.negation, *t.supposition, *t.affirmation, *t.introducing)
            for word in self.words_of(phrase)
        )
        return pronouns | before | joining | clauses | verbs | rest | phrases

    def words_of(self, text: str) -> tuple[str, ...]:
        """Return the words of ``text`` in their normalised form."""
        return tuple(token.word for token in tokenise(text, self.table.contractions) if not token.is_mark)

    def is_thing(self, word: str) -> bool:
        """Return whether the word is a noun that is not a person."""
        table = self.table
        return word in table.things | table.features or any(
            word.endswith(ending) and len(word) > len(ending) + 2 for ending in table.thing_endings
        )

    def gender_of(self, noun: str) -> Gender | None:
        """Return the gender that a noun for a person states."""
        if noun in self.table.male_nouns:
            return Gender.MALE
        return Gender.FEMALE if noun in self.table.female_nouns else None

    def owner_of(self, word: str) -> str:
        """Return the name in its form for an owner, "anas", without the ending; empty if it has none."""
        for ending in self.table.name_endings:
            stem = word.removesuffix(ending)
            if stem != word and len(stem) >= _MIN_OWNER:
                return stem
        return ""

    def _forms(self, keyword: str) -> Iterable[str]:
        """Yield the keyword and, unless it is a verb, its forms before a noun."""
        yield keyword
        if keyword not in self.table.verbs:
            for ending in self.table.endings:
                yield keyword + (ending[1:] if keyword[-1] == ending[0] == "e" else ending)

    def _phrases(self, phrases: Iterable[str]) -> PhraseIndex[None]:
        return PhraseIndex(((phrase, None) for phrase in phrases), self.words_of)
