"""A person who is found continues the piece that fits best, or none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.pose import Appearance
from sightline.pose.pieces import Candidate, Piece, assignment_cost, covered_candidates, distinct_people
from tests.figures import BLUE, RED, look, person, piece

UNKNOWN = Appearance.unknown()


def cost(
    known: Piece,
    *,
    x: float = 200,
    height: float = 240,
    after: float = 0.1,
    seen: Appearance = UNKNOWN,
    covered: bool = False,
) -> float:
    candidate = Candidate(person(x, 40, height), None)
    return assignment_cost(known, candidate, seen, known.last + after, is_covered=covered)


class TestCost:
    def test_person_who_has_not_moved_costs_nothing(self) -> None:
        assert cost(piece(1, 0, 1)) == pytest.approx(0, abs=1e-6)

    def test_cost_grows_with_distance_size_and_clothes(self) -> None:
        red = piece(1, 0, 1, appearance=look(RED))
        same = cost(red, seen=look(RED))
        assert same < cost(red, x=210, seen=look(RED)) < cost(red, x=240, seen=look(RED)) < 1
        assert same < cost(red, height=260, seen=look(RED)) < 1
        assert same < cost(red, seen=look((160, 60, 60))) < 1

    def test_person_further_away_than_anybody_moves_is_another_one(self) -> None:
        assert cost(piece(1, 0, 1), x=400) == math.inf
        assert cost(piece(1, 0, 1), x=400, after=0.8) < 1

    @pytest.mark.parametrize("height", [120, 480])
    def test_person_of_another_size_is_another_one(self, height: float) -> None:
        assert cost(piece(1, 0, 1), height=height) == math.inf

    def test_person_in_other_clothes_is_another_one_unless_the_colours_are_mixed(self) -> None:
        red = piece(1, 0, 1, appearance=look(RED))
        assert red.appearance.difference(look(BLUE)) > 9
        assert cost(red, seen=look(BLUE, BLUE)) == math.inf
        assert cost(red, seen=look(BLUE, BLUE), after=0.9) == math.inf
        assert cost(red, seen=look(BLUE, BLUE), covered=True) < 1

    @given(st.floats(-100, 500), st.floats(100, 600), st.floats(0.01, 2), st.booleans())
    def test_cost_is_between_zero_and_one_or_infinite(
        self, x: float, height: float, after: float, covered: bool
    ) -> None:
        red = piece(1, 0, 1, appearance=look(RED))
        found = cost(red, x=x, height=height, after=after, seen=look(RED), covered=covered)
        assert 0 <= found < 1 or found == math.inf


class TestPiece:
    def test_piece_begins_with_one_frame(self) -> None:
        one = Piece.begin_with(3, person(presence=0.8), look(RED), 2.5)
        assert (one.number, one.first, one.last, one.frames, one.mean_presence) == (3, 2.5, 2.5, 1, 0.8)
        assert one.velocity == (0, 0)
        assert len(one.heights) == 1

    def test_velocity_follows_the_motion(self) -> None:
        one = Piece.begin_with(1, person(100), UNKNOWN, 0)
        for step in range(1, 31):
            one.extend(person(100 + 12 * step), UNKNOWN, step / 10, is_covered=False)
        assert one.velocity == pytest.approx((120, 0), abs=2)
        assert (one.first, one.last, one.frames) == (0, 3.0, 31)
        assert one.motion.predict(3.1).x == pytest.approx(472, abs=4)

    def test_colours_of_a_person_who_is_covered_are_not_taken(self) -> None:
        one = Piece.begin_with(1, person(), look(RED), 0)
        one.extend(person(), look(BLUE), 0.1, is_covered=True)
        assert one.appearance.difference(look(RED)) == 0
        one.extend(person(), look(BLUE), 0.2, is_covered=False)
        assert one.appearance.difference(look(RED)) == pytest.approx(look(RED).difference(look(BLUE)) / 2, rel=1e-3)

    def test_earlier_frames_change_the_beginning_only(self) -> None:
        one = Piece.begin_with(1, person(200, presence=0.9), look(RED), 2)
        one.extend_back(person(190, presence=0.7), 1.9)
        assert (one.first, one.last, one.frames) == (1.9, 2, 2)
        assert one.mean_presence == pytest.approx(0.8)
        assert (one.begin, one.end) == (person(190).region, person(200).region)


class TestCandidates:
    def test_nobody_is_found_twice_and_the_first_takes_precedence(self) -> None:
        first, again, other = (Candidate(person(x), source) for x, source in ((200, 1), (204, None), (420, None)))
        assert distinct_people([again, other, other], [first]) == [first, other]
        assert distinct_people([], []) == []

    def test_people_who_are_close_may_cover_each_other(self) -> None:
        people = [Candidate(person(x), None) for x in (100, 160, 500)]
        assert covered_candidates(people) == [True, True, False]
        assert covered_candidates(people[:1]) == [False]


def test_height_is_that_of_the_known_joints() -> None:
    found = person(height=240)
    found.keypoints[found.keypoints[:, 1] > 160, 2] = 0
    (height,) = Piece.begin_with(1, found, UNKNOWN, 0).heights
    assert height == pytest.approx(float(np.ptp(found.keypoints[found.keypoints[:, 2] > 0, 1])))
    assert height < 150
