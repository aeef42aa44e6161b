"""The table of a language: its keywords and the words that decide whom they are about and whether they count.

``de.toml`` documents the format.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictStr, model_validator

from sightline.emotion.toml_tables import Phrases, invalid

Meaning = Literal["i", "you", "he", "she", "it", "we", "they", "everyone", "someone"]
"""The English pronoun with the meaning of a pronoun, by which people are followed through all languages of a video."""

Title = Literal["mr", "mrs", "dr", "prof", "nurse"]


def _word(text: str) -> str:
    if not text or text != text.lower() or len(text.split()) != 1:
        raise invalid(f"{text!r} is not one word in lower case", "Write each word on its own, in lower case")
    return text


Word = Annotated[StrictStr, AfterValidator(_word)]
Words = frozenset[Word]


class Language(BaseModel):
    """The table of one language. Only the first five keys are required; ``de.toml`` describes all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: StrictStr
    emotions: dict[str, Annotated[Phrases, Field(min_length=1)]]
    others: dict[str, Annotated[Phrases, Field(min_length=1)]] = {}
    linking: Annotated[Words, Field(min_length=1)]
    negation: Annotated[Phrases, Field(min_length=1)]
    prepositions: Annotated[Words, Field(min_length=1)]

    capitalised_nouns: StrictBool = False
    verb_second: StrictBool = False
    drops_subject: StrictBool = False

    endings: Words = frozenset()
    verbs: Phrases = ()
    discourse: Phrases = ()
    other_senses: Phrases = ()
    affirmation: Phrases = ()
    supposition: Phrases = ()
    conditions: Words = frozenset()

    separable: dict[Word, Words] = {}
    infinitives: Words = frozenset()
    raising: Words = frozenset()
    causing: Words = frozenset()
    plural: Words = frozenset()
    other_verbs: Words = frozenset()

    pronouns: dict[Word, Meaning] = {}
    plural_pronouns: dict[Word, Meaning] = {}
    object_pronouns: dict[Word, Meaning] = {}
    possessives: dict[Word, Meaning] = {}
    polite: Words = frozenset()
    excluding: Words = frozenset()

    determiners: Words = frozenset()
    indefinite_articles: Words = frozenset()
    object_determiners: Words = frozenset()
    object_determiners_female: Words = frozenset()
    of_prepositions: Words = frozenset()
    before_places: Words = frozenset()

    coordinators: Words = frozenset()
    contrast: Words = frozenset()
    subordinators: Words = frozenset()
    complementisers: Words = frozenset()
    relative: Words = frozenset()
    question_words: Words = frozenset()
    exclaiming: Words = frozenset()
    question_tags: Words = frozenset()
    reporting: Words = frozenset()

    interjections: Words = frozenset()
    degree: Words = frozenset()
    adverbs: Words = frozenset()
    fillers: Words = frozenset()
    epithets: Words = frozenset()
    another: Words = frozenset()
    abbreviations: Words = frozenset()
    contractions: dict[Word, tuple[Word, ...]] = {}

    titles: dict[Word, Title] = {}
    introducing: Phrases = ()
    name_endings: Words = frozenset()
    owner_endings: Words = frozenset()
    first_names: Words = frozenset()
    person_nouns: Words = frozenset()
    kin: Words = frozenset()
    carers: Words = frozenset()
    patients: Words = frozenset()
    groups: Words = frozenset()
    male_nouns: Words = frozenset()
    female_nouns: Words = frozenset()
    young_nouns: Words = frozenset()
    adult_nouns: Words = frozenset()
    features: Words = frozenset()
    things: Words = frozenset()
    thing_endings: Words = frozenset()
    times: Words = frozenset()

    @model_validator(mode="after")
    def _check_emotions(self) -> Language:
        emotion_of: dict[str, str] = {}
        for emotion, keywords in (*self.emotions.items(), *self.others.items()):
            for keyword in keywords:
                other = emotion_of.setdefault(keyword.casefold(), emotion)
                if other != emotion:
                    raise invalid(f"emotions.{emotion}: {keyword!r} is already in emotions.{other}", "Remove one")
        for field, listed in (("verbs", self.verbs), ("discourse", self.discourse)):
            for keyword in listed:
                if keyword.casefold() not in emotion_of:
                    raise invalid(
                        f"{field}: {keyword!r} is not a keyword of any emotion", "Remove it, or correct its spelling"
                    )
        return self

    @model_validator(mode="after")
    def _check_classes(self) -> Language:
        for field in ("affirmation", "other_senses"):
            for phrase in getattr(self, field):
                if len(phrase.split()) < 2:
                    raise invalid(f"{field}: {phrase!r} is a single word", "Write a phrase of two words, or remove it")
        if both := self.male_nouns & self.female_nouns:
            raise invalid(f"female_nouns: {min(both)!r} is also in male_nouns", "Remove one")
        kinds: dict[str, str] = {}
        for field in ("person_nouns", "kin", "carers", "patients", "groups"):
            for noun in getattr(self, field):
                other = kinds.setdefault(noun, field)
                if other != field:
                    raise invalid(f"{field}: {noun!r} is also in {other}", "Remove one")
        return self
