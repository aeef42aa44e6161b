"""The scope of negation and supposition markers."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.emotion.clauses import skip_degree_words
from sightline.emotion.english import english
from sightline.emotion.tagging import Hit, Marker, TaggedSentence
from sightline.emotion.tokens import BREAK

MAX_SCOPE_WORDS = 12
"""The longest scope, in words after the marker."""

_MAX_LIST_WORDS = 24
# "Not, I would say, happy".
_MAX_PARENTHESIS_WORDS = 4


def governing_markers(
    tagged: TaggedSentence, clause_starts: frozenset[int], markers: dict[int, Marker], hit: Hit
) -> Iterator[Marker]:
    """Yield the ``markers`` whose scope contains ``hit``. The keys are the indices where the markers end.

    A scope ends at an independent clause, at a word of contrast and at a comma. It continues through a list ("not
    happy, excited or glad"), a parenthesis ("not, however, happy") and a clause subordinate to the marker ("I don't
    think John is happy").
    """
    for end in range(max(hit.start - MAX_SCOPE_WORDS, 0), hit.start + 1):
        marker = markers.get(end)
        if marker and not any(
            _ends_scope(tagged, clause_starts, marker, index, hit)
            for index in range(_scope_start(tagged, clause_starts, marker, hit), hit.start)
        ):
            yield marker


def _ends_scope(tagged: TaggedSentence, clause_starts: frozenset[int], marker: Marker, index: int, hit: Hit) -> bool:
    """Return whether the scope of ``marker`` ends at ``index``, before ``hit``."""
    e = english()
    word = tagged.word(index)
    if word == BREAK:
        return not _is_in_list(tagged, index, hit)
    if word in e.contrast:
        return index > marker.end
    if word == "and":
        # The scope covers the rest of a list, not a new predicate: "he isn't eating and looks sad",
        # "she is not in pain and calm".
        return tagged.is_finite(skip_degree_words(tagged, index + 1)) or (
            marker.end in tagged.negations
            and index - 1 not in tagged.keyword_indices
            and skip_degree_words(tagged, index + 1) == hit.start
        )
    # After its keyword the scope is complete: "I'm not happy that he is crying".
    is_complete = index - 1 in tagged.keyword_indices and index not in tagged.keyword_indices
    return index in clause_starts or (
        is_complete and tagged.word(skip_degree_words(tagged, index)) not in (BREAK, "or", "nor", "and")
    )


def _is_in_list(tagged: TaggedSentence, comma: int, hit: Hit) -> bool:
    """Return whether ``comma`` separates items of a list of alternatives with ``hit``: "happy, excited or glad"."""
    alternatives = False
    index = comma
    while index < min(comma + _MAX_LIST_WORDS, len(tagged.words)):
        word = tagged.word(index)
        alternatives = alternatives or word in ("or", "nor")
        item = index in tagged.keyword_indices or tagged.word(index + 1) in (BREAK, "or", "nor")
        if not (item or word in (BREAK, "or", "nor") or skip_degree_words(tagged, index) > index):
            break
        index += 1
    return alternatives and index >= hit.end


def _scope_start(tagged: TaggedSentence, clause_starts: frozenset[int], marker: Marker, hit: Hit) -> int:
    """Return where the scope of ``marker`` begins: after a parenthesis, if one follows a "not"."""
    if tagged.word(marker.end) != BREAK or tagged.word(marker.start) != "not":
        return marker.end
    if skip_degree_words(tagged, marker.end + 1) == hit.start:
        return hit.start
    for index in range(marker.end + 1, min(marker.end + 2 + _MAX_PARENTHESIS_WORDS, hit.start)):
        if tagged.word(index) == BREAK:
            return index + 1
        is_hedge = tagged.word(index) == "i" and tagged.word(index + 1) in english().reporting
        if index in clause_starts and not is_hedge:
            break
    return marker.end
