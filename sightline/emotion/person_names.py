"""Recognition of names, in text with and without capitals."""

from __future__ import annotations

from sightline.emotion.english import english
from sightline.emotion.tagging import TaggedSentence
from sightline.emotion.tokens import BREAK

_MAX_NAME_WORDS = 6


def name_start(tagged: TaggedSentence, last: int) -> int | None:
    """Return the start of the name that ends at ``last``; None if that word cannot be part of a name.

    In text with capitals, a name is a run of capitalised words. In text without, it is one word, or two if the word
    before cannot belong to something else: "mary ann" in "mary ann is happy" and in "a video of mary ann", but "john"
    in "in the garden john is happy".
    """
    e = english()
    before = tagged.word(last - 1)
    start: int | None = last
    if tagged.is_verb_like_name(last):
        pass
    elif _is_number(tagged, last) and before in e.person_nouns:
        start = last - 1
    elif not may_be_name(tagged, last) or tagged.word(last) in e.person_nouns:
        start = None
    elif tagged.is_capitalised(last):
        start = _capitalised_start(tagged, last)
    elif is_determiner(tagged, last - 1) or (tagged.sentence.has_capitals and not is_introduced(tagged, last)):
        start = None
    elif before in e.titles or _is_first_of_two(tagged, last - 1):
        start = last - 1
    return start


def is_determiner(tagged: TaggedSentence, index: int) -> bool:
    """Return whether the word at ``index`` is a determiner; "that" after "I think" is not one."""
    e = english()
    if tagged.word(index) == "that" and (tagged.word(index - 1) in e.reporting or index - 1 in tagged.keyword_indices):
        return False
    return tagged.word(index) in e.determiners


def may_be_name(tagged: TaggedSentence, index: int) -> bool:
    """Return whether the word at ``index`` can be part of a name."""
    word = tagged.word(index)
    return (
        len(word) > 1
        and word[0].isalpha()
        and word not in english().function_words
        and word not in english().recordings
        and word not in tagged.lexicon.not_people
        and word not in tagged.lexicon.linking
        and index not in tagged.keyword_indices
        and index not in tagged.negation_indices
        and index not in tagged.affirmation_indices
        and (tagged.is_capitalised(index) or len(word) < 6 or not word.endswith("ing"))
    )


def _capitalised_start(tagged: TaggedSentence, last: int) -> int:
    e = english()
    start = last
    while start > max(last - _MAX_NAME_WORDS, 0):
        word = tagged.word(start - 1)
        if word in e.particles and not tagged.is_capitalised(start - 1):
            first = start - 1
            while tagged.word(first - 1) in e.particles:
                first -= 1
            if first == 0 or not tagged.is_capitalised(first - 1):
                break
            start = first
            continue
        initial = len(word) == 1 and word.isalpha() and word not in ("i", "a")
        is_name = may_be_name(tagged, start - 1) and word not in e.epithets | e.person_nouns
        if not tagged.is_capitalised(start - 1) or not (is_name or initial or word in e.titles):
            break
        start -= 1
    return start


def _is_first_of_two(tagged: TaggedSentence, index: int) -> bool:
    e = english()
    word, before = tagged.word(index), tagged.word(index - 1)
    return (
        may_be_name(tagged, index)
        and word not in e.epithets | e.person_nouns
        and (
            before in ("", BREAK)
            or before in e.coordinators | e.reporting | (e.subordinators - {"like"})
            or before in e.adverbs | e.interjections | e.object_pronouns | {"anymore"}
            or is_introduced(tagged, index)
        )
    )


def introduction_start(tagged: TaggedSentence, index: int) -> int:
    """Return where the introduction of a name at ``index`` begins: "a video of …"; ``index`` if there is none."""
    e = english()
    before = tagged.word(index - 1)
    if before in e.introducing:
        return index - 1
    if before in ("of", "for") and tagged.word(index - 2) in e.recordings:
        return index - 3 if tagged.word(index - 3) in e.determiners else index - 2
    return index


def is_introduced(tagged: TaggedSentence, index: int) -> bool:
    """Return whether a name at ``index`` is introduced: "showing John", "a video of John"."""
    return introduction_start(tagged, index) < index


def _is_number(tagged: TaggedSentence, index: int) -> bool:
    return tagged.word(index) in english().numbers or tagged.word(index).isdigit()
