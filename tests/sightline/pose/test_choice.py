"""Who the patient is: each way of choosing, their order, and when a person is asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from sightline.errors import InvalidInput
from sightline.pose import Appearance, Identity, IdentityWish, PeopleTrack, PicturePoint, SeenPerson, choose_patient
from sightline.pose.choice import reference_appearance, seen_people
from sightline.pose.linking import link_pieces
from tests.figures import BLUE, GREEN, RED, Colour, figure, look, piece

from .conftest import Photo

DURATION = 10.0
LEFT, RIGHT = 200, 800


def seen(number: int, seconds: float = 8, height: float = 0.5, shirt: Colour | None = None) -> SeenPerson:
    appearance = look(shirt).to_numbers() if shirt else ()
    return SeenPerson(person=number, seconds=seconds, first=0, last=9, height=height, appearance=appearance)


def track_of(*places: float) -> PeopleTrack:
    """Return a track of 1000 by 500 pixels: at 0, 1, … 9 s a person of 300 pixels stands at each place."""
    count = len(places)
    frames = np.repeat(np.arange(10), count)
    return PeopleTrack(
        frames=frames,
        times=frames.astype(float),
        people=np.tile(np.arange(1, count + 1), 10),
        keypoints=np.array([figure(x, 100, 300) for _ in range(10) for x in places], np.float32).reshape(-1, 25, 3),
        size=(1000, 500),
        fps=1.0,
        tracked_frames=np.arange(10),
        frame_times=np.arange(10.0),
    )


def choose(
    *people: SeenPerson,
    wish: IdentityWish | None = None,
    known: tuple[Appearance, ...] = (),
    places: tuple[float, ...] = (),
) -> Identity:
    return choose_patient(people, track_of(*places), wish or IdentityWish(), DURATION, known)


def at(text: str, *places: float) -> Identity:
    people = [seen(number) for number in range(1, len(places) + 1)]
    return choose(*people, wish=IdentityWish(at=PicturePoint.parse(text)), places=places)


class TestNumber:
    def test_given_person_is_certain(self) -> None:
        identity = choose(seen(1, 99), seen(2, 1), wish=IdentityWish(2))
        assert (identity.person, identity.how, identity.certainty) == (2, "chosen", 1)
        assert "person 2" in identity.why

    def test_unknown_number_is_rejected_with_the_numbers_there_are(self) -> None:
        with pytest.raises(InvalidInput, match=r"person 3.*people 1, 2"):
            choose(seen(1), seen(2), wish=IdentityWish(3))
        with pytest.raises(InvalidInput, match=r"person 1.*nobody"):
            choose(wish=IdentityWish(1))


class TestPoint:
    @pytest.mark.parametrize(
        ("text", "person"), [("200,250@3", 1), ("800,250@3", 2), ("0.2,0.5@3", 1), ("0.8,0.5@3", 2)]
    )
    def test_point_on_a_person_names_them(self, text: str, person: int) -> None:
        identity = at(text, LEFT, RIGHT)
        assert (identity.person, identity.how, identity.certainty) == (person, "position", 1)
        assert text in identity.why

    @pytest.mark.parametrize("text", ["200,60@3", "110,250@3", "290,250@3", "200,450@3"])
    def test_point_just_outside_the_joints_still_names_the_person(self, text: str) -> None:
        assert at(text, LEFT, RIGHT).person == 1

    @pytest.mark.parametrize("text", ["500,250@3", "200,10@3", "200,490@3", "1000,500@3", "0,0@3"])
    def test_point_on_nobody_is_rejected(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="nobody is tracked there"):
            at(text, LEFT, RIGHT)

    @pytest.mark.parametrize(("x", "person"), [(440, 1), (499, 1), (501, 2), (560, 2)])
    def test_point_between_two_people_names_the_nearer_one(self, x: int, person: int) -> None:
        assert at(f"{x},250@3", 450, 550).person == person

    @pytest.mark.parametrize(("seconds", "is_found"), [(0, True), (3.4, True), (9.5, True), (9.6, False), (10, False)])
    def test_person_has_to_be_tracked_within_half_a_second(self, seconds: float, is_found: bool) -> None:
        if is_found:
            assert at(f"200,250@{seconds}", LEFT).person == 1
        else:
            with pytest.raises(InvalidInput, match="nobody is tracked there"):
                at(f"200,250@{seconds}", LEFT)

    def test_edge_of_the_picture_belongs_to_it(self) -> None:
        assert at("1000,250@3", LEFT, 950).person == 2
        with pytest.raises(InvalidInput, match="outside the picture"):
            at("1001,250@3", LEFT, 950)

    def test_time_after_the_end_is_rejected(self) -> None:
        with pytest.raises(InvalidInput, match="ends at 10 seconds"):
            at("200,250@10.5", LEFT)

    def test_video_without_people_is_rejected(self) -> None:
        with pytest.raises(InvalidInput, match="nobody is tracked there"):
            at("200,250@3")

    @given(st.floats(0, 1000), st.floats(0, 500), st.floats(0, DURATION))
    def test_any_point_names_somebody_who_is_there_or_nobody(self, x: float, y: float, seconds: float) -> None:
        point = PicturePoint(x, y, seconds, shares=False)
        try:
            identity = choose(seen(1), seen(2), wish=IdentityWish(at=point), places=(LEFT, RIGHT))
        except InvalidInput:
            assert min(abs(x - LEFT), abs(x - RIGHT)) > 50 or not 100 <= y <= 400 or seconds > 9.5
        else:
            assert identity.person == (1 if x < 500 else 2)


class TestAppearance:
    def test_person_who_looks_as_in_recent_sessions_is_the_patient(self) -> None:
        identity = choose(seen(1, 99, shirt=RED), seen(2, 3, shirt=BLUE), known=(look(GREEN), look(BLUE)))
        assert (identity.person, identity.how, identity.certainty) == (2, "known", 1)
        assert "recent sessions" in identity.why

    def test_certainty_falls_with_the_difference(self) -> None:
        faded = look((40, 60, 150))
        difference = faded.difference(look(BLUE))
        assert 1 < difference < 6.5
        identity = choose(seen(1, shirt=RED), seen(2, shirt=BLUE), known=(faded,))
        assert identity.person == 2
        assert identity.certainty == pytest.approx(1 - difference / 13, abs=0.001)

    def test_look_alikes_are_not_told_apart_by_clothes(self) -> None:
        identity = choose(seen(1, 9, shirt=RED), seen(2, 2, shirt=RED), known=(look(RED),))
        assert (identity.person, identity.how) == (1, "prominent")
        assert choose(seen(1, 9, shirt=RED), seen(2, 8, shirt=RED), known=(look(RED),)).how == "undecided"

    def test_other_clothes_than_in_recent_sessions_do_not_count(self) -> None:
        identity = choose(seen(1, 9, shirt=RED), seen(2, 2, shirt=BLUE), known=(look(GREEN, GREEN),))
        assert identity.how == "prominent"

    @pytest.mark.parametrize(("seconds", "how"), [(9, "prominent"), (3.9, "known"), (1, "known")])
    def test_prominent_person_in_unknown_colours_may_be_the_patient_too(self, seconds: float, how: str) -> None:
        """A person who is seen less than half as much is not considered."""
        identity = choose(seen(1, seconds), seen(2, 8 if how == "known" else 3, shirt=BLUE), known=(look(BLUE),))
        assert (identity.how, identity.person) == (how, 2 if how == "known" else 1)

    def test_known_appearance_without_colours_is_ignored(self) -> None:
        identity = choose(seen(1, 9, shirt=RED), seen(2, 2, shirt=BLUE), known=(Appearance.unknown(),))
        assert (identity.person, identity.how) == (1, "prominent")


class TestProminence:
    def test_somebody_who_is_seen_for_a_moment_is_nobody_to_ask_about(self) -> None:
        """Where people overlap or leave, the models find a person who is none for a few frames."""
        identity = choose(seen(1, 0.1, 0.3), seen(2, 8, 0.5))
        assert (identity.person, identity.how, [one.person for one in identity.people]) == (2, "only", [2])
        assert choose(seen(1, 0.1, 0.3), seen(2, 8, 0.5), wish=IdentityWish(1)).person == 1

    def test_only_person_is_the_patient(self) -> None:
        identity = choose(seen(1, 0.5, 0.1))
        assert (identity.person, identity.how, identity.certainty) == (1, "only", 1)

    @pytest.mark.parametrize(
        ("one", "other", "person"),
        [
            ((8, 0.5), (2, 0.5), 1),
            ((2, 0.5), (8, 0.5), 2),
            ((4, 0.8), (4, 0.2), 1),
            ((8, 0.5), (5, 0.5), 1),
            ((7.9, 0.5), (5, 0.5), None),
            ((8, 0.5), (8, 0.5), None),
            ((0, 0.5), (0, 0.5), None),
        ],
    )
    def test_person_seen_longest_and_largest_by_far_is_the_patient(
        self, one: tuple[float, float], other: tuple[float, float], person: int | None
    ) -> None:
        identity = choose(seen(1, *one), seen(2, *other))
        assert (identity.person, identity.how) == (person, "prominent" if person else "undecided")
        assert identity.is_decided == (person is not None)

    @given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 3)), min_size=2, max_size=6))
    def test_certainty_is_the_share_of_the_two_most_prominent(self, people: list[tuple[float, float]]) -> None:
        identity = choose(*(seen(number, *one) for number, one in enumerate(people, start=1)))
        first, second = sorted((seconds * height for seconds, height in people), reverse=True)[:2]
        if second < 0.02 * first:
            assert (identity.how, identity.certainty) == ("only", 1)
            return
        assert identity.certainty == pytest.approx(first / (first + second) if first else 0.5, abs=0.001)
        assert identity.is_decided == (first >= 1.6 * second and first > 0)


@pytest.fixture(scope="module")
def astronaut() -> Appearance:
    return reference_appearance(data.astronaut(), "photo.png")


class TestPhoto:
    def test_person_in_the_photo_is_found(self, astronaut: Appearance) -> None:
        alike = SeenPerson(person=2, seconds=1, first=0, last=1, height=0.2, appearance=astronaut.to_numbers())
        identity = choose(
            seen(1, 99, shirt=BLUE), alike, wish=IdentityWish(reference=data.astronaut()), known=(look(BLUE),)
        )
        assert (identity.person, identity.how) == (2, "reference")
        assert identity.certainty > 0.99

    def test_nobody_like_in_the_photo_is_undecided_even_if_only_one_is_seen(self) -> None:
        identity = choose(seen(1, 99, shirt=BLUE), wish=IdentityWish(reference=data.astronaut()), known=(look(BLUE),))
        assert (identity.person, identity.how) == (None, "undecided")

    def test_photo_without_a_person_is_rejected_with_its_name(self) -> None:
        with pytest.raises(InvalidInput, match=r"photo\.png.*nobody is found"):
            reference_appearance(np.full((240, 320, 3), 90, np.uint8), "photo.png")

    def test_photo_of_two_people_is_rejected(self, photos: list[Photo]) -> None:
        photo = next(photo for photo in photos if len(photo.people) == 2)
        with pytest.raises(InvalidInput, match=r"photo\.png: 2 people"):
            reference_appearance(photo.rgb, "photo.png")

    def test_portrait_that_ends_at_the_waist_shows_one_person(self, astronaut: Appearance) -> None:
        assert reference_appearance(data.astronaut()[:400], "photo.png").difference(astronaut) < 6.5


class TestNobody:
    def test_nobody_is_decided(self) -> None:
        for wish in (IdentityWish(), IdentityWish(reference=data.astronaut())):
            identity = choose(wish=wish, known=(look(RED),))
            assert (identity.person, identity.how, identity.is_decided) == (None, "nobody", True)


def test_seen_people_are_described_as_they_are_stored() -> None:
    people = link_pieces([piece(4, -0.02, 5, appearance=look(RED)), piece(2, 1, 3, x=900)])
    one, other = seen_people(people, track_of(LEFT), {2: "person_2.jpg"})
    assert (one.person, one.first, one.last, one.seconds) == (1, 0, 5, 5.02)
    assert one.height == 240 / 500
    assert Appearance.from_numbers(one.appearance).difference(look(RED)) == pytest.approx(0, abs=0.01)
    assert (other.person, other.appearance, other.picture) == (2, (), "person_2.jpg")
