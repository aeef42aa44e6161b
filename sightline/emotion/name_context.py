"""A name in a sentence, with what the words around it tell: a gender, a profession, or that it may be two names."""

from __future__ import annotations

from sightline.emotion.english import english
from sightline.emotion.first_names import Gender, is_common_word, is_first_name
from sightline.emotion.name_forms import parse_name
from sightline.emotion.nouns import noun_gender
from sightline.emotion.person_names import is_introduced
from sightline.emotion.spoken_names import SpokenName
from sightline.emotion.tagging import TaggedSentence
from sightline.emotion.tokens import BREAK

# Verbs after which a clause, not a person, begins: in "I think Ben Anna is sad" the two words are one name.
_BEFORE_CLAUSES = frozenset(
    {
        "think",
        "thinks",
        "thought",
        "believe",
        "believes",
        "guess",
        "hope",
        "hopes",
        "sure",
        "suppose",
        "that",
        "because",
    }
)


def name_at(tagged: TaggedSentence, start: int, end: int, text: str) -> SpokenName:
    """Return the name in the words from ``start`` up to ``end``, transcribed as ``text``."""
    e = english()
    form = parse_name(text)
    before = tagged.word(start - 1)
    noun = tagged.word(start - 2) if before in e.introducing else before
    if noun == before and noun in e.carers and _begins_clause(tagged, start - 1):
        form = form._replace(title=noun)
    gender: Gender | None = noun_gender(noun) if noun in e.person_nouns else None
    # Without capitals, the second word of a name is found alone: "sad sara LOPEZ is here".
    is_second = not tagged.sentence.has_capitals and end - start == 1 and is_first_name(before)
    first = start - 1 if is_second else start
    certain_before = tagged.sentence.has_end_mark and (
        tagged.word(first - 1) in ("", BREAK)
        or tagged.word(first - 1) in e.coordinators | _BEFORE_CLAUSES
        or first - 1 in tagged.keyword_indices
        or is_introduced(tagged, first)
    )
    after = tagged.word(end)
    certain_after = after in ("", BREAK) or (
        tagged.sentence.has_end_mark and after in e.pronouns | e.coordinators | e.prepositions
    )
    return SpokenName(
        text,
        form,
        gender,
        may_be_two=not (certain_before or certain_after),
        is_lower=not tagged.sentence.has_capitals,
        is_word=_is_word(tagged, start, end),
        place=tagged.sentence.tokens[end - 1].start,
        before=before,
    )


def _is_word(tagged: TaggedSentence, start: int, end: int) -> bool:
    """Return whether a common word takes the place of a name: "dinner is calm", "According to Ben Anna is calm"."""
    word = tagged.word(start)
    capital = tagged.is_capitalised(start) and start > 0 and start not in tagged.sentence.segment_starts
    if end - start > 1 or capital or not is_common_word(word):
        return False
    # "Hunter is happy" is about a person, although it is a common word.
    return word in english().named_things or not (tagged.is_finite(end) or tagged.word(end).endswith("ing"))


def _begins_clause(tagged: TaggedSentence, noun: int) -> bool:
    """Return whether a noun beside a name belongs to it: "The nurse Anna is here", not "told the nurse Anna"."""
    e = english()
    if tagged.word(noun - 1) not in e.determiners:
        return True
    before = tagged.word(noun - 2)
    return before in ("", BREAK) or before in e.coordinators | e.subordinators
