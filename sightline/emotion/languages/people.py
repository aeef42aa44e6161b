"""The people of a sentence: names, nouns and pronouns, with what their words tell about their place in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sightline.emotion.first_names import Gender, is_also_word, is_first_name, plain
from sightline.emotion.languages.table import Meaning
from sightline.emotion.languages.words import TaggedWords
from sightline.emotion.subjects import SubjectKind
from sightline.emotion.tokens import BREAK

_MAX_PHRASE_WORDS = 4
_MIN_NAME = 2


@dataclass(frozen=True)
class Someone:
    """A person in the words from ``start`` up to ``end``; their phrase, with its determiner, begins at ``phrase``.

    ``meaning`` is that of a pronoun. ``owner``: the owner of a noun, "ANAS Mutter". ``gender``: that of a noun beside a
    name. ``is_object``: the words cannot be a subject; ``is_governed``: a preposition governs them. ``is_certain``:
    False for a word that may be something else than a name. ``is_owner``: it says whose something is; ``stem`` is the
    last word of such a name, without its ending.
    """

    start: int
    end: int
    kind: SubjectKind
    phrase: int
    meaning: Meaning | None = None
    owner: Someone | None = None
    gender: Gender | None = None
    is_object: bool = False
    is_governed: bool = False
    is_certain: bool = True
    is_owner: bool = False
    stem: str = ""


def find_people(tagged: TaggedWords, known: frozenset[str]) -> list[Someone]:
    """Return the people of a sentence, in order. ``known`` are the words of names that are certain elsewhere."""
    people: list[Someone] = []
    index = 0
    while index < len(tagged.words):
        found = _noun(tagged, index, known) or _name(tagged, index, known) or _pronoun(tagged, index)
        if found:
            people.append(found)
        index = found.end if found else index + 1
    # "Das" in "das Mädchen" is no pronoun.
    articles = {one.phrase for one in people if one.phrase < one.start}
    people = [one for one in people if one.kind is not SubjectKind.PRONOUN or one.start not in articles]
    return [
        replace(
            one,
            is_governed=_is_governed(tagged, one.phrase),
            is_object=one.is_object or _is_governed(tagged, one.phrase),
        )
        for one in _with_owners(tagged, people)
    ]


def _pronoun(tagged: TaggedWords, index: int) -> Someone | None:
    table, word = tagged.grammar.table, tagged.word(index)
    if tagged.is_possessive(index):
        return None
    if word in table.polite and tagged.has_capital_of_its_own(index):
        return Someone(index, index + 1, SubjectKind.PRONOUN, index, "you")
    if word not in table.pronouns and word not in table.object_pronouns:
        return None
    if word in tagged.grammar.finite:
        return None
    meaning = table.pronouns.get(word) or table.object_pronouns[word]
    if meaning == "it":
        return None
    is_object = word not in table.pronouns
    return Someone(index, index + 1, SubjectKind.PRONOUN, index, meaning, is_object=is_object)


def _noun(tagged: TaggedWords, index: int, known: frozenset[str]) -> Someone | None:
    """Return the noun for a person at ``index``, or the name beside it: "meine Schwester ANA"."""
    grammar, word = tagged.grammar, tagged.word(index)
    if word not in grammar.kinds or index in tagged.keyword_indices:
        return None
    if grammar.table.capitalised_nouns and tagged.sentence.has_capitals and not tagged.is_capitalised(index):
        return None
    start = _phrase_start(tagged, index)
    end = _run_end(tagged, index + 1, known)
    if word in grammar.table.titles and start == index and end > index + 1:
        return Someone(index, end, SubjectKind.NAME, index)
    is_object = _has_object_case(tagged, start, word)
    if end > index + 1:
        return Someone(
            index + 1, end, SubjectKind.NAME, start, gender=tagged.grammar.gender_of(word), is_object=is_object
        )
    return Someone(index, index + 1, SubjectKind.NOUN, start, is_object=is_object)


def _name(tagged: TaggedWords, index: int, known: frozenset[str]) -> Someone | None:
    table = tagged.grammar.table
    if tagged.word(index) in table.titles and tagged.word(index) not in tagged.grammar.kinds:
        end = _run_end(tagged, index + 1, known)
        if end > index + 1:
            return Someone(index, end, SubjectKind.NAME, index)
    if not _may_be_name(tagged, index):
        return None
    certain = is_certain_name(tagged, index, known)
    start = _phrase_start(tagged, index)
    is_noun = start < index and not _follows_relative(tagged, index)
    if not certain and (is_noun or not _may_be_unlisted(tagged, index)):
        return None
    end = max(_run_end(tagged, index, known), index + 1)
    is_object = start < index and tagged.word(start) in table.object_determiners
    stem = _owner_stem(tagged, end - 1, known)
    owns = stem != ""
    return Someone(
        index, end, SubjectKind.NAME, start, is_object=is_object or owns, is_certain=certain, is_owner=owns, stem=stem
    )


def _follows_relative(tagged: TaggedWords, index: int) -> bool:
    """Return whether what may be an article is a relative pronoun: "Noor, DIE Cleo mag, ist traurig"."""
    if tagged.word(index - 1) not in tagged.grammar.table.relative:
        return False
    before = index - 3 if tagged.word(index - 2) == BREAK else index - 2
    return before >= 0 and _may_be_name(tagged, before) and tagged.is_finite(index + 1)


def is_certain_name(tagged: TaggedWords, index: int, known: frozenset[str]) -> bool:
    """Return whether the word is a known name or a first name, or is introduced as one."""
    if not _may_be_name(tagged, index):
        return False
    word = tagged.word(index)
    if _is_listed(tagged, word, known) or _owner_stem(tagged, index, known):
        return tagged.sentence.has_capitals or not is_also_word(word)
    return _is_introduced(tagged, index)


def _is_listed(tagged: TaggedWords, word: str, known: frozenset[str]) -> bool:
    is_name = word in tagged.grammar.table.first_names or is_first_name(word)
    return is_name or all(part in known for part in plain(word).split("-"))


def _owner_stem(tagged: TaggedWords, index: int, known: frozenset[str]) -> str:
    """Return the name in "ANAS Mutter" without its ending; empty if the word at ``index`` is no such name."""
    word, noun = tagged.word(index), index + 1
    while noun in tagged.inflected_indices or tagged.word(noun) in tagged.grammar.table.epithets:
        noun += 1
    following = tagged.word(noun)
    stem = tagged.grammar.owner_of(word)
    before_noun = following in tagged.grammar.kinds or tagged.grammar.is_thing(following)
    if _is_listed(tagged, word, known):
        return word if before_noun and word.endswith(tuple(tagged.grammar.table.owner_endings)) else ""
    return stem if stem and (before_noun or _is_listed(tagged, stem, known)) else ""


def _may_be_name(tagged: TaggedWords, index: int) -> bool:
    word = tagged.word(index)
    if len(word) < _MIN_NAME or not word[0].isalpha() or tagged.is_known(index):
        return False
    if word in tagged.grammar.kinds or tagged.grammar.is_thing(word):
        return False
    return tagged.is_capitalised(index) or not tagged.sentence.has_capitals


def _may_be_unlisted(tagged: TaggedWords, index: int) -> bool:
    """Return whether a word that no list has may be a name: "Tarek ist traurig", "wir sehen Tarek"."""
    table = tagged.grammar.table
    if tagged.has_capital_of_its_own(index):
        return tagged.word(index - 1) not in table.before_places
    # The first word of a sentence always has a capital.
    return _is_where_person_is_named(tagged, index)


def _is_where_person_is_named(tagged: TaggedWords, index: int) -> bool:
    """Return whether a word whose capital tells nothing is beside a verb, after "mit", after "weil" or the like."""
    table = tagged.grammar.table
    if _owner_stem(tagged, index, frozenset()):
        return True
    if tagged.is_finite(index + 1) or (index > 0 and tagged.is_finite(index - 1)):
        return True
    if tagged.word(index - 1) in table.prepositions - table.before_places:
        return True
    for side in (-1, 1):
        beside = tagged.word(index + 2 * side)
        if tagged.word(index + side) in table.coordinators and _is_listed(tagged, beside, frozenset()):
            return True
    following = index + 2 if tagged.word(index + 1) == BREAK else index + 1
    if tagged.word(following) in table.relative or (tagged.is_break(index - 1) and tagged.word(index + 1) == BREAK):
        return True
    joining = table.subordinators | table.complementisers | table.conditions | table.coordinators
    while tagged.word(following) in table.degree | table.adverbs or following in tagged.negations:
        following += 1
    return tagged.word(index - 1) in joining and (following in tagged.keyword_indices or tagged.is_finite(following))


def _run_end(tagged: TaggedWords, index: int, known: frozenset[str]) -> int:
    """Return the end of the name that begins at ``index``; ``index`` if none does."""
    end = index
    while end < len(tagged.words) and _may_be_name(tagged, end):
        capital = tagged.has_capital_of_its_own(end) or (end == index and tagged.is_capitalised(end))
        if not (capital or is_certain_name(tagged, end, known)):
            break
        if end > index and _owner_stem(tagged, end - 1, known):
            break
        end += 1
    return end


def _is_introduced(tagged: TaggedWords, index: int) -> bool:
    """Return whether a name at ``index`` is introduced: "sie heißt Tarek"."""
    if not tagged.is_capitalised(index):
        return False
    return any(
        (match := tagged.grammar.introducing.longest_at(tagged.words, start)) and match[0] == index
        for start in range(max(index - 3, 0), index)
    )


def _phrase_start(tagged: TaggedWords, head: int) -> int:
    """Return the start of the noun phrase of ``head``, with its determiner or possessive; ``head`` if it has none."""
    table = tagged.grammar.table
    determiners = table.determiners | table.indefinite_articles | table.object_determiners
    determiners |= table.object_determiners_female | frozenset(table.possessives)
    start = head
    for index in range(head - 1, max(head - 1 - _MAX_PHRASE_WORDS, -1), -1):
        if tagged.word(index) in determiners:
            return index
        # "Traurige Ana", but not "ist traurig Ana" in a text without marks.
        if index in tagged.inflected_indices or tagged.word(index) in table.epithets | table.another:
            start = index
        elif index not in tagged.keyword_indices and not _is_adjective(tagged, index):
            break
    return start


def _is_adjective(tagged: TaggedWords, index: int) -> bool:
    """Return whether the word may be an adjective before its noun: "das KLEINE Mädchen"."""
    table, word = tagged.grammar.table, tagged.word(index)
    if word in table.degree:
        return True
    unknown = not tagged.is_known(index) and not tagged.is_capitalised(index)
    return unknown and any(word.endswith(ending) for ending in table.endings)


def _is_governed(tagged: TaggedWords, start: int) -> bool:
    """Return whether a preposition governs the phrase at ``start``."""
    table = tagged.grammar.table
    before = start - 1
    while tagged.word(before) in table.degree - table.prepositions:
        before -= 1
    if tagged.is_particle(before) or _is_conjunction(tagged, before):
        return False
    return tagged.word(before) in table.prepositions | table.of_prepositions | table.before_places


def _is_conjunction(tagged: TaggedWords, index: int) -> bool:
    """Return whether a word that may be a preposition subordinates a clause: "ALS Ana weint", unlike "als Kind"."""
    if tagged.word(index) not in tagged.grammar.table.subordinators or not tagged.is_break(index - 1):
        return False
    end = next(i for i in range(index, len(tagged.words) + 1) if tagged.is_break(i))
    return tagged.sentence.has_end_mark and tagged.is_finite(end - 1)


def _has_object_case(tagged: TaggedWords, start: int, noun: str) -> bool:
    """Return whether the determiner rules out a subject: "den Jungen", "der Frau"."""
    table, word = tagged.grammar.table, tagged.word(start)
    return word in table.object_determiners or (word in table.object_determiners_female and noun in table.female_nouns)


def _with_owners(tagged: TaggedWords, people: list[Someone]) -> Iterator[Someone]:
    """Yield the people, nouns with their owners: "ANAS Mutter", "SEINE Mutter", "die Mutter von ANA"."""
    for i, one in enumerate(people):
        before = people[i - 1] if i else None
        after = people[i + 1] if i + 1 < len(people) else None
        beside = before is not None and before.kind is SubjectKind.NOUN
        of = tagged.word(one.phrase - 1) in tagged.grammar.table.of_prepositions
        # "Die Mutter von Ana", "die Mutter der Patientin".
        follows_of = beside and before is not None and of and before.end == one.phrase - 1
        follows = beside and before is not None and before.end == one.phrase < one.start and one.is_object
        if follows_of or (follows and one.kind is SubjectKind.NOUN):
            yield replace(one, is_owner=True, is_object=True)
        elif one.kind is SubjectKind.NOUN:
            yield replace(one, owner=_owner(tagged, one, before, after))
        else:
            yield one


def _owner(tagged: TaggedWords, noun: Someone, before: Someone | None, after: Someone | None) -> Someone | None:
    table = tagged.grammar.table
    meaning = table.possessives.get(tagged.word(noun.phrase))
    if meaning and noun.phrase < noun.start:
        return Someone(noun.phrase, noun.phrase + 1, SubjectKind.PRONOUN, noun.phrase, meaning)
    if before and before.is_owner and before.end == noun.phrase:
        return before
    if after is None:
        return None
    of = tagged.word(after.phrase - 1) in table.of_prepositions and after.phrase - 1 == noun.end
    genitive = after.kind is SubjectKind.NOUN and after.is_object and after.phrase == noun.end < after.start
    return after if of or genitive else None
