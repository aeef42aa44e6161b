"""Which pieces of tracks belong to one person.

Pieces are joined from the surest pair on: after a short gap by position, motion and appearance, after a longer one by
appearance alone. A pair is not joined if another join that excludes it is about as likely: two people in the same
clothes who leave and come back stay separate pieces, because a guess would mix them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

import numpy as np

from sightline.pose.appearance import Appearance
from sightline.pose.pieces import OTHER_CLOTHES, SAME_CLOTHES, Piece

__all__ = ["LinkedPerson", "link_pieces"]

_SHORT_GAP = 3.0
"""After at most this long, a person is expected near where they were lost, in seconds."""

_NEAR, _NEAR_PER_SECOND = 0.5, 0.6
_UNIT = 6.0
_MARGIN, _MARGIN_NEARBY = 0.45, 0.12
"""A join must be this much better than any other join of one of its pieces, in units of appearance."""

_GHOST_FRAMES, _GHOST_PRESENCE = 2, 0.85
_MIN_PRESENCE = 0.62
_EXAMINED, _CONFIRMED = 6, 0.1
"""A person who was examined six times, and confirmed in at most a tenth of all times, is none."""


@dataclass(eq=False)
class LinkedPerson:
    """One person: their pieces in order of time, and their common appearance.

    ``rivals``: the numbers of pieces that may show the same person, but could not be told from another one.
    """

    pieces: list[Piece]
    appearance: Appearance
    rivals: set[int] = field(default_factory=set)

    @property
    def first(self) -> float:
        """Seconds of the first frame."""
        return self.pieces[0].first

    @property
    def last(self) -> float:
        """Seconds of the last frame."""
        return self.pieces[-1].last

    @property
    def seconds(self) -> float:
        """The time in which the person was tracked."""
        return sum(piece.last - piece.first for piece in self.pieces)

    @property
    def height(self) -> float:
        """The median extent of the joints, vertical or horizontal, whichever is longer, in pixels."""
        return float(np.median([height for piece in self.pieces for height in piece.heights]))


_Costs = dict[frozenset[LinkedPerson], float]
"""The costs of the joins that are possible."""


def link_pieces(pieces: Sequence[Piece]) -> list[LinkedPerson]:
    """Return the people whom the pieces show, in order of first appearance. False detections are left out."""
    real = [piece for piece in pieces if not _is_ghost(piece)] or list(pieces)
    people = [LinkedPerson([piece], piece.appearance) for piece in sorted(real, key=lambda piece: piece.first)]
    refused: set[frozenset[int]] = set()
    costs = {
        frozenset((one, other)): cost
        for one, other in combinations(people, 2)
        if (cost := _join_cost(one, other)) < math.inf
    }
    while pair := _surest(people, costs, refused):
        one, other = pair
        joined = _joined(one, other)
        people[people.index(one)] = joined
        people.remove(other)
        # Only the costs of the two have changed: a busy hour has hundreds of pieces.
        costs = {key: cost for key, cost in costs.items() if key.isdisjoint(pair)} | {
            frozenset((joined, third)): cost
            for third in people
            if third is not joined and (cost := _join_cost(joined, third)) < math.inf
        }
    return sorted(people, key=lambda person: (person.first, person.pieces[0].number))


def _surest(
    people: list[LinkedPerson], costs: _Costs, refused: set[frozenset[int]]
) -> tuple[LinkedPerson, LinkedPerson] | None:
    """Return the two people whom to join next, the earlier place in ``people`` first; None if there are none."""
    places = {person: place for place, person in enumerate(people)}
    ranked = sorted(
        (cost, min(places[person] for person in pair), max(places[person] for person in pair))
        for pair, cost in costs.items()
    )
    for cost, i, j in ranked:
        one, other = people[i], people[j]
        key = frozenset({one.pieces[0].number, other.pieces[0].number})
        if key in refused:
            continue
        rival = _rival(people, ranked, costs, cost, i, j)
        if rival is None:
            return one, other
        refused.add(key)
        one.rivals |= {piece.number for piece in other.pieces} | rival
        other.rivals |= {piece.number for piece in one.pieces} | rival
    return None


def _is_ghost(piece: Piece) -> bool:
    short = piece.frames <= _GHOST_FRAMES and piece.mean_presence < _GHOST_PRESENCE
    never = piece.examined >= _EXAMINED and piece.confirmed <= _CONFIRMED * piece.examined
    return short or never or piece.mean_presence < _MIN_PRESENCE


def _joined(one: LinkedPerson, other: LinkedPerson) -> LinkedPerson:
    pieces = sorted([*one.pieces, *other.pieces], key=lambda piece: piece.first)
    rivals = (one.rivals | other.rivals) - {piece.number for piece in pieces}
    return LinkedPerson(pieces, one.appearance.merged(other.appearance), rivals)


def _rival(
    people: list[LinkedPerson], ranked: list[tuple[float, int, int]], costs: _Costs, cost: float, i: int, j: int
) -> set[int] | None:
    """Return the pieces of another person with whom one of the two may be joined about as well, or None."""
    margin = _MARGIN_NEARBY if _gap(people[i], people[j]) <= _SHORT_GAP else _MARGIN
    for other_cost, a, b in ranked:
        if other_cost > cost + margin:
            return None
        if len({a, b} & {i, j}) != 1:
            continue
        (third,), (left,) = {a, b} - {i, j}, {i, j} - {a, b}
        # If the third person can be the same as both, all three are one person.
        if frozenset((people[third], people[left])) not in costs:
            return {piece.number for piece in people[third].pieces}
    return None


def _gap(one: LinkedPerson, other: LinkedPerson) -> float:
    return max((later.first - earlier.last for earlier, later in _adjacent(one, other)), default=math.inf)


def _adjacent(one: LinkedPerson, other: LinkedPerson) -> Iterator[tuple[Piece, Piece]]:
    """Yield the pieces of the two people that follow each other directly."""
    tagged = sorted(
        [(piece.first, piece, True) for piece in one.pieces] + [(piece.first, piece, False) for piece in other.pieces],
        key=lambda entry: entry[0],
    )
    for (_, earlier, mine), (_, later, its) in pairwise(tagged):
        if mine != its:
            yield earlier, later


def _join_cost(one: LinkedPerson, other: LinkedPerson) -> float:
    """Return the cost of taking both for one person, infinite if they cannot be."""
    difference = one.appearance.difference(other.appearance)
    known = not math.isnan(difference)
    total = 0.0
    for earlier, later in _adjacent(one, other):
        gap = later.first - earlier.last
        if gap <= 0:  # Both are in one frame.
            return math.inf
        if gap <= _SHORT_GAP:
            distance = _distance(earlier, later, gap)
            if known and difference > OTHER_CLOTHES:
                return math.inf
            if distance <= _NEAR + _NEAR_PER_SECOND * gap:
                total += 0.6 * distance + (difference if known else _UNIT) / _UNIT * min(1.0, 0.4 + gap / _SHORT_GAP)
                continue
        if not known or difference > SAME_CLOTHES:
            return math.inf
        total += 0.3 + difference / _UNIT
    return total


def _distance(earlier: Piece, later: Piece, gap: float) -> float:
    """Return the distance between where the person was expected and where they appear, in sides of their region.

    The expectation lies between standing still and walking on at the same speed; the nearer one counts.
    """
    side = max(earlier.end.side, later.begin.side)
    steps = (0.0, 0.5 * gap, gap)
    places = [
        (earlier.end.x + step * earlier.velocity[0], earlier.end.y + step * earlier.velocity[1]) for step in steps
    ]
    ratio = abs(math.log(later.begin.side / earlier.end.side))
    return min(math.dist(place, (later.begin.x, later.begin.y)) for place in places) / side + ratio / 2
