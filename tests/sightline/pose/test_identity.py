"""Who the patient is: the user's wish is checked early, and a decision is consistent."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline.errors import InvalidInput
from sightline.pose import Identity, IdentityWish, PicturePoint, SeenPerson

PEOPLE = tuple(SeenPerson(person=number, seconds=3, first=0, last=4, height=0.5) for number in (1, 2))


class TestPoint:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("412,300@12.5", (412.0, 300.0)),
            (" 412.5 , 0 @ 3 s ", (412.5, 0.0)),
            ("0.5,0.25@0", (320.0, 120.0)),
            ("1,1@20", (640.0, 480.0)),
            ("0,0@0", (0.0, 0.0)),
        ],
    )
    def test_point_is_in_pixels_or_in_shares(self, text: str, expected: tuple[float, float]) -> None:
        assert PicturePoint.parse(text).pixels(640, 480, 20) == expected

    @given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 10_000))
    def test_shares_name_the_same_point_of_every_size(self, x: float, y: float, seconds: float) -> None:
        point = PicturePoint.parse(f"{x:f},{y:f}@{seconds:f}")
        assert point.pixels(1000, 500, 20_000) == pytest.approx((1000 * x, 500 * y), abs=0.001)
        assert point.seconds == pytest.approx(seconds, abs=1e-6)

    @given(st.text())
    def test_any_text_is_a_point_or_rejected(self, text: str) -> None:
        with suppress(InvalidInput):
            point = PicturePoint.parse(text)
            assert min(point.x, point.y, point.seconds) >= 0

    @pytest.mark.parametrize("text", ["", "1,2", "1@2", "1,2,3@4", "-1,2@3", "a,b@c", "1;2@3", "1,2@1e5", "nan,1@2"])
    def test_malformed_point_is_rejected(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="not a point of the picture at a time"):
            PicturePoint.parse(text)

    def test_share_beside_pixels_is_rejected(self) -> None:
        with pytest.raises(InvalidInput, match="mixes a share and pixels"):
            PicturePoint.parse("0.5,300@1")

    @pytest.mark.parametrize(
        ("text", "reason"), [("641,2@1", "640 by 480"), ("640,480.5@1", "outside"), ("2,2@21", "ends at 20")]
    )
    def test_point_outside_the_video_is_rejected(self, text: str, reason: str) -> None:
        with pytest.raises(InvalidInput, match=reason):
            PicturePoint.parse(text).pixels(640, 480, 20)


class TestWish:
    def test_wish_is_one_of_a_number_a_point_and_a_photo(self) -> None:
        photo = np.zeros((4, 3, 3), np.uint8)
        assert not IdentityWish()
        assert all([IdentityWish(2), IdentityWish(at=PicturePoint.parse("1,1@1")), IdentityWish(reference=photo)])
        with pytest.raises(ValueError, match="in one way only"):
            IdentityWish(2, reference=photo)


class TestIdentity:
    @pytest.mark.parametrize(
        ("person", "how", "decided"),
        [(1, "prominent", True), (None, "undecided", False), (None, "nobody", True), (None, "answered", True)],
    )
    def test_only_an_undecided_identity_needs_an_answer(self, person: int | None, how: str, decided: bool) -> None:
        identity = Identity(person=person, how=how, certainty=0.5, why="", people=PEOPLE)
        assert identity.is_decided == decided
        assert Identity.model_validate_json(identity.model_dump_json()) == identity

    @pytest.mark.parametrize(
        ("person", "how", "reason"),
        [
            (None, "only", "has no number"),
            (1, "undecided", "but is person 1"),
            (1, "nobody", "but is person 1"),
            (3, "chosen", "person 3, who is not one of"),
            (0, "chosen", "greater than 0"),
        ],
    )
    def test_contradiction_is_rejected(self, person: int | None, how: str, reason: str) -> None:
        with pytest.raises(ValidationError, match=reason):
            Identity(person=person, how=how, certainty=0.5, why="", people=PEOPLE)

    def test_numbers_of_people_rise(self) -> None:
        with pytest.raises(ValidationError, match="must rise"):
            Identity(person=1, how="only", certainty=1, why="", people=PEOPLE[::-1])
