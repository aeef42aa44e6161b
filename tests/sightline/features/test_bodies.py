"""A track that jumps between people has the features of one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks._people.single_tracker import PoseTracker
from sightline.features import FEATURE_NAMES, track_features, valid_seconds
from sightline.pose import JOINTS, Track
from tests.sightline.features.people import Array, all_visible, standing, swaying
from tests.sightline.features.test_names import mirrored

TORSO = 100
TIMES = np.arange(80) / 10
SEEDS = st.integers(0, 1_000)
SWAP = [JOINTS.index(mirrored(joint)) for joint in JOINTS]
FAR = np.array([1600, 0])


def track(points: Array, times: Array = TIMES) -> Track:
    """Return a track of ten frames a second in which the person is always visible."""
    keypoints = np.dstack([points, all_visible(len(points))])
    frames = np.arange(len(times))
    return Track(frames, times, keypoints, (1920, 1080), 10.0, frames, times)


def mirror_image(keypoints: Array) -> Array:
    """Return the other person of shape (n, 25, k): mirrored, with left and right exchanged, about the y axis."""
    flipped = keypoints[:, SWAP].copy()
    flipped[:, :, 0] *= -1
    return flipped


def switched(own: Track, other: Track, is_other: Array) -> Track:
    """Return the track of a tracker that follows the other person in some frames."""
    return replace(own, keypoints=np.where(is_other[:, None, None], other.keypoints, own.keypoints))


def without(own: Track, is_other: Array) -> Track:
    """Return the track of a tracker that does not find the person in these frames."""
    kept = ~is_other
    return replace(own, frames=own.frames[kept], times=own.times[kept], keypoints=own.keypoints[kept])


def same(values: dict[str, float]) -> Any:
    return pytest.approx(values, rel=1e-9, abs=1e-9, nan_ok=True)


@st.composite
def frames_of_a_stranger(draw: st.DrawFn) -> Array:
    """Return which of 80 frames, fewer than a third and neither the first nor the last, show the stranger."""
    is_other = np.zeros(80, bool)
    for start, length in draw(st.lists(st.tuples(st.integers(1, 70), st.integers(1, 9)), min_size=1, max_size=6)):
        if is_other.sum() + length < 26:
            is_other[start : start + length] = True
    return is_other


@given(frames_of_a_stranger(), SEEDS, st.floats(0, 2 * np.pi), st.floats(7, 30), st.floats(0.5, 2))
def test_frames_of_a_stranger_do_not_matter(
    is_other: Array, seed: int, angle: float, distance: float, size: float
) -> None:
    """The features are those of the track in which they are cut out."""
    own = track(swaying(TIMES, seed))
    elsewhere = distance * TORSO * np.array([np.cos(angle), np.sin(angle)])
    other = track(size * (swaying(TIMES, seed + 1) - [300, 250]) + [300, 250] + elsewhere)
    jumping, cut = (track_features(t) for t in (switched(own, other, is_other), without(own, is_other)))
    assert jumping.features == same(cut.features)
    assert jumping.continuity.other_poses == is_other.sum()
    assert jumping.continuity.breaks_by_speed == np.count_nonzero(np.diff(is_other))
    assert jumping.continuity.breaks_by_time == cut.continuity.breaks_by_time
    assert jumping.continuity.seconds == cut.continuity.seconds


@given(SEEDS)
def test_track_that_jumps_at_random_has_nearly_the_features_of_the_patient(seed: int) -> None:
    """As in a video of two people: single frames, a fifth of all, show the mirror image of a person who sways.

    Fewer frames of the swaying are seen. So posture agrees within 0.35 torso lengths (15 % of longer ones) or 10
    degrees, and the motion's means within 15 %. No maximum is larger by more than 25 %; a single jump would be 80 torso
    lengths per second.
    """
    own = track(swaying(TIMES, seed))
    other = track(mirror_image(swaying(TIMES, seed)) + np.array([600 + 8 * TORSO, 0]))
    is_other = np.random.default_rng(seed).random(80) < 0.2
    is_other[[0, -1]] = False
    alone, jumping = (track_features(t).features for t in (own, switched(own, other, is_other)))
    for name in FEATURE_NAMES:
        if name.startswith("angle"):
            assert jumping[name] == pytest.approx(alone[name], abs=10), name
        elif name.startswith(("distance", "symmetry", "body", "shoulder")):
            assert jumping[name] == pytest.approx(alone[name], abs=0.35, rel=0.15), name
        elif name.startswith(("speed_mean", "displacement_mean", "displacement_share")):
            assert jumping[name] == pytest.approx(alone[name], rel=0.15), name
        elif "_max" in name:
            assert jumping[name] <= 1.25 * alone[name], name


@pytest.fixture(scope="module")
def signing(shared_data: Callable[[str], Path]) -> Track:
    """The poses of a person signing, at 30 frames a second, four times forwards and backwards, as if all were seen."""
    with av.open(str(shared_data("video/signing_person.mp4"))) as container, PoseTracker() as tracker:
        found = [tracker.track(frame.to_ndarray(format="rgb24"), frame.time) for frame in container.decode(video=0)]
    poses: NDArray[np.float32] = np.stack([pose for pose in found if pose is not None])
    poses[:, :, 2] = 0.9
    poses = np.concatenate([poses, poses[::-1]] * 4)
    frames, times = np.arange(len(poses)), np.arange(len(poses)) / 30
    return Track(frames, times, poses, (540, 720), 30.0, frames, times)


@pytest.mark.parametrize("seed", range(3))
def test_signing_person_beside_their_mirror_image_has_their_features(signing: Track, seed: int) -> None:
    """The tracker follows the mirror image, four torso lengths away, in runs of one to eight frames.

    Tolerances: 0.1 torso lengths or 10 degrees for posture, 15 % for the means and shares of motion. No maximum is more
    than twice as large, which is the jitter of steps that are shorter because frames are missing; it would be 40 torso
    lengths per second otherwise.
    """
    neck, hip = (signing.keypoints[:, JOINTS.index(joint), :2] for joint in ("neck", "mid_hip"))
    torso = float(np.median(np.hypot(*(neck - hip).T)))
    elsewhere = np.array([2 * neck[:, 0].mean() + 4 * torso, 0, 0])
    other = replace(signing, keypoints=mirror_image(signing.keypoints) + elsewhere)
    random = np.random.default_rng(seed)
    is_other = np.zeros(len(signing.times), bool)
    for start in random.integers(1, len(signing.times) - 10, 20):
        is_other[start : start + random.integers(1, 9)] = True
    alone, jumping = (track_features(t) for t in (signing, switched(signing, other, is_other)))
    assert alone.continuity.breaks_by_speed == alone.continuity.other_poses == 0
    assert jumping.continuity.other_poses == is_other.sum() > 50
    assert jumping.continuity.valid_seconds > 14
    assert jumping.features == same(track_features(without(signing, is_other)).features)
    for name, value in alone.features.items():
        if name.startswith("angle"):
            assert jumping.features[name] == pytest.approx(value, abs=10), name
        elif name.startswith(("distance", "symmetry", "body", "shoulder")):
            assert jumping.features[name] == pytest.approx(value, abs=0.1), name
        elif name.startswith(("speed_mean", "displacement_mean", "displacement_share")):
            assert jumping.features[name] == pytest.approx(value, rel=0.15), name
        elif "_max" in name:
            assert jumping.features[name] <= 2 * value, name


def test_person_who_is_seen_less_often_is_the_other_one() -> None:
    own, other = track(standing(80)), track(mirror_image(standing(80)) + FAR)
    is_other = np.repeat([False, True, False, True, False], [5, 30, 5, 30, 10])
    continuity = track_features(switched(own, other, is_other)).continuity
    assert (continuity.poses, continuity.other_poses) == (60, 20)
    assert track_features(switched(own, other, is_other)).features == same(
        track_features(without(other, ~is_other)).features
    )


def test_two_people_who_are_seen_equally_often_give_no_valid_second() -> None:
    """It is unknown which one is the patient."""
    own, other = track(standing(80)), track(standing(80) + FAR)
    jumping = switched(own, other, np.arange(80) // 5 % 2 == 1)
    continuity = track_features(jumping).continuity
    assert continuity.seconds > 0
    assert not continuity.is_one_body
    assert continuity.valid_seconds == valid_seconds(jumping) == 0


def test_wrong_detection_in_one_frame_is_left_out() -> None:
    points = standing(80)
    points[33] = np.random.default_rng(0).uniform(800, 1800, (25, 2))
    tracked = track_features(track(points))
    assert tracked.features == same(track_features(without(track(points), np.arange(80) == 33)).features)
    assert (tracked.continuity.poses, tracked.continuity.other_poses) == (79, 1)
    assert tracked.continuity.valid_seconds == pytest.approx(7.9)


def test_person_who_walks_while_another_one_is_followed_is_the_same() -> None:
    walk = np.array([1.5 * TORSO, 0]) * TIMES[:, None, None]
    is_other = (TIMES > 3) & (TIMES < 4)
    jumping = switched(track(standing(80) + walk), track(standing(80) + np.array([300, 1000])), is_other)
    continuity = track_features(jumping).continuity
    assert (continuity.poses, continuity.breaks_by_time, continuity.breaks_by_speed) == (71, 1, 2)


def test_cut_to_which_the_film_does_not_return_keeps_both_views() -> None:
    points = standing(80)
    points[50:] += [1000, 0]
    continuity = track_features(track(points)).continuity
    assert (continuity.poses, continuity.other_poses, continuity.breaks_by_speed) == (80, 0, 1)
    assert continuity.valid_seconds == pytest.approx(7.8)


def test_place_is_anybodys_after_ten_seconds() -> None:
    times = np.arange(200) / 10
    points = standing(200)
    points[20:130] += [1000, 0]
    assert track_features(track(points, times)).continuity.other_poses == 0


def test_many_jumps_take_little_time() -> None:
    """Twenty minutes in which the tracker follows one of two people at random: 12,000 frames, about 5,000 jumps."""
    times = np.arange(12_000) / 10
    is_other = np.random.default_rng(0).random(len(times)) < 0.3
    points = standing(len(times)) + np.where(is_other, 1000, 0)[:, None, None] * np.array([1, 0])
    continuity = track_features(track(points, times)).continuity
    assert continuity.other_poses == is_other.sum()
    assert continuity.poses == (~is_other).sum()
