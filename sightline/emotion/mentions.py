"""Mentions of people in a sentence: names, nouns and pronouns, in text with and without capitals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.first_names import is_also_word, is_common_word, is_first_name, plain
from sightline.emotion.person_names import is_introduced, may_be_name, name_start
from sightline.emotion.referents import owner_before
from sightline.emotion.subjects import Subject, SubjectKind, noun_phrase_start, skip_adverbs, subject_before
from sightline.emotion.tagging import TaggedSentence
from sightline.emotion.tokens import BREAK

_MIN_NAME = 3
_MAX_CLAUSE_WORDS = 8
_SUBORDINATORS = frozenset(
    {"because", "since", "when", "whenever", "while", "whereas", "if", "unless", "although", "though", "until", "after",
     "before", "once", "as", "whether"}
)  # fmt: skip


class MentionKind(Enum):
    """How a mention refers to a person."""

    NAME = "name"
    POSSIBLE_NAME = "possible name"
    NOUN = "noun"
    PRONOUN = "pronoun"


class Mention(NamedTuple):
    """A name, a noun or a pronoun in a sentence: the words from ``start`` up to ``end``.

    ``is_subject``: it is the subject of a verb, or introduced. ``stands_out``: the following pronoun may refer to it.
    The mother in "she cried because her mother left" does not stand out.
    """

    start: int
    end: int
    kind: MentionKind
    is_subject: bool = False
    stands_out: bool = True


def find_mentions(tagged: TaggedSentence, subjects: Iterable[Subject], known: frozenset[str]) -> list[Mention]:
    """Return the names, the nouns for people and the gendered pronouns of a sentence, in order.

    ``subjects`` are those whose emotion the sentence states, ``known`` the words of names that occur elsewhere. Text
    without capitals gives the known names, and other words that can only be names.
    """
    e = english()
    gendered = e.male | e.female
    mentions = [Mention(i, i + 1, MentionKind.PRONOUN) for i, word in enumerate(tagged.words) if word in gendered]
    names, subject_nouns = _subject_parts(tagged, subjects)
    if tagged.sentence.has_capitals:
        names |= set(_introduced_names(tagged))
    named = {index for start, end in names for index in range(start, end)}
    possible = (
        _capitalised_names(tagged, known)
        if tagged.sentence.has_capitals
        else _names_without_capitals(tagged, known, frozenset(named))
    )
    for start, end, kind in possible:
        if named.isdisjoint(range(start, end)):
            is_subject = tagged.sentence.has_capitals and _may_be_subject(tagged, start, end)
            mentions.append(Mention(start, end, MentionKind.NAME if is_subject else kind, is_subject))
            named.update(range(start, end))
    mentions += [Mention(start, end, MentionKind.NAME, is_subject=True) for start, end in names]
    mentions += _nouns(tagged, named, subject_nouns)
    return sorted(mentions, key=lambda mention: mention.start)


def parts_of(tagged: TaggedSentence, subject: Subject) -> Iterator[tuple[int, int]]:
    """Yield the people of ``subject``: two for "John and Mary"."""
    start = subject.start
    for index in range(subject.start, subject.end + 1):
        if index == subject.end or (subject.kind is SubjectKind.COORDINATION and tagged.word(index) in ("and", BREAK)):
            if index > start:
                yield start, index
            start = index + 1


def _subject_parts(tagged: TaggedSentence, subjects: Iterable[Subject]) -> tuple[set[tuple[int, int]], set[int]]:
    """Return the names, and the indices of the nouns, that are subjects of the sentence."""
    stated = [subject for subject in subjects if subject.kind is not SubjectKind.PRONOUN]
    others = [
        subject
        for index in range(1, len(tagged.words))
        if tagged.is_finite(index)
        and (subject := subject_before(tagged, index))
        and subject.kind is not SubjectKind.PRONOUN
        and not _is_word(tagged, subject)
    ]
    e = english()
    parts = {part for subject in (*stated, *others) for part in parts_of(tagged, subject)}
    nouns = {end - 1 for _, end in parts if tagged.word(end - 1) in e.person_nouns}
    nameless = e.person_nouns | e.pronouns | e.object_pronouns | e.indefinite | e.possessives
    numbered = {part for part in parts if part[1] - part[0] > 1 and tagged.word(part[1] - 1) in e.numbers}
    return {part for part in parts if tagged.word(part[1] - 1) not in nameless} | numbered, nouns


def _may_be_subject(tagged: TaggedSentence, start: int, end: int) -> bool:
    """Return whether the name may be the subject of a verb that is not in the tables: "Mary came in"."""
    e = english()
    before, after = tagged.word(start - 1), tagged.word(end)
    begins = before in ("", BREAK) or before in e.coordinators | e.adverbs | e.interjections
    return begins and after not in ("", BREAK, "'s") and after not in e.coordinators | e.prepositions | e.pronouns


def _is_word(tagged: TaggedSentence, subject: Subject) -> bool:
    """Return whether the subject is no name: "the TV is on", or "Toys are here", with the capital of a sentence."""
    single = subject.end - subject.start == 1 and subject.kind is SubjectKind.NAME
    article = tagged.word(subject.start - 1) in ("a", "an", "the")
    if subject.kind is SubjectKind.NAME and (article or tagged.word(subject.end - 1) in english().named_things):
        return True
    return single and _has_no_capital_of_its_own(tagged, subject.start) and is_common_word(tagged.word(subject.start))


def _has_no_capital_of_its_own(tagged: TaggedSentence, index: int) -> bool:
    return not tagged.is_capitalised(index) or index == 0 or index in tagged.sentence.segment_starts


def _capitalised_names(tagged: TaggedSentence, known: frozenset[str]) -> Iterator[tuple[int, int, MentionKind]]:
    """Yield capitalised words that may be names of people: "we saw John", but not "we are in Boston"."""
    index = 0
    while index < len(tagged.words):
        last = _last_capital(tagged, index)
        start = None if last is None else name_start(tagged, last)
        if last is not None and start is not None:
            # The first word of a sentence is always capitalised: "Earlier" in "Earlier she cried" is not a name.
            word = tagged.word(last)
            common = start == last and _has_no_capital_of_its_own(tagged, last) and is_common_word(word)
            is_known = _is_known(word, known) or is_first_name(word)
            thing = common or word in english().named_things or _is_place(tagged, start, last)
            if is_known or not thing:
                yield start, last + 1, MentionKind.POSSIBLE_NAME
        index = (index if last is None else last) + 1


def _is_place(tagged: TaggedSentence, start: int, last: int) -> bool:
    """Return whether the words before name a place or a thing rather than a person: "in Boston", "the Lego"."""
    e = english()
    before = tagged.word(start - 1)
    if not tagged.sentence.has_end_mark and _may_be_verb(tagged, last + 1):
        # "Mary came in | Anna is happy".
        return False
    if before in e.before_places or before in e.determiners - {"that"}:
        return True
    return before == "to" and any(tagged.word(start - i) in e.moving for i in (2, 3))


def _last_capital(tagged: TaggedSentence, index: int) -> int | None:
    """Return the last index of the name-like run of capitalised words that begins at ``index``; None if none does."""
    last = None
    while index < len(tagged.words) and tagged.is_capitalised(index) and _may_continue(tagged, index):
        last, index = index, index + 1
    return last


def _may_continue(tagged: TaggedSentence, index: int) -> bool:
    word = tagged.word(index)
    initial = len(word) == 1 and word.isalpha() and word not in ("i", "a")
    return may_be_name(tagged, index) or initial or word in english().titles or word in english().particles


def _introduced_names(tagged: TaggedSentence) -> Iterator[tuple[int, int]]:
    """Yield names that are introduced: "this is John", "a video of Mary Ann"."""
    e = english()
    for index in range(2, len(tagged.words)):
        is_presented = f"{tagged.word(index - 2)} {tagged.word(index - 1)}" in e.presenting
        last = _last_capital(tagged, index) if is_presented or is_introduced(tagged, index) else None
        if last is not None and name_start(tagged, last) == index:
            yield index, last + 1


def _names_without_capitals(
    tagged: TaggedSentence, known: frozenset[str], named: frozenset[int]
) -> Iterator[tuple[int, int, MentionKind]]:
    """Yield the known names, and uncommon words where a person is expected: "with peter", "peter's ball"."""
    index = 0
    while index < len(tagged.words):
        end = index
        while end < len(tagged.words) and end not in named and _is_name_word(tagged, end, known, start=index):
            end += 1
        # The first of two words whose second is a subject belongs to it: "look how sad SARA lopez is".
        last = end - 1 if end in named and is_first_name(tagged.word(end - 1)) else end
        if last > index:
            start = index - 1 if tagged.word(index - 1) in english().titles else index
            certain = all(_is_known(tagged.word(i), known) for i in range(index, last))
            yield start, last, MentionKind.NAME if certain else MentionKind.POSSIBLE_NAME
        index = max(end, index + 1)


def _is_name_word(tagged: TaggedSentence, index: int, known: frozenset[str], *, start: int) -> bool:
    word = tagged.word(index)
    if not may_be_name(tagged, index) or word in english().person_nouns | english().titles:
        return False
    if _is_known(word, known) and not (is_also_word(word) or is_common_word(word)):
        return True
    # In "ben anna is sad" two people may be named.
    expected = index > start or _expects_person(tagged, index) or _is_known(tagged.word(index + 1), known)
    if is_first_name(word) or _is_known(word, known):
        return expected or not (is_also_word(word) or is_common_word(word))
    return len(word) >= _MIN_NAME and expected and not is_common_word(word)


def _is_known(word: str, known: frozenset[str]) -> bool:
    """Return whether the word, or each part of "mary-ann", is a word of a known name."""
    return all(part in known for part in plain(word).split("-"))


def _expects_person(tagged: TaggedSentence, index: int) -> bool:
    """Return whether the word is where a person without an article may be named."""
    e = english()
    before, after = tagged.word(index - 1), tagged.word(index + 1)
    if before == "that" and tagged.is_finite(index + 1):
        return True
    if before in e.determiners:
        return False
    if f"{tagged.word(index - 2)} {before}" in e.presenting:
        return True
    if after in ("who", "whose"):
        return True
    # In "look how sad anna is | cleo hugs her" a clause ends with "is".
    not_subjects = e.pronouns | (e.auxiliaries - ({"is", "was"} if not tagged.sentence.has_end_mark else set()))
    verbal = _may_be_verb(tagged, index + 1) and before not in not_subjects
    begins = verbal or before in ("", BREAK) or before in e.interjections | e.coordinators | e.adverbs | e.subordinators
    return (
        begins or before in e.before_people | e.titles | e.introducing or after == "'s" or tagged.is_finite(index + 1)
    )


def _may_be_verb(tagged: TaggedSentence, index: int) -> bool:
    """Return whether the word may be a verb in the third person or in the past: "came", "hugs", "played"."""
    e = english()
    word = tagged.word(index)
    inflected = word.endswith(("s", "ed")) and is_common_word(word)
    return inflected or word in e.other | e.reporting | e.causing or (bool(word) and tagged.is_finite(index))


def _nouns(tagged: TaggedSentence, named: set[int], subjects: set[int]) -> Iterator[Mention]:
    """Yield the nouns for one person each, except those beside a name ("my brother John") or in a predicate."""
    e = english()
    for index, word in enumerate(tagged.words):
        if word not in e.person_nouns or word in e.groups or index in named or index in tagged.negation_indices:
            continue
        beside_name = index + 1 in named or (tagged.word(index + 1) in e.introducing and index + 2 in named)
        start = noun_phrase_start(tagged, index)
        described = start - 1 in tagged.keyword_indices
        is_praise = tagged.word(index - 1) in ("good", "clever", "brave") and start >= index - 1
        if not (beside_name or is_praise or _is_predicate(tagged, start - 1 if described else start)):
            stands_out = not _is_subordinate(tagged, start)
            yield Mention(index, index + 1, MentionKind.NOUN, index in subjects and stands_out, stands_out)


def _is_predicate(tagged: TaggedSentence, start: int) -> bool:
    """Return whether the noun phrase describes the subject: "he is a boy", "Anna is a really happy girl"."""
    e = english()
    if owner_before(tagged, start) is not None:
        return False
    before = start - 1
    while before >= 0 and (
        tagged.word(before) in e.degree | e.determiners | e.epithets or before in tagged.keyword_indices
    ):
        before -= 1
    verb = skip_adverbs(tagged, before)
    return tagged.word(verb) in tagged.lexicon.be and tagged.word(start) not in ("the", "this", "that")


def _is_subordinate(tagged: TaggedSentence, start: int) -> bool:
    for index in range(start - 1, max(start - _MAX_CLAUSE_WORDS, -1), -1):
        word = tagged.word(index)
        if word == BREAK or word in english().coordinators:
            return False
        if word in _SUBORDINATORS:
            return True
    return False
