"""The composed clips: what is drawn is what the truth says."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks._people import FPS, compose
from benchmarks._people.clip import Actor, Clip
from benchmarks._people.cutouts import CutOut, photo
from benchmarks._people.scripts import Script
from sightline.pose import JOINTS

SIZE = (320, 240)
NOSE, LEFT_HIP, RIGHT_HIP = (JOINTS.index(name) for name in ("nose", "left_hip", "right_hip"))


def actor(cutout: CutOut, number: int, x: float, y: float, height: float, depth: float, frames: int = 3) -> Actor:
    """Return a person who stands still with their feet at x and y."""
    still = np.zeros(frames)
    return Actor(
        number,
        cutout,
        feet=np.tile([x, y], (frames, 1)).astype(float),
        height=np.full(frames, float(height)),
        depth=np.full(frames, float(depth)),
        mirrored=np.zeros(frames, bool),
        lean=still,
        stride=still,
        gain=(0.5, 0.5, 0.5),
    )


def clip_of(*actors: Actor) -> Clip:
    return Clip(
        seed=1,
        size=SIZE,
        duration=0.3,
        actors=actors,
        scene=np.zeros((SIZE[1], SIZE[0], 3), np.uint8),
        exposure=0.0,
        noise=0.0,
        quality=1,
        patient=1,
        prominence=1.0,
        tags=frozenset(),
    )


class TestTruth:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(x=st.floats(-60, 380), y=st.floats(-20, 400), height=st.floats(40, 230))
    def test_box_and_share_are_those_of_the_part_in_the_frame(
        self, figure: CutOut, x: float, y: float, height: float
    ) -> None:
        (person,) = next(clip_of(actor(figure, 1, x, y, height, 3)).truth())
        left, right = np.clip([x - 0.2 * height, x + 0.2 * height], 0, SIZE[0])
        top, bottom = np.clip([y - height, y], 0, SIZE[1])
        share = (right - left) * (bottom - top) / (0.4 * height**2)
        assert person.share == pytest.approx(share, abs=0.05)
        if right - left > 2 and bottom - top > 2:
            assert person.box == pytest.approx((left, top, right, bottom), abs=1.1)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(x=st.floats(60, 260), height=st.floats(60, 230), lean=st.floats(-0.1, 0.1), stride=st.floats(-0.1, 0.1))
    def test_joints_move_with_the_picture(
        self, figure: CutOut, x: float, height: float, lean: float, stride: float
    ) -> None:
        # One bright spot at a joint is drawn where the joint is said to be.
        picture = figure.pictures[0]
        rgba = picture.rgba.copy()
        rgba[..., :3] = 0
        column, row = (round(value) for value in picture.joints[NOSE, :2])
        rgba[row - 3 : row + 3, column - 3 : column + 3] = 255
        spotted = replace(figure, pictures=(replace(picture, rgba=rgba),))
        moved = replace(actor(spotted, 1, x, 235, height, 3), lean=np.full(3, lean), stride=np.full(3, stride))
        frame = next(iter(clip_of(moved).frames()))
        rows, columns = np.nonzero(frame.rgb.sum(axis=2) > 100)
        middle = columns.mean() + 0.5, rows.mean() + 0.5
        assert middle == pytest.approx(frame.people[0].keypoints[NOSE, :2], abs=1.0)

    def test_person_behind_another_is_hidden(self, figure: CutOut) -> None:
        near, far = actor(figure, 1, 160, 220, 200, depth=2), actor(figure, 2, 160, 200, 100, depth=4)
        people = next(clip_of(near, far).truth())
        assert people[0].share == pytest.approx(1, abs=0.02)
        assert people[1].share == pytest.approx(0, abs=0.01)
        assert people[1].box is None
        assert not people[1].visible.any()

    def test_nearer_person_is_in_front_whatever_their_number(self, figure: CutOut) -> None:
        near, far = actor(figure, 2, 170, 220, 150, depth=2), actor(figure, 1, 150, 220, 150, depth=4)
        people = next(clip_of(far, near).truth())
        assert people[1].share > 0.98
        assert 0.3 < people[0].share < 0.7
        assert people[0].visible[RIGHT_HIP]
        assert not people[0].visible[LEFT_HIP]

    def test_mirror_image_exchanges_left_and_right(self, figure: CutOut) -> None:
        mirrored = figure.pictures[0].mirrored()
        assert mirrored.joints[LEFT_HIP, 0] == 40 - figure.pictures[0].joints[RIGHT_HIP, 0]
        assert mirrored.mirrored().joints == pytest.approx(figure.pictures[0].joints)

    def test_patient_is_pointed_at_where_they_are_visible(self, figure: CutOut) -> None:
        clip = clip_of(actor(figure, 1, 160, 220, 150, depth=3))
        assert clip.person_at is not None
        x, y, seconds = clip.person_at
        assert (x, y) == pytest.approx((160, 220 - 150 * 0.92), abs=1)
        assert seconds == 0


class TestScript:
    TIMES = np.arange(0, 10, 0.1)

    @given(speed=st.floats(0.5, 2), x=st.floats(-5, 5), pause=st.floats(0, 3))
    def test_nobody_walks_faster_than_they_are_asked_to(self, speed: float, x: float, pause: float) -> None:
        places = Script(-3, 4).wait(pause).go(x, 3, speed).wait(1).go(0, 5, speed).sampled(self.TIMES)
        steps = np.hypot(*np.diff(places, axis=0).T)
        assert steps.max() <= 0.1 * speed * 1.01

    def test_person_who_returns_elsewhere_is_not_between_the_places(self) -> None:
        places = Script(5, 4).wait(3.05).jump(-5, 6).wait(2).go(0, 6, 1).sampled(self.TIMES)
        away = places[:, 0][self.TIMES < 4.8]
        assert set(away.round(6)) == {5, -5}


@pytest.mark.usefixtures("photos")
class TestComposer:
    SEED = 7

    def test_seed_gives_the_same_clip(self) -> None:
        one, other = (list(islice(compose(self.SEED).frames(), 40)) for _ in range(2))
        assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(one, other, strict=True))
        assert all(
            np.array_equal(p.keypoints, q.keypoints) and p.share == q.share
            for a, b in zip(one, other, strict=True)
            for p, q in zip(a.people, b.people, strict=True)
        )

    def test_clip_is_as_long_and_as_large_as_it_says(self) -> None:
        clip = compose(self.SEED)
        frames = list(clip.frames())
        assert len(frames) == round(clip.duration * FPS)
        assert frames[0].rgb.shape == (clip.size[1], clip.size[0], 3)
        assert [frame.time for frame in frames] == pytest.approx(clip.times.tolist())

    def test_clip_at_another_rate_is_the_same_clip(self) -> None:
        clip = compose(self.SEED)
        faster = clip.at_rate(3 * FPS)
        assert faster.times[::3] == pytest.approx(clip.times)
        for before, after in zip(clip.truth(), list(faster.truth())[::3], strict=True):
            for one, other in zip(before, after, strict=True):
                assert other.keypoints == pytest.approx(one.keypoints, abs=1e-3)

    @pytest.mark.parametrize("seed", range(8, 12))
    def test_people_of_a_clip(self, seed: int) -> None:
        clip = compose(seed)
        assert 2 <= len(clip.actors) <= 4
        assert 6 <= clip.duration <= 20
        people = list(clip.truth())
        shares = np.array([[person.share for person in frame] for frame in people])
        assert shares.min() >= 0
        assert shares.max() <= 1
        assert (shares.max(axis=0) > 0.3).all(), "everyone is seen"
        for frame in people:
            for person in frame:
                assert person.height >= 60

    def test_labelled_joints_are_on_the_cut_out(self) -> None:
        for name in ("skier", "batter", "racer"):
            picture = photo(name).pictures[0]
            known = picture.joints[picture.joints[:, 2] == 1, :2].astype(int)
            alpha = picture.rgba[known[:, 1], known[:, 0], 3]
            assert (alpha > 127).mean() > 0.9

    def test_other_clothes_keep_the_outline_and_the_joints(self) -> None:
        plain, turned = photo("skier").pictures[0], photo("skier", hue=130).pictures[0]
        assert np.array_equal(plain.rgba[..., 3], turned.rgba[..., 3])
        assert np.array_equal(plain.joints, turned.joints)
        assert np.abs(plain.rgba[..., :3].astype(int) - turned.rgba[..., :3]).mean() > 5
