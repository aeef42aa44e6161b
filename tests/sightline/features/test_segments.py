"""A segment ends where the person is missing, and where no body can have moved; nothing is computed across its end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.features import TrackFeatures, session_features, track_features, valid_seconds
from sightline.features.segments import MAX_ABSENCE, MAX_SPEED
from sightline.pose import JOINTS, Track
from tests.sightline.features.people import Array, all_visible, index, standing, swaying

TORSO = 100
TIMES = np.arange(80) / 10
MAXIMA = ("speed_max", "acceleration_max", "displacement_max", "box_movement_max")
SEEDS = st.integers(0, 1_000)


def track(
    points: Array, times: Array = TIMES, searched: Array | None = None, confidences: Array | None = None
) -> Track:
    """Return a track whose person was searched for at the times ``searched``, by default those of the poses."""
    searched = times if searched is None else searched
    frames = np.searchsorted(searched, times)
    keypoints = np.dstack([points, all_visible(len(points)) if confidences is None else confidences])
    return Track(frames, times, keypoints, (1920, 1080), 10.0, np.arange(len(searched)), searched)


def measured(*arguments: Any, **options: Any) -> TrackFeatures:
    return track_features(track(*arguments, **options))


def breaks(tracked: TrackFeatures) -> tuple[int, int]:
    return tracked.continuity.breaks_by_time, tracked.continuity.breaks_by_speed


def same(values: dict[str, float], **tolerance: float) -> Any:
    return pytest.approx(values, nan_ok=True, **({"rel": 1e-6, "abs": 1e-6} | tolerance))


class TestAbsences:
    @pytest.mark.parametrize(("missing", "count"), [(1, 0), (4, 0), (5, 1), (40, 1)])
    def test_longer_than_half_a_second_ends_a_segment(self, missing: int, count: int) -> None:
        kept = np.r_[0:30, 30 + missing : 80]
        assert breaks(measured(swaying(TIMES)[kept], TIMES[kept], TIMES)) == (count, 0)

    def test_is_no_motion(self) -> None:
        """The person left on one side and is next seen on the other one, a second later."""
        kept = np.r_[0:30, 40:80]
        points = standing(80)
        points[40:, :, 0] += 3 * TORSO
        tracked = measured(points[kept], TIMES[kept], TIMES)
        assert tracked.features["speed_max_overall"] == tracked.features["box_movement_max"] == 0
        assert tracked.continuity.seconds == pytest.approx(2.9 + 3.9)

    def test_frames_that_were_not_searched_are_no_absence(self) -> None:
        """For example a film of one frame per second, or a part of the video that cannot be decoded."""
        times = np.array([0.0, 1, 2, 3, 7, 8, 9])
        points = standing(7) + 0.2 * TORSO * times[:, None, None]
        tracked = measured(points, times)
        assert breaks(tracked) == (0, 0)
        assert tracked.features["speed_mean_nose"] == pytest.approx(0.2 * np.sqrt(2))
        assert tracked.continuity.seconds == 6 * MAX_ABSENCE, "what happened in the other seconds is unknown"

    def test_of_a_track_without_searched_frames_follow_from_its_rate(self) -> None:
        """Version 0.1 kept only the frames with a person."""
        kept = np.r_[0:30, 32:50, 56:80]
        known = track(swaying(TIMES)[kept], TIMES[kept], TIMES)
        early = Track(known.frames, known.times, known.keypoints, known.size, known.fps)
        assert track_features(early) == track_features(known)
        assert breaks(track_features(early)) == (1, 0)

    @given(st.lists(st.integers(0, 9), min_size=1, max_size=8), SEEDS)
    def test_are_counted(self, missing: list[int], seed: int) -> None:
        """Between six frames with the person each, this number of frames without."""
        present = np.concatenate([np.r_[np.ones(6), np.zeros(n)] for n in missing] + [np.ones(6)]).astype(bool)
        times = np.arange(len(present)) / 10
        tracked = measured(swaying(times, seed)[present], times[present], times)
        assert breaks(tracked) == (sum(n > 4 for n in missing), 0)


class TestSpeed:
    @given(st.sampled_from([2, 5, 10, 15]), st.floats(0, 2 * np.pi), st.floats(0.1, 10), st.booleans())
    def test_limit_separates_possible_from_impossible(
        self, rate: int, angle: float, scale: float, is_possible: bool
    ) -> None:
        """At any rate, direction and distance to the camera."""
        times = np.arange(40) / rate
        speed = MAX_SPEED * (0.999 if is_possible else 1.001)
        way = speed * TORSO * times[:, None, None] * [np.cos(angle), np.sin(angle)]
        tracked = measured(scale * (standing(40) + way), times)
        assert breaks(tracked) == (0, 0 if is_possible else 39)
        if is_possible:
            assert tracked.features["speed_mean_nose"] == pytest.approx(speed, rel=1e-3)
            assert tracked.continuity.valid_seconds > 0
        else:
            assert np.isnan(tracked.features["speed_mean_nose"])
            assert tracked.continuity.valid_seconds == 0

    @pytest.mark.parametrize(
        "joints",
        [("right_wrist", "left_wrist", "right_ankle", "nose"), ("mid_hip", "right_hip"), ("left_shoulder", "neck")],
        ids=["limbs", "hips", "shoulders"],
    )
    def test_of_a_few_joints_does_not_count(self, joints: tuple[str, ...]) -> None:
        """A wrist is faster than the trunk, and a joint can be wrong in one frame."""
        points = standing(80)
        points[::7, [index(joint) for joint in joints]] += 10 * TORSO
        assert breaks(measured(points)) == (0, 0)

    def test_left_and_right_exchanged_in_a_frame_do_not_count(self) -> None:
        points = standing(80)
        swap = [JOINTS.index({"left": "right", "right": "left"}.get(j[: j.find("_")], "") + j[j.find("_") :])
                if j.startswith(("left_", "right_")) else JOINTS.index(j) for j in JOINTS]  # fmt: skip
        points[20:40] = points[20:40, swap]
        assert breaks(measured(points)) == (0, 0)

    def test_of_a_pose_that_collapses_in_a_frame_does_not_count(self) -> None:
        points = standing(80)
        points[40] = points[40, [index("neck")]] + 0.01 * (points[40] - points[40, [index("neck")]])
        assert breaks(measured(points)) == (0, 0)

    @pytest.mark.parametrize("jitter", [1, 5, 15])
    def test_of_jitter_between_close_frames_does_not_count(self, jitter: float) -> None:
        """A still is a thousandth of a second from a tracked frame."""
        times = np.sort(np.concatenate([TIMES, TIMES[5::9] + 0.001]))
        points = standing(len(times)) + np.random.default_rng(0).normal(0, jitter, (len(times), 25, 2))
        assert breaks(measured(points, times)) == (0, 0)

    def test_of_a_person_who_walks_to_the_camera_is_possible(self) -> None:
        """From 50 to 500 pixels of torso in four seconds."""
        growth = 0.5 * 10 ** (np.minimum(TIMES, 4) / 4)
        assert breaks(measured(standing(80) * growth[:, None, None])) == (0, 0)

    @pytest.mark.parametrize(
        "joints", [("mid_hip", "right_hip", "left_hip"), ("neck", "mid_hip")], ids=["close", "no torso"]
    )
    def test_is_measured_by_the_shoulders_if_the_torso_is_not_visible(self, joints: tuple[str, ...]) -> None:
        points, confidences = standing(80), all_visible(80)
        confidences[:, [index(joint) for joint in joints]] = 0
        points[50:, :, 1] += 4 * TORSO
        assert breaks(measured(points, confidences=confidences)) == (0, 1)

    def test_of_a_person_who_bends_to_the_camera_is_measured_by_the_shoulders(self) -> None:
        """The torso is hardly visible, and moves three of its lengths in a step."""
        points = standing(80)
        hips = [index(joint) for joint in ("mid_hip", "right_hip", "left_hip")]
        points[:, hips, 1] = points[:, [index("neck")], 1] + 5
        points[::2, :, 0] += 15
        assert breaks(measured(points)) == (0, 0)

    def test_of_a_distant_body_is_measured_by_its_own_torso(self) -> None:
        """A person of a tenth of the size is 50 pixels away."""
        points = standing(80)
        points[40:] = points[40:] / 10 + [330, 200]
        assert breaks(measured(points)) == (0, 1)

    def test_without_a_visible_trunk_has_no_limit(self) -> None:
        points, confidences = standing(80), all_visible(80)
        confidences[:, [index("neck"), index("right_shoulder")]] = 0
        points[40:] += 50 * TORSO
        assert breaks(measured(points, confidences=confidences)) == (0, 0)

    @given(st.lists(st.integers(1, 9), min_size=3, max_size=8), st.floats(5, 20), SEEDS)
    def test_of_jumps_to_new_places_is_counted(self, lengths: list[int], distance: float, seed: int) -> None:
        views = np.repeat(np.arange(len(lengths)), lengths)
        times = np.arange(len(views)) / 10
        points = swaying(times, seed) + views[:, None, None] * [distance * TORSO, 0]
        tracked = measured(points, times)
        assert breaks(tracked) == (0, len(lengths) - 1)
        assert tracked.continuity.poses == len(views)


class TestCut:
    @given(st.integers(10, 70), st.floats(0, 2 * np.pi), st.floats(5, 50), SEEDS)
    def test_removes_one_step_and_changes_nothing_else(
        self, frame: int, angle: float, distance: float, seed: int
    ) -> None:
        points = swaying(TIMES, seed)
        complete = measured(points)
        cut = points.copy()
        cut[frame:] += distance * TORSO * np.array([np.cos(angle), np.sin(angle)])
        tracked = measured(cut)
        assert breaks(tracked) == (0, 1)
        assert tracked.continuity.seconds == pytest.approx(7.8)
        for name, value in tracked.features.items():
            if name.startswith(("angle", "body", "shoulder", "distance", "symmetry")) or name in (
                "box_width",
                "box_area",
            ):
                # The trunk's movement in the removed step is removed too: 20 pixels at most.
                assert value == pytest.approx(complete.features[name], rel=0.02, abs=0.02), name
            if name.startswith(MAXIMA):
                assert value <= complete.features[name] + 1e-3, name
        for joint in ("nose", "neck", "right_wrist", "left_elbow"):
            largest, mean = (complete.features[f"speed_{statistic}_{joint}"] for statistic in ("max", "mean"))
            total = 7.9 * mean - 7.8 * tracked.features[f"speed_mean_{joint}"]
            assert -1e-3 <= total <= 0.1 * largest + 1e-3, joint

    def test_of_the_size_matters_no_more_than_the_size(self) -> None:
        """A still person is filmed from half the distance after the cut."""
        points = standing(80)
        points[40:] = 2 * points[40:] + [600, 0]
        tracked = measured(points)
        assert breaks(tracked) == (0, 1)
        assert tracked.features["speed_max_overall"] == 0
        assert tracked.features["box_width_change_mean"] == 0
        assert tracked.features["angle_left_elbow"] == pytest.approx(180)

    def test_shifts_no_joint_that_is_seen_on_one_side_only(self) -> None:
        points, confidences = standing(80), all_visible(80)
        points[40:] += [10 * TORSO, 0]
        confidences[:40, [index("right_wrist"), index("left_ankle")]] = 0
        expected = session_features(standing(80), TIMES, confidences)
        assert measured(points, confidences=confidences).features == same(expected)

    @given(SEEDS, st.floats(-3e3, 3e3), st.floats(0.05, 20))
    def test_features_do_not_depend_on_position_and_scale(self, seed: int, x: float, scale: float) -> None:
        random = np.random.default_rng(seed)
        points = swaying(TIMES, seed)
        for frame in random.integers(1, 80, 3):
            points[frame:] += random.choice([-1, 1]) * random.uniform(3, 30, 2) * TORSO
        kept = np.delete(np.arange(80), np.r_[random.integers(60) + np.arange(8)])
        transformed = scale * points + [x, 2 * x]
        before, after = (
            session_features(p[kept], TIMES[kept], all_visible(len(kept)), searched=TIMES)
            for p in (points, transformed)
        )
        assert after == same(before)
        breaks_before, breaks_after = (measured(p[kept], TIMES[kept], TIMES).continuity for p in (points, transformed))
        assert breaks_after == breaks_before

    def test_does_not_join_the_rhythm_of_its_two_sides(self) -> None:
        """A hand waves in both, in another rhythm after the cut: as far as known, each is rhythmic."""
        wave = np.where(TIMES < 4, np.sin(2 * np.pi * TIMES / 0.8), np.sin(2 * np.pi * (TIMES + 0.33) / 0.8))
        points = standing(80)
        points[:, index("right_wrist"), 0] += 20 * wave
        together = measured(points).features["rhythm_right_wrist_x"]
        points[40:] += [5 * TORSO, 0]
        apart = measured(points).features["rhythm_right_wrist_x"]
        assert apart == pytest.approx(1, abs=0.1)
        assert apart > together + 0.1

    def test_adds_no_rhythm(self) -> None:
        """A hand that trembles at random is higher after an absence."""
        points = standing(160)
        times = np.arange(160) / 10
        points[:, index("right_wrist"), 1] += np.random.default_rng(0).normal(0, 2, 160)
        points[80:, index("right_wrist"), 1] -= 100
        kept = np.r_[0:75, 85:160]
        assert measured(points[kept], times[kept], times).features["rhythm_right_wrist_y"] < 0.35


def test_empty_and_short_tracks_have_no_valid_seconds() -> None:
    for poses in range(3):
        assert valid_seconds(track(standing(poses), TIMES[:poses], TIMES)) == 0
    assert valid_seconds(track(standing(3), TIMES[:3], TIMES)) == pytest.approx(0.2)


@pytest.mark.parametrize("searched", [[0.0, 0.1, 0.1], [0.0, np.nan], [[0.0, 0.1]]])
def test_invalid_times_of_searches_are_rejected(searched: Any) -> None:
    with pytest.raises(ValueError, match="the times of searches"):
        session_features(standing(3), TIMES[:3], all_visible(3), searched=searched)
