"""How far a word of negation or supposition reaches."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.emotion.clauses import skip_degree
from sightline.emotion.english import english
from sightline.emotion.reading import Hit, Marker, Reading
from sightline.emotion.tokens import BREAK

REACH = 12
"""How many words on a marker may still govern a keyword."""

_LIST_WORDS = 24
# "Not, I would say, happy".
_PARENTHESIS_WORDS = 4


def governing(reading: Reading, openings: frozenset[int], markers: dict[int, Marker], hit: Hit) -> Iterator[Marker]:
    """Those of ``markers``, by the place where each ends, whose reach holds ``hit``.

    A reach ends where a clause of its own opens, at a word of contrast and at a comma; it goes on through a list
    ("not happy, excited or glad"), a parenthesis ("not, however, happy") and a clause that the marker itself governs
    ("I don't think John is happy").
    """
    for end in range(max(hit.start - REACH, 0), hit.start + 1):
        marker = markers.get(end)
        if marker and not any(
            _parts(reading, openings, marker, place, hit)
            for place in range(_after_parenthesis(reading, openings, marker, hit), hit.start)
        ):
            yield marker


def _parts(reading: Reading, openings: frozenset[int], marker: Marker, place: int, hit: Hit) -> bool:
    """Whether the reach of ``marker`` ends at ``place``, before ``hit``."""
    e = english()
    word = reading.word(place)
    if word == BREAK:
        return not _is_in_list(reading, place, hit)
    if word in e.contrast:
        return place > marker.end
    if word == "and":
        # What was denied is the rest of the list, not what is said next: "he isn't eating and looks sad",
        # "she is not in pain and calm".
        return reading.is_finite(skip_degree(reading, place + 1)) or (
            marker.end in reading.negations
            and place - 1 not in reading.keyword_places
            and skip_degree(reading, place + 1) == hit.start
        )
    # "I'm not happy that he is crying": what was denied has been said.
    done = place - 1 in reading.keyword_places and place not in reading.keyword_places
    return place in openings or (done and reading.word(skip_degree(reading, place)) not in (BREAK, "or", "nor", "and"))


def _is_in_list(reading: Reading, comma: int, hit: Hit) -> bool:
    """Whether ``comma`` parts the items of a list of alternatives that ``hit`` is one of: "happy, excited or glad"."""
    alternatives = False
    place = comma
    while place < min(comma + _LIST_WORDS, len(reading.words)):
        word = reading.word(place)
        alternatives = alternatives or word in ("or", "nor")
        item = place in reading.keyword_places or reading.word(place + 1) in (BREAK, "or", "nor")
        if not (item or word in (BREAK, "or", "nor") or skip_degree(reading, place) > place):
            break
        place += 1
    return alternatives and place >= hit.end


def _after_parenthesis(reading: Reading, openings: frozenset[int], marker: Marker, hit: Hit) -> int:
    """Where the reach of ``marker`` begins: past what stands between commas right after a "not"."""
    if reading.word(marker.end) != BREAK or reading.word(marker.start) != "not":
        return marker.end
    if skip_degree(reading, marker.end + 1) == hit.start:
        return hit.start
    for place in range(marker.end + 1, min(marker.end + 2 + _PARENTHESIS_WORDS, hit.start)):
        if reading.word(place) == BREAK:
            return place + 1
        thinks = reading.word(place) == "i" and reading.word(place + 1) in english().reporting
        if place in openings and not thinks:
            break
    return marker.end
