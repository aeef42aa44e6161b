"""Pieces of one person are joined, and those of people who cannot be told apart are not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sightline.pose.linking import LinkedPerson, link_pieces
from sightline.pose.pieces import Piece
from tests.figures import BLUE, GREEN, RED, look, piece

TOUCH = 0.05
"""Seconds by which two pieces of one person may overlap."""

CLOTHES = [look(colour) for colour in (RED, GREEN, BLUE)]


def linked(*pieces: Piece) -> list[list[int]]:
    """Return the numbers of the pieces of each person."""
    return [[one.number for one in person.pieces] for person in link_pieces(pieces)]


class TestOnePerson:
    def test_short_gap_at_the_same_place_is_bridged(self) -> None:
        assert linked(piece(1, 0, 4), piece(2, 5, 9)) == [[1, 2]]

    def test_walking_on_behind_something_is_bridged(self) -> None:
        """200 pixels a second, two seconds hidden: twice as far away as a person who stands may be."""
        walking = piece(1, 0, 2, x=(100, 500)), piece(2, 4, 6, x=(900, 1300))
        assert linked(*walking) == [[1, 2]]
        assert linked(piece(1, 0, 2, x=500), piece(2, 2.5, 6, x=(900, 1300))) == [[1], [2]]

    def test_return_after_minutes_is_recognised_by_the_clothes(self) -> None:
        assert linked(piece(1, 0, 4, appearance=look(RED)), piece(2, 300, 309, x=900, appearance=look(RED))) == [[1, 2]]

    def test_return_after_minutes_in_unknown_clothes_is_another_person(self) -> None:
        assert linked(piece(1, 0, 4), piece(2, 300, 309)) == [[1], [2]]

    def test_other_clothes_are_another_person_even_at_the_same_place(self) -> None:
        assert linked(piece(1, 0, 4, appearance=look(RED)), piece(2, 4.2, 9, appearance=look(BLUE))) == [[1], [2]]

    def test_many_pieces_are_one_person(self) -> None:
        pieces = [piece(n, 10 * n, 10 * n + 5, x=100 * (n % 7), appearance=look(RED)) for n in range(1, 12)]
        assert linked(*reversed(pieces)) == [list(range(1, 12))]


class TestSeveralPeople:
    def test_pieces_that_overlap_are_never_one_person(self) -> None:
        assert linked(piece(1, 0, 5, appearance=look(RED)), piece(2, 4.8, 9, appearance=look(RED))) == [[1], [2]]

    def test_piece_within_another_is_not_joined_with_it(self) -> None:
        pieces = piece(1, 0, 20, appearance=look(RED)), piece(2, 5, 8, appearance=look(RED))
        assert linked(*pieces, piece(3, 30, 34, appearance=look(BLUE))) == [[1], [2], [3]]

    def test_two_people_who_leave_and_return_keep_their_clothes(self) -> None:
        red, blue = look(RED), look(BLUE)
        assert linked(
            piece(1, 0, 5, x=100, appearance=red),
            piece(2, 0.1, 5, x=700, appearance=blue),
            piece(3, 60, 66, x=100, appearance=blue),
            piece(4, 60.1, 66, x=700, appearance=red),
        ) == [[1, 4], [2, 3]]

    def test_look_alikes_who_return_stay_separate_and_are_rivals(self) -> None:
        """Anything else would be a guess."""
        same = look(RED)
        people = link_pieces(
            [
                piece(1, 0, 5, x=100, appearance=same),
                piece(2, 0.1, 5, x=700, appearance=same),
                piece(3, 60, 66, x=100, appearance=same),
                piece(4, 60.1, 66, x=700, appearance=same),
            ]
        )
        assert [[one.number for one in person.pieces] for person in people] == [[1], [2], [3], [4]]
        assert all(person.rivals for person in people)

    def test_look_alikes_are_told_apart_by_their_places_after_a_short_gap(self) -> None:
        same = look(RED)
        assert linked(
            piece(1, 0, 5, x=100, appearance=same),
            piece(2, 0.1, 5, x=700, appearance=same),
            piece(3, 5.5, 9, x=710, appearance=same),
            piece(4, 5.6, 9, x=90, appearance=same),
        ) == [[1, 4], [2, 3]]

    def test_numbers_are_in_order_of_first_appearance(self) -> None:
        pieces = [piece(n, first, first + 4, x=900 * n) for n, first in ((1, 8.0), (2, 0.0), (3, 3.0), (4, 3.0))]
        assert linked(*pieces) == [[2], [3], [4], [1]]


class TestFalseDetections:
    @pytest.mark.parametrize(
        ("frames", "presence", "left_out"),
        [(1, 0.8, True), (2, 0.84, True), (3, 0.84, False), (1, 0.9, False), (200, 0.6, True), (200, 0.64, False)],
    )
    def test_short_or_improbable_piece_is_left_out(self, frames: int, presence: float, left_out: bool) -> None:
        doubtful = piece(2, 2, 3, x=900, frames=frames, presence=presence)
        assert linked(piece(1, 0, 9), doubtful) == ([[1]] if left_out else [[1], [2]])

    def test_only_improbable_pieces_are_better_than_nobody(self) -> None:
        assert linked(piece(1, 0, 5, presence=0.55)) == [[1]]

    def test_no_pieces_are_nobody(self) -> None:
        assert link_pieces([]) == []


def test_person_has_the_times_height_and_colours_of_their_pieces() -> None:
    (one,) = link_pieces([piece(1, 1, 4, appearance=look(RED)), piece(2, 5, 9, appearance=look(RED))])
    assert (one.first, one.last, one.seconds, one.height) == (1, 9, 7, 240)
    assert one.appearance.difference(look(RED)) == 0
    assert one.appearance.weights.tolist() == [2.0] * 6


@st.composite
def any_pieces(draw: st.DrawFn) -> list[Piece]:
    """Up to nine pieces of people in three colours, who stand at four places or walk between them."""
    places = st.sampled_from((0.0, 150.0, 300.0, 900.0))
    return [
        piece(
            number,
            first / 10,
            (first + draw(st.integers(0, 60))) / 10,
            x=draw(st.tuples(places, places)),
            appearance=draw(st.sampled_from((None, *CLOTHES))),
            presence=draw(st.sampled_from((0.55, 0.8, 0.95))),
        )
        for number, first in enumerate(draw(st.lists(st.integers(0, 300), max_size=9)), start=1)
    ]


@given(any_pieces())
def test_every_real_piece_belongs_to_one_person_who_is_at_one_place_at_a_time(pieces: list[Piece]) -> None:
    people: list[LinkedPerson] = link_pieces(pieces)
    numbers = [one.number for person in people for one in person.pieces]
    real = [one.number for one in pieces if one.mean_presence > 0.9 or (one.frames > 2 and one.mean_presence > 0.62)]
    assert sorted(numbers) == (real or [one.number for one in pieces])
    for person in people:
        assert all(later.first >= earlier.last - TOUCH for earlier, later in pairwise(person.pieces))
        assert {one.number for one in person.pieces}.isdisjoint(person.rivals)
    assert [person.first for person in people] == sorted(person.first for person in people)


@given(any_pieces().flatmap(lambda pieces: st.tuples(st.just(pieces), st.permutations(pieces))))
def test_order_in_which_pieces_are_given_does_not_matter(orders: tuple[list[Piece], list[Piece]]) -> None:
    pieces, shuffled = orders
    assume(len({one.first for one in pieces}) == len(pieces))
    assert linked(*pieces) == linked(*shuffled)
