"""Everyone is tracked; one person is tracked exactly as by the tracker of one person."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks._people.single_tracker import PoseTracker
from sightline.pose import PeopleTracker
from sightline.pose.estimator import Detection, Person, PoseEstimator
from sightline.pose.linking import link_pieces
from sightline.pose.pieces import Piece

Clip = Sequence[tuple[NDArray[np.uint8], float]]
Final = list[tuple[float, dict[int, Person]]]

LAG = 1.5
"""Seconds after which a frame is final."""


def track(frames: Iterable[tuple[NDArray[np.uint8], float]]) -> tuple[Final, list[Piece]]:
    with PeopleTracker() as tracker:
        final = [one for rgb, time in frames for one in tracker.track(rgb, time)]
        return final + tracker.finish(), tracker.pieces


def blank(
    count: int, size: tuple[int, int] = (120, 160), start: float = 0.0
) -> Iterable[tuple[NDArray[np.uint8], float]]:
    return ((np.full((*size, 3), 127, np.uint8), start + index / 10) for index in range(count))


@pytest.fixture(scope="module")
def together(signing: Clip) -> Clip:
    """The signing person, and beside her a still mirror image, which appears slowly: 25 frames in 2.5 s."""
    frames, still = [], signing[0][0][:, ::-1].astype(np.float32)
    for index in range(25):
        rgb = signing[2 * index][0]
        other = (127 + np.clip((index - 3) / 10, 0, 1) * (still - 127)).astype(np.uint8)
        frames.append((np.ascontiguousarray(np.concatenate([rgb, other], axis=1)[::2, ::2]), index / 10))
    return frames


class TestOnePerson:
    @pytest.mark.parametrize("step", [1, 3])
    def test_joints_are_exactly_those_of_the_tracker_of_one_person(self, signing: Clip, step: int) -> None:
        clip = signing[::step][:16]
        with PoseTracker() as tracker:
            expected = [tracker.track(rgb, time) for rgb, time in clip]
        final, pieces = track(clip)
        assert [piece.number for piece in pieces] == [1]
        assert [list(people) for _, people in final] == [[1]] * len(clip)
        for (_, people), keypoints in zip(final, expected, strict=True):
            assert keypoints is not None
            assert np.array_equal(people[1].keypoints, keypoints)

    def test_piece_describes_the_track(self, signing: Clip) -> None:
        clip = signing[::6]
        _, (piece,) = track(clip)
        assert (piece.first, piece.last, piece.frames) == (clip[0][1], clip[-1][1], len(clip))
        assert piece.mean_presence > 0.9
        assert piece.appearance.is_known


class TestSeveralPeople:
    @pytest.fixture(scope="class")
    @classmethod
    def result(cls, together: Clip) -> tuple[list[int], Final, list[Piece]]:
        """The number of people known in each frame at its time, and the final results."""
        latest, final = [], []
        with PeopleTracker() as tracker:
            for rgb, time in together:
                final += tracker.track(rgb, time)
                latest.append(len(tracker.latest))
            final += tracker.finish()
            return latest, final, tracker.pieces

    def test_person_who_appears_is_followed_back_to_earlier_frames(
        self, result: tuple[list[int], Final, list[Piece]]
    ) -> None:
        latest, final, pieces = result
        found = latest.index(2)
        counts = [len(people) for _, people in final]
        first = counts.index(2)
        assert first < found
        assert counts == [1] * first + [2] * (len(counts) - first)
        assert pieces[1].first == final[first][0]
        assert pieces[1].frames == len(counts) - first

    def test_people_keep_their_sides(self, result: tuple[list[int], Final, list[Piece]], together: Clip) -> None:
        _, final, _ = result
        middle = together[0][0].shape[1] / 2
        for _, people in final:
            assert all((person.region.x > middle) == (number == 2) for number, person in people.items())

    def test_people_are_two_although_they_wear_the_same(self, result: tuple[list[int], Final, list[Piece]]) -> None:
        assert [[piece.number for piece in person.pieces] for person in link_pieces(result[2])] == [[1], [2]]


class TestSearches:
    """How often the detector runs besides the landmark model, which follows the people who are known."""

    SECONDS = 6

    @pytest.fixture
    @staticmethod
    def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The number of searches so far, as the only item."""
        count = [0]
        detect = PoseEstimator.detect

        def counted(*arguments: Any) -> list[Detection]:
            count[0] += 1
            return detect(*arguments)

        monkeypatch.setattr(PoseEstimator, "detect", counted)
        return count

    def frames(self, signing: Clip, *, moving: bool) -> Clip:
        """Return the person at rest beside an empty wall, on which a dark square may move; 10 a second."""
        person = signing[0][0][::2, ::2]
        frames = []
        for index in range(10 * self.SECONDS):
            wall = np.full_like(person, 127)
            wall[40:80, 20 + 2 * index : 60 + 2 * index] -= 90 * moving
            frames.append((np.concatenate([person, wall], axis=1), index / 10))
        return frames

    def count_after_first(self, clip: Clip, searches: list[int]) -> int:
        with PeopleTracker() as tracker:
            tracker.track(*clip[0])
            searches[0] = 0
            for rgb, time in clip[1:]:
                tracker.track(rgb, time)
            return searches[0]

    def test_unchanged_picture_is_searched_less_than_a_changing_one(self, signing: Clip, searches: list[int]) -> None:
        still = self.count_after_first(self.frames(signing, moving=False), searches)
        moving = self.count_after_first(self.frames(signing, moving=True), searches)
        assert self.SECONDS <= still < moving / 2

    def test_somebody_who_appears_in_an_unchanged_picture_is_found_within_a_second(self, signing: Clip) -> None:
        clip = self.frames(signing, moving=False)
        person = clip[0][0][:, : clip[0][0].shape[1] // 2]
        both = np.ascontiguousarray(np.concatenate([person, person[:, ::-1]], axis=1))
        with PeopleTracker() as tracker:
            for rgb, time in clip:
                tracker.track(rgb if time < 3 else both, time)
                if len(tracker.latest) == 2:
                    break
        assert 3 <= time < 4


class TestOrder:
    def test_frames_come_out_complete_in_order_and_late_by_the_lag(self) -> None:
        given, got = [], []
        with PeopleTracker() as tracker:
            for rgb, time in blank(40):
                given.append(time)
                final = [end for end, _ in tracker.track(rgb, time)]
                got += final
                assert all(end <= time - LAG for end in final)
                assert len(got) == sum(one <= time - LAG for one in given)
            got += [end for end, _ in tracker.finish()]
            assert got == given
            assert tracker.finish() == []

    def test_times_may_be_uneven(self) -> None:
        times = np.cumsum(np.random.default_rng(5).choice([0.001, 0.03, 0.4, 2.5], 25)).tolist()
        final, _ = track((np.full((90, 120, 3), 127, np.uint8), time) for time in times)
        assert [time for time, _ in final] == times

    def test_frames_that_are_final_are_no_longer_kept(self) -> None:
        kept: list[weakref.ref[NDArray[np.uint8]]] = []
        with PeopleTracker() as tracker:
            for rgb, time in blank(40):
                kept.append(weakref.ref(rgb))
                tracker.track(rgb, time)
                del rgb
                assert sum(one() is not None for one in kept) <= LAG * 10 + 2
            tracker.finish()
        assert sum(one() is not None for one in kept) <= 2

    def test_frames_without_anybody_are_final_too(self) -> None:
        final, pieces = track(blank(3))
        assert [people for _, people in final] == [{}, {}, {}]
        assert pieces == []

    def test_nobody_is_latest_before_the_first_frame(self) -> None:
        with PeopleTracker() as tracker:
            assert tracker.latest == {}
            assert tracker.finish() == []


class TestInvalidInput:
    @pytest.mark.parametrize("second", [0.5, 0.4, float("nan"), float("inf")])
    def test_times_must_increase(self, second: float) -> None:
        rgb = np.zeros((64, 64, 3), np.uint8)
        with PeopleTracker() as tracker:
            tracker.track(rgb, 0.5)
            with pytest.raises(ValueError, match="increase"):
                tracker.track(rgb, second)
            assert [time for time, _ in tracker.finish()] == [0.5]

    @pytest.mark.parametrize("frame", [np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3))])
    def test_frame_must_be_rgb_bytes(self, frame: NDArray[np.float64]) -> None:
        with PeopleTracker() as tracker, pytest.raises(ValueError, match="uint8"):
            tracker.track(frame, 0.0)
