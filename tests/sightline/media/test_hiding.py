"""Everyone except the patient is hidden. People are noisy rectangles on plain ground, with known pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sightline.media import (
    DOUBTFUL,
    NOBODY,
    FaceSeries,
    Heads,
    Hiding,
    Outline,
    Overlay,
    PeopleSeries,
    PersonSample,
    Silhouette,
    annotate,
    cut_highlights,
    probe,
    sample_frames,
)
from sightline.media.absence import HOLD
from sightline.media.planes import copy_planes
from tests.videos import make_video

WIDTH, HEIGHT = 640, 360
TALL, WIDE = 160, 50
PERIOD = 0.1
GROUND = 120
EVERYONE_HIDDEN = None

Way = Callable[[float], tuple[float, float]]
"""Returns the x and y of a person's middle at a time."""


def standing(x: float, y: float = 180) -> Way:
    return lambda _: (x, y)


def walking(x: float, speed: float, y: float = 180) -> Way:
    return lambda time: (x + speed * time, y)


def pixels(way: Way, time: float) -> np.ndarray:
    """The pixels of a person, shape (HEIGHT, WIDTH), bool."""
    x, y = way(time)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    left, top = round(x - WIDE / 2), round(y - TALL / 2)
    mask[max(0, top) : max(0, top + TALL), max(0, left) : max(0, left + WIDE)] = True
    return mask


def sample(way: Way, time: float, own: np.ndarray | None = None) -> PersonSample:
    x, y = way(time)
    half = (TALL - WIDE) / 2
    keypoints = np.array([[x, y - half, 1], [x, y + half, 1]], np.float32)
    mask = pixels(way, time).astype(np.uint8)
    return PersonSample(keypoints, Silhouette.from_mask(mask, own=None if own is None else own.astype(np.uint8)))


def outline(keypoints: np.ndarray) -> Outline:
    (x0, y0, known), (x1, y1, _) = keypoints.tolist()
    if not known:
        return Outline(np.zeros((0, 5), np.float32), np.zeros((0, 2), np.float32))
    return Outline(np.array([[x0, y0, x1, y1, WIDE / 2]], np.float32), np.zeros((0, 2), np.float32))


def series(people: dict[int, Way], until: float, lost: Callable[[int, float], bool] = lambda *_: False) -> PeopleSeries:
    """People who are detected every 0.1 s from 0 to ``until``, if they are in the frame and not ``lost``."""
    poses = PeopleSeries([], PERIOD, outline)
    for index in range(round(until / PERIOD) + 1):
        time = index * PERIOD
        found = {
            number: sample(way, time)
            for number, way in people.items()
            if pixels(way, time).any() and not lost(number, time)
        }
        poses.add(time, found)
    poses.end()
    return poses


def picture(ways: Iterable[Way], time: float, seed: int = 0) -> np.ndarray:
    """A frame in which the people's pixels are noise."""
    random = np.random.default_rng(seed)
    rgb = np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
    for way in ways:
        mask = pixels(way, time)
        rgb[mask] = random.integers(0, 256, (int(mask.sum()), 3))
    return rgb


def left(hiding: Hiding, way: Way, time: float) -> float:
    """The share of a person's pixels that is not hidden."""
    mask = pixels(way, time)
    changed = (hiding.hide(picture([way], time), time) != picture([way], time)).any(axis=2)
    return float((mask & ~changed).sum() / max(mask.sum(), 1))


def covered(hiding: Hiding, time: float) -> np.ndarray:
    return (hiding.hide(picture([], time), time) != GROUND).any(axis=2)


PATIENT, CARER = standing(150), standing(450)


class TestWho:
    def test_everyone_except_the_patient_is_hidden(self) -> None:
        hiding = Hiding(series({1: PATIENT, 2: CARER}, 1), lambda: 1)
        assert left(hiding, CARER, 0.53) < 0.001
        assert not covered(hiding, 0.53)[pixels(PATIENT, 0.53)].any()

    def test_everyone_is_hidden_while_the_patient_is_unknown(self) -> None:
        hiding = Hiding(series({1: PATIENT, 2: CARER}, 1), lambda: EVERYONE_HIDDEN)
        assert left(hiding, CARER, 0.5) < 0.001
        assert left(hiding, PATIENT, 0.5) < 0.001

    def test_hidden_area_is_not_much_larger_than_the_person(self) -> None:
        hiding = Hiding(series({1: PATIENT, 2: CARER}, 1), lambda: 1)
        assert covered(hiding, 0.5).sum() < 1.6 * pixels(CARER, 0.5).sum()

    def test_nothing_of_a_hidden_person_is_left_in_the_picture(self) -> None:
        """Two pictures that differ only in the hidden person become equal: there is nothing to invert."""
        hiding = Hiding(series({1: PATIENT, 2: CARER}, 1), lambda: 1)
        first, second = (
            hiding.hide(picture([CARER], 0.5, seed), 0.5)[pixels(CARER, 0.5)].astype(int) for seed in (1, 2)
        )
        assert (first != second).mean() < 0.001

    def test_person_without_silhouette_is_hidden_by_their_body(self) -> None:
        poses = PeopleSeries([], PERIOD, outline)
        for time in (0.0, 0.1):
            poses.add(time, {2: sample(CARER, time)._replace(silhouette=None)})
        poses.end()
        assert left(Hiding(poses, lambda: 1), CARER, 0.05) < 0.02

    def test_series_without_an_outline_cannot_be_hidden(self) -> None:
        poses = PeopleSeries([], PERIOD)
        poses.add(0.0, {2: sample(CARER, 0.0)})
        poses.end()
        with pytest.raises(ValueError, match="outline"):
            Hiding(poses, lambda: 1).hide(picture([], 0), 0.0)


class TestMotion:
    def test_person_is_hidden_between_two_samples(self) -> None:
        runner = walking(20, 600)
        hiding = Hiding(series({2: runner}, 1), lambda: 1)
        assert all(left(hiding, runner, time) < 0.001 for time in np.arange(0.01, 0.95, 0.07))

    @settings(max_examples=10, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(
        turns=st.lists(st.tuples(st.floats(60, 580), st.floats(100, 260)), min_size=4, max_size=4),
        gaps=st.lists(st.tuples(st.floats(0.3, 2.6), st.floats(0.1, 0.7)), max_size=2),
    )
    def test_person_who_is_lost_for_a_moment_stays_hidden(
        self, turns: list[tuple[float, float]], gaps: list[tuple[float, float]]
    ) -> None:
        """A person walks between random points, one a second, and is lost for up to 0.7 s at a time."""
        knots = np.array(turns)
        # Nobody walks more than a body height a second, as in absence.py.
        for index in range(1, len(knots)):
            step = knots[index] - knots[index - 1]
            knots[index] = knots[index - 1] + step * min(1, TALL / max(float(np.hypot(*step)), 1e-9))

        def way(time: float) -> tuple[float, float]:
            x, y = (float(np.interp(time, range(4), knots[:, axis])) for axis in (0, 1))
            return x, y

        poses = series({2: way}, 3, lambda _, time: any(start < time < start + length for start, length in gaps))
        hiding = Hiding(poses, lambda: 1)
        assert max(left(hiding, way, time) for time in np.arange(0.0, 3.0, 0.17)) < 0.01


class TestAbsence:
    def test_person_who_is_lost_for_seconds_stays_hidden(self) -> None:
        walker = walking(100, 50)
        hiding = Hiding(series({2: walker}, 8, lambda _, time: 1 < time < 7), lambda: 1)
        assert all(left(hiding, walker, time) < 0.001 for time in np.arange(1, 7, 0.23))

    def test_hidden_area_grows_until_the_middle_of_a_gap(self) -> None:
        hiding = Hiding(series({2: CARER}, 3, lambda _, time: 1 < time < 2), lambda: 1)
        areas = [int(covered(hiding, time).sum()) for time in (1.0, 1.2, 1.45)]
        assert areas[0] < areas[1] < areas[2]
        assert covered(hiding, 1.8).sum() < areas[2]

    def test_person_stays_hidden_after_the_last_sample(self) -> None:
        hiding = Hiding(series({2: CARER}, 10, lambda _, time: time > 2), lambda: 1)
        assert all(left(hiding, CARER, time) < 0.001 for time in np.arange(2, 2 + HOLD - 0.1, 0.3))
        assert not covered(hiding, 2 + HOLD + 0.2).any()

    def test_person_who_walks_on_after_the_last_sample_is_hidden(self) -> None:
        walker = walking(100, 60)
        hiding = Hiding(series({2: walker}, 6, lambda _, time: time > 2), lambda: 1)
        assert all(left(hiding, walker, time) < 0.001 for time in (2.2, 2.6, 3.0))

    def test_person_who_left_over_the_edge_is_no_longer_hidden(self) -> None:
        walker = walking(300, 200)
        hiding = Hiding(series({2: walker}, 8), lambda: 1)
        assert left(hiding, walker, 1.75) < 0.001
        assert not covered(hiding, 3.3).any()

    def test_person_at_the_edge_who_stands_still_stays_hidden(self) -> None:
        leaning = standing(WIDTH - 10)
        hiding = Hiding(series({2: leaning}, 8, lambda _, time: time > 2), lambda: 1)
        assert left(hiding, leaning, 4.0) < 0.001

    def test_person_is_hidden_before_the_first_sample(self) -> None:
        hiding = Hiding(series({2: CARER}, 5, lambda _, time: time < 3), lambda: 1)
        assert all(left(hiding, CARER, time) < 0.001 for time in (1.6, 2.3, 2.9))
        assert not covered(hiding, 1.0).any()

    def test_patient_who_is_lost_is_not_hidden(self) -> None:
        hiding = Hiding(series({1: PATIENT}, 5, lambda _, time: 1 < time < 4), lambda: 1)
        assert not covered(hiding, 2.0).any()


class TestOverlap:
    """The carer stands behind the patient or in front; the tracker says what is certainly the patient's."""

    def poses(self, own: np.ndarray, carer_until: float = 1.0, confidence: float = 1.0) -> PeopleSeries:
        poses = PeopleSeries([], PERIOD, outline)
        for index in range(11):
            time = index * PERIOD
            found = {1: sample(standing(300), time, own)}
            found[1].keypoints[:, 2] = confidence
            if time <= carer_until:
                found[2] = sample(standing(340), time)
            poses.add(time, found)
        poses.end()
        return poses

    def test_certain_part_of_the_patient_is_visible(self) -> None:
        own = pixels(standing(300), 0) & ~pixels(standing(340), 0)
        hidden = covered(Hiding(self.poses(own), lambda: 1), 0.45)
        inner = own.copy()
        inner[:, 300:] = False  # the body of the carer, which is thicker than they are
        inner[:110], inner[250:] = False, False  # and pixels at the edge of the patient
        inner[:, :280] = False
        assert not hidden[inner].any()
        assert hidden[pixels(standing(340), 0)].mean() > 0.999

    def test_body_of_another_person_is_hidden_even_where_the_patient_seems_certain(self) -> None:
        own = pixels(standing(300), 0)
        hidden = covered(Hiding(self.poses(own), lambda: 1), 0.45)
        assert hidden[100:260, 320:360].all()

    def test_only_the_middle_of_the_patient_is_shown_while_another_person_is_lost(self) -> None:
        """The carer was lost behind the patient: 40 pixels to the right, and up to half a size further."""
        own = pixels(standing(300), 0)
        hidden = covered(Hiding(self.poses(own, carer_until=0.4), lambda: 1), 0.7)
        assert not hidden[125:235, 292:308].any()
        assert hidden[pixels(standing(340), 0) & ~own].all()
        assert hidden[100:260, 318:325].all(), "the edge of the patient"

    def test_limbs_that_may_be_covered_are_hidden_while_another_person_is_lost(self) -> None:
        own = pixels(standing(300), 0)
        hidden = covered(Hiding(self.poses(own, carer_until=0.4, confidence=0.8), lambda: 1), 0.7)
        assert hidden[own].all()

    def test_patient_who_moves_is_hidden_while_another_person_is_lost(self) -> None:
        """Where the patient is at one moment, somebody else may be at the next one."""
        runner = walking(100, 200)
        poses = PeopleSeries([], PERIOD, outline)
        for index in range(11):
            time = index * PERIOD
            found = {1: sample(runner, time, pixels(runner, time))}
            if time <= 0.4:
                found[2] = sample(runner, time)
            poses.add(time, found)
        poses.end()
        assert covered(Hiding(poses, lambda: 1), 0.7)[pixels(runner, 0.7)].all()


class TestFaces:
    def hiding(self, owners: list[int], patient: int | None, strangers: tuple[Outline, ...] = ()) -> Hiding:
        faces = FaceSeries(reach=0.3)
        boxes = np.array([[100, 100, 140, 150], [400, 100, 440, 150]], np.float32)
        faces.add(0.0, Heads(boxes, np.array(owners, np.int64), strangers))
        faces.end()
        return Hiding(series({}, 1), lambda: patient, faces)

    def test_face_that_belongs_to_nobody_is_covered(self) -> None:
        hidden = covered(self.hiding([1, 0], 1), 0.1)
        assert hidden[100:150, 400:440].all()
        assert not hidden[100:150, 100:140].any()

    def test_every_face_is_covered_while_the_patient_is_unknown(self) -> None:
        hidden = covered(self.hiding([1, 0], None), 0.1)
        assert hidden[100:150, 400:440].all()
        assert hidden[100:150, 100:140].all()

    def test_body_of_a_person_who_is_not_tracked_is_covered(self) -> None:
        body = outline(sample(standing(500), 0).keypoints)
        hidden = covered(self.hiding([1, 1], 1, (body,)), 0.1)
        assert hidden[130:230, 480:520].all()
        assert not hidden[:, :440].any()

    def test_body_that_belongs_to_a_face_is_covered(self) -> None:
        """Of a head of 20 pixels, chin to vertex, the body is 154 pixels long: the head is 0.13 of the stature."""
        hidden = covered(strangers_hidden({0.0: [(300, 60)]}), 0.0)
        assert hidden[60:205, 300:316].all()
        assert not hidden[:, :200].any()
        assert not hidden[:, 420:].any()

    def test_body_of_a_face_that_lies_is_beside_it(self) -> None:
        hidden = covered(strangers_hidden({0.0: [(300, 160)]}, down=(1.0, 0.0)), 0.0)
        assert hidden[162:178, 300:440].all()
        assert not hidden[280:].any()

    def test_face_is_covered_until_its_reach_ends(self) -> None:
        hiding = self.hiding([0, 0], 1)
        assert covered(hiding, 0.29).any()
        assert not covered(hiding, 0.31).any()


def strangers_hidden(
    found: dict[float, list[tuple[int, int]]],
    people: PeopleSeries | None = None,
    down: tuple[float, float] = (0.0, 1.0),
    owner: int = NOBODY,
) -> Hiding:
    """Hiding with faces alone, of heads of 16 by 20 pixels with these left upper corners at these times."""
    faces = FaceSeries(reach=0.3)
    for time, corners in found.items():
        boxes = np.array([[x, y, x + 16, y + 20] for x, y in corners], np.float32).reshape(-1, 4)
        owners = np.full(len(corners), owner, np.int64)
        faces.add(time, Heads(boxes, owners, (), np.tile(np.array(down, np.float32), (len(corners), 1))))
    faces.end()
    return Hiding(people or series({}, 10), lambda: 1, faces)


class TestStrangers:
    """People whom the tracker misses are found by searches at 0.2 s, and not by each."""

    BODY = np.s_[90:180, 302:314]

    def test_stranger_stays_hidden_between_two_searches_that_find_them(self) -> None:
        hiding = strangers_hidden({0.0: [(300, 60)], 0.2: [(300, 60)], 1.8: [(310, 60)]})
        assert all(covered(hiding, time)[self.BODY].all() for time in (0.1, 0.7, 1.0, 1.4, 1.8))

    def test_stranger_who_walks_is_hidden_between_two_searches(self) -> None:
        hiding = strangers_hidden({0.0: [(300, 60)], 1.0: [(380, 60)]})
        assert all(covered(hiding, time)[90:180, round(304 + 80 * time)].all() for time in (0.25, 0.5, 0.75))

    def test_stranger_who_was_found_twice_is_hidden_before_and_after(self) -> None:
        hiding = strangers_hidden({3.0: [(300, 60)], 3.2: [(300, 60)]})
        assert all(covered(hiding, time)[self.BODY].all() for time in (1.8, 2.6, 4.5, 3.2 + HOLD - 0.1))
        assert not covered(hiding, 1.2).any()
        assert not covered(hiding, 3.2 + HOLD + 0.2).any()

    def test_stranger_who_was_found_once_is_hidden_for_a_moment(self) -> None:
        hiding = strangers_hidden({3.0: [(300, 60)]})
        assert covered(hiding, 3.2)[self.BODY].all()
        assert not covered(hiding, 3.5).any()

    def test_visible_middle_of_the_patient_is_shown_where_a_stranger_may_be(self) -> None:
        tracked = series({1: standing(308)}, 5)
        hiding = strangers_hidden({2.0: [(300, 100)], 2.2: [(300, 100)]}, tracked)
        assert covered(hiding, 2.1)[110:230, 302:314].all(), "a stranger who is found is before the patient"
        later = covered(hiding, 3.0)
        assert not later[125:235, 302:314].any()
        assert later[125:235, [270, 345]].all()

    def test_two_strangers_are_hidden_apart(self) -> None:
        hidden = covered(strangers_hidden({0.0: [(100, 60), (500, 60)], 1.0: [(100, 60), (500, 60)]}), 0.5)
        assert hidden[90:180, 104:112].all()
        assert hidden[90:180, 504:512].all()
        assert not hidden[:, 300:320].any()

    def test_place_of_a_stranger_who_is_tracked_afterwards_is_not_held(self) -> None:
        """Somebody is tracked from 1 s on, and walks away: what is hidden goes with them."""
        walker = walking(258, 50, y=140)
        tracked = series({2: walker}, 6, lambda _, time: time < 1)
        hiding = strangers_hidden({0.6: [(300, 60)], 0.8: [(300, 60)]}, tracked)
        assert covered(hiding, 0.9)[self.BODY].all()
        assert left(hiding, walker, 3.5) < 0.001
        assert not covered(hiding, 3.5)[90:180, 302:314].any()

    def test_people_who_are_hidden_by_their_face_are_counted(self) -> None:
        assert strangers_hidden({0.0: [(100, 60), (500, 60)], 0.2: [(100, 60)]}).hidden_by_face == 3
        assert strangers_hidden({0.0: [(100, 60)]}, owner=DOUBTFUL).hidden_by_face == 0
        assert strangers_hidden({0.0: [(100, 60)]}, owner=1).hidden_by_face == 0

    def test_doubtful_face_is_hidden_but_not_over_the_patient(self) -> None:
        tracked = series({1: standing(308)}, 2)
        hidden = covered(strangers_hidden({0.5: [(300, 150), (400, 150)]}, tracked, owner=DOUBTFUL), 0.5)
        assert not hidden[pixels(standing(308), 0)].any()
        assert hidden[152:168, 402:414].all()
        assert not hidden[190:].any(), "a doubtful face has no body"


def test_frames_and_stills_are_hidden_alike() -> None:
    hiding = Hiding(series({1: PATIENT, 2: CARER}, 1), lambda: 1)
    frame = av.VideoFrame.from_ndarray(picture([PATIENT, CARER], 0.5), format="rgb24")
    shown = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    planes = copy_planes(frame, shown)
    hiding.draw(planes, 0.5)
    hidden = covered(hiding, 0.5)
    assert np.unique(planes.y[hidden]).size == 1
    assert np.unique(planes.u[hidden[::2, ::2] & hidden[1::2, 1::2]]).size == 1
    assert np.unique(planes.y[pixels(PATIENT, 0.5)]).size > 50


@pytest.mark.parametrize("size", [(96, 64), (640, 360), (1080, 1920), (3840, 2160)])
def test_people_are_hidden_in_frames_of_any_size(size: tuple[int, int]) -> None:
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height // 2, width // 4 : width // 2] = 1
    poses = PeopleSeries([], PERIOD, lambda _: Outline(np.zeros((0, 5), np.float32), np.zeros((0, 2), np.float32)))
    keypoints = np.array([[width * 0.375, height * 0.375, 1]] * 2, np.float32)
    poses.add(0.0, {2: PersonSample(keypoints, Silhouette.from_mask(mask))})
    poses.end()
    rgb = np.full((height, width, 3), GROUND, np.uint8)
    changed = (Hiding(poses, lambda: 1).hide(rgb, 0.0) != rgb).any(axis=2)
    assert changed[mask > 0].all()
    assert changed.mean() < 0.3


def test_people_are_hidden_in_the_annotated_copy_and_its_highlights(tmp_path: Path) -> None:
    frames = [picture([PATIENT, CARER], index / 10, seed=index) for index in range(20)]
    source = make_video(tmp_path / "clip.mp4", frames=frames, rate=10)
    poses = series({1: PATIENT, 2: CARER}, 2)
    annotate(probe(source), Overlay(2.0, poses=poses, hiding=Hiding(poses, lambda: 1)), tmp_path / "annotated.mp4")
    cut_highlights(tmp_path / "annotated.mp4", [(0.5, 1.5)], tmp_path / "cut.mp4")
    body = np.s_[120:250, 430:470]
    for path in (tmp_path / "annotated.mp4", tmp_path / "cut.mp4"):
        shown = [frame.rgb for frame in sample_frames(probe(path), 10, [])]
        assert max(frame[body].astype(int).std(axis=(0, 1)).max() for frame in shown) < 6
        assert shown[0][120:250, 130:170].astype(int).std() > 30, "the patient is visible"
