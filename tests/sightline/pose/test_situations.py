"""Several people in the picture, one of them the patient: the situations of issue 19, as composed clips.

Person 1 of the truth is the patient in every clip.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks._people.cutouts import photo
from benchmarks._people.scripts import Script
from sightline.pose import Appearance, Identity, IdentityWish, PicturePoint, choose_patient
from tests.staging import CAMERA, Staged, bed, bent, forearm, lying, mirror_image, poster, room, stage, walker

pytestmark = pytest.mark.usefixtures("cutouts")


def side(z: float) -> float:
    """Return the x of somebody who is just outside the picture at this distance."""
    return CAMERA.side(z)


def choose(staged: Staged, wish: IdentityWish | None = None, known: tuple[Appearance, ...] = ()) -> Identity:
    """Return the choice for the people who were tracked, with a wish or a known appearance."""
    video = staged.video
    return choose_patient(
        video.identity.people, video.track, wish or IdentityWish(), len(staged.truth) / video.track.fps, known
    )


def point_on(staged: Staged, person: int, frame: int) -> PicturePoint:
    """Return a point on a true person's chest."""
    x, y = staged.truth[frame][person - 1].keypoints[1, :2].tolist()
    return PicturePoint(x, y, frame / staged.video.track.fps, shares=False)


def appearance(staged: Staged, truth: int) -> Appearance:
    (number,) = staged.numbers_of(truth)
    return Appearance.from_numbers(staged.video.identity.people[number - 1].appearance)


@pytest.fixture(scope="module")
def carer(clips: Path) -> Staged:
    seconds = 5.0
    return stage(
        clips / "carer.mp4",
        seconds,
        walker(1, photo("skier"), Script(-0.2, 3), seconds),
        walker(2, photo("racer"), Script(-side(4), 4).wait(0.3).go(side(4), 4, 1.5), seconds),
    )


class TestCarerWalksThrough:
    def test_patient_keeps_one_number_and_is_chosen(self, carer: Staged) -> None:
        (patient,) = carer.numbers_of(1)
        assert (carer.video.identity.how, carer.video.identity.person) == ("prominent", patient)
        assert carer.found(1) > 0.95

    def test_no_pose_of_the_carer_is_in_the_patients_track(self, carer: Staged) -> None:
        assert set(carer.shown(carer.video.identity.person or 0)) == {1}
        assert carer.longest_jump(carer.video.identity.person or 0) < 0.5

    def test_carer_is_tracked_with_another_number(self, carer: Staged) -> None:
        assert carer.numbers_of(2).isdisjoint(carer.numbers_of(1))
        assert carer.found(2, share=0.9) > 0.6


@pytest.fixture(scope="module")
def pair(clips: Path) -> Staged:
    seconds = 3.0
    return stage(
        clips / "pair.mp4",
        seconds,
        walker(1, photo("skier"), Script(-0.5, 2.8).wait(1).go(-0.35, 2.8, 0.2), seconds),
        walker(2, photo("batter"), Script(0.45, 2.8).wait(1.5).go(0.35, 2.8, 0.2), seconds),
    )


class TestManAndWomanSideBySide:
    """The clip of the issue: the mid-hip jumped between two people who stand side by side."""

    def test_mid_hip_does_not_jump(self, pair: Staged) -> None:
        for number in pair.video.track.numbers:
            assert pair.longest_jump(number) < 1

    def test_everyone_has_one_number(self, pair: Staged) -> None:
        assert len(pair.numbers_of(1)) == len(pair.numbers_of(2)) == 1
        assert pair.numbers_of(1).isdisjoint(pair.numbers_of(2))

    def test_neither_is_chosen_without_a_wish(self, pair: Staged) -> None:
        identity = pair.video.identity
        assert (identity.how, identity.person) == ("undecided", None)
        assert len(pair.video.pictures) == len(identity.people)

    @pytest.mark.parametrize("truth", [1, 2])
    def test_person_at_names_who_is_there(self, pair: Staged, truth: int) -> None:
        identity = choose(pair, IdentityWish(at=point_on(pair, truth, 15)))
        assert (identity.how, {identity.person}) == ("position", pair.numbers_of(truth))

    @pytest.mark.parametrize("truth", [1, 2])
    def test_person_names_a_number(self, pair: Staged, truth: int) -> None:
        (number,) = pair.numbers_of(truth)
        assert choose(pair, IdentityWish(person=number)).person == number

    def test_reference_names_who_looks_like_the_photo(self, pair: Staged, shared_data: Callable[[str], Path]) -> None:
        rgb = np.asarray(Image.open(shared_data("people/coco_000000000785.jpg")).convert("RGB"))
        identity = choose(pair, IdentityWish(reference=rgb))
        assert (identity.how, {identity.person}) == ("reference", pair.numbers_of(1))

    @pytest.mark.parametrize("truth", [1, 2])
    def test_clothes_of_a_recent_session_decide(self, pair: Staged, clips: Path, truth: int) -> None:
        names = {1: "skier", 2: "batter"}
        earlier = stage(
            clips / f"earlier_{truth}.mp4", 1.0, walker(1, photo(names[truth]), Script(0.2, 3.2), 1.0), seed=8
        )
        identity = choose(pair, known=(appearance(earlier, 1),))
        assert (identity.how, {identity.person}) == ("known", pair.numbers_of(truth))


def test_hand_that_reaches_into_the_picture_is_nobody(
    clips: Path, signing: list[tuple[NDArray[np.uint8], float]]
) -> None:
    seconds = 4.0
    arm = Script(1.1, 1.3).wait(0.8).go(0.4, 1.3, 0.7).wait(0.8).go(1.1, 1.3, 0.7)
    staged = stage(
        clips / "hand.mp4",
        seconds,
        walker(1, photo("skier"), Script(-0.1, 2.6), seconds),
        walker(2, forearm(signing[20][0]), arm, seconds, raised=0.95),
    )
    (patient,) = staged.numbers_of(1)
    assert staged.video.identity.person == patient
    assert set(staged.shown(patient)) == {1}


class TestPoster:
    """A printed person on the wall, about as large as the patient."""

    def test_poster_is_not_chosen_instead_of_the_patient(self, clips: Path) -> None:
        seconds = 3.0
        staged = stage(
            clips / "poster.mp4",
            seconds,
            walker(1, photo("skier"), Script(-0.5, 2.7).wait(1).go(-0.2, 2.6, 0.5), seconds),
            scene=poster(room(), photo("batter"), left=360, top=42, height=214),
        )
        assert len(staged.numbers_of(1)) == 1
        assert staged.video.identity.person in {None, *staged.numbers_of(1)}

    def test_poster_is_not_chosen_if_the_patient_is_there_for_a_shorter_time(self, clips: Path) -> None:
        seconds = 5.5
        staged = stage(
            clips / "poster_late.mp4",
            seconds,
            walker(1, photo("skier"), Script(-side(2.7), 2.7).wait(3).go(-0.4, 2.7, 1.2), seconds),
            scene=poster(room(), photo("batter"), left=360, top=42, height=214),
        )
        assert len(staged.numbers_of(1)) == 1
        # The poster is seen more than twice as long, but never moves.
        assert (staged.video.identity.how, staged.video.identity.person) == ("undecided", None)


def test_patient_and_mirror_image_are_asked_about(clips: Path) -> None:
    seconds = 3.0
    patient = walker(1, photo("skier"), Script(-0.8, 2.8).wait(0.5).go(-0.5, 2.8, 0.5), seconds)
    staged = stage(clips / "mirror.mp4", seconds, patient, mirror_image(patient, 2))
    assert len(staged.numbers_of(1)) == len(staged.numbers_of(2)) == 1
    assert staged.numbers_of(1).isdisjoint(staged.numbers_of(2))
    assert (staged.video.identity.how, staged.video.identity.person) == ("undecided", None)


@pytest.fixture(scope="module")
def way() -> Script:
    leaving = Script(0.2, 3).wait(1.5).go(side(3), 3, 1.3)
    return leaving.wait(10).jump(-side(3.2), 3.2).go(-0.2, 3.2, 1.3)


class TestPatientLeavesForTenSeconds:
    """And returns on the other side."""

    SECONDS = 18.0

    def test_patient_keeps_their_number(self, clips: Path, way: Script) -> None:
        staged = stage(clips / "away.mp4", self.SECONDS, walker(1, photo("skier"), way, self.SECONDS))
        assert len(staged.numbers_of(1)) == 1
        assert {staged.video.identity.person} == staged.numbers_of(1)

    @pytest.mark.soak
    def test_patient_keeps_their_number_besides_somebody_who_stays(self, clips: Path, way: Script) -> None:
        staged = stage(
            clips / "away_2.mp4",
            self.SECONDS,
            walker(1, photo("skier"), way, self.SECONDS),
            walker(2, photo("racer"), Script(-0.6, 4.5), self.SECONDS),
        )
        assert len(staged.numbers_of(1)) == len(staged.numbers_of(2)) == 1
        assert staged.numbers_of(1).isdisjoint(staged.numbers_of(2))


@pytest.mark.parametrize("swapped", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_two_people_in_the_same_clothes_who_return_are_not_confused(clips: Path, swapped: bool) -> None:
    """They leave on both sides and return, on the same side or on that of the other one."""
    seconds, z = 8.5, 3.2

    def way(x: float, direction: int) -> Script:
        leaving = Script(x, z).wait(0.8).go(direction * side(z), z, 1.5).wait(3.2 if swapped else 1.5)
        if swapped:
            return leaving.jump(-direction * side(z), z).go(-x, z, 1.5)
        return leaving.go(x, z, 1.5)

    staged = stage(
        clips / f"twins_{swapped}.mp4",
        seconds,
        walker(1, photo("skier"), way(-0.5, -1), seconds),
        walker(2, photo("skier"), way(0.5, 1), seconds),
    )
    assert staged.numbers_of(1)
    assert staged.numbers_of(2)
    # Either can have several numbers, but no number belongs to both.
    assert staged.numbers_of(1).isdisjoint(staged.numbers_of(2))
    assert (staged.video.identity.how, staged.video.identity.person) == ("undecided", None)


def test_nobody(clips: Path) -> None:
    staged = stage(clips / "nobody.mp4", 1.5)
    assert (staged.video.identity.how, staged.video.identity.person) == ("nobody", None)
    assert not len(staged.video.track.frames)


def test_patient_in_bed_is_chosen_although_a_carer_bends_over_them(clips: Path) -> None:
    seconds = 6.0
    # Their vertical extent is a third of the carer's, who stays for half of the time.
    carer = Script(side(2.9), 2.9).wait(0.5).go(0.3, 2.9, 1.3).wait(0.8).go(side(2.9), 2.9, 1.3)
    staged = stage(
        clips / "bed.mp4",
        seconds,
        walker(1, lying(photo("batter")), Script(-0.1, 2.5), seconds, raised=0.4),
        bent(walker(2, photo("racer"), carer, seconds), lean=-0.4, since=1.5, until=4.0),
        scene=bed(room()),
    )
    (patient,) = staged.numbers_of(1)
    assert (staged.video.identity.how, staged.video.identity.person) == ("prominent", patient)
    assert set(staged.shown(patient)) == {1}


@pytest.mark.soak
def test_three_people_who_cross_keep_their_numbers(clips: Path) -> None:
    seconds = 6.0
    staged = stage(
        clips / "three.mp4",
        seconds,
        walker(1, photo("skier"), Script(-0.9, 3).wait(0.5).go(0.9, 3, 0.6), seconds),
        walker(2, photo("racer"), Script(1.2, 4).wait(0.5).go(-1.4, 4, 0.9), seconds),
        walker(3, photo("leader"), Script(0.2, 5.5).go(-0.6, 5.5, 0.3).go(1.2, 5.5, 0.5), seconds),
    )
    numbers = [staged.numbers_of(person) for person in (1, 2, 3)]
    assert [len(own) for own in numbers] == [1, 1, 1]
    assert len(set.union(*numbers)) == 3
