"""Properties of all features of any session."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sightline.features import FEATURE_NAMES, session_features, track_features
from sightline.features.names import ACCELERATIONS, ANGLES, DISTANCES, PARTS, SPEEDS, SYMMETRIES
from sightline.pose import JOINTS, Track, read_openpose
from tests.sightline.features.people import all_visible, index, standing, swaying
from tests.sightline.features.test_names import mirrored

TIMES = np.arange(80) / 10
SEEDS = st.integers(0, 1_000)
TORSO = {"neck", "mid_hip"}


def features(points: Any, times: Any = TIMES, confidences: Any = None) -> dict[str, float]:
    return session_features(points, times, all_visible(len(points)) if confidences is None else confidences)


def same(values: dict[str, float], rel: float = 1e-6, **tolerance: Any) -> Any:
    return pytest.approx(values, rel=rel, nan_ok=True, **tolerance)


class TestInvariance:
    @given(SEEDS, st.floats(-3e3, 3e3), st.floats(-3e3, 3e3))
    @settings(max_examples=15, deadline=None)
    def test_position_in_the_image_does_not_matter(self, seed: int, x: float, y: float) -> None:
        assert features(np.array([x, y]) + swaying(TIMES, seed)) == same(features(swaying(TIMES, seed)), abs=1e-6)

    @given(SEEDS, st.floats(0.05, 20))
    @settings(max_examples=15, deadline=None)
    def test_distance_and_resolution_do_not_matter(self, seed: int, scale: float) -> None:
        assert features(swaying(TIMES, seed) * scale) == same(features(swaying(TIMES, seed)), abs=1e-6)

    @given(SEEDS, st.floats(-1e5, 1e5))
    @settings(max_examples=15, deadline=None)
    def test_start_time_does_not_matter(self, seed: int, start: float) -> None:
        assert features(swaying(TIMES, seed), TIMES + start) == same(features(swaying(TIMES, seed)), abs=1e-5)

    @given(SEEDS)
    @settings(max_examples=15, deadline=None)
    def test_frame_rate_does_not_matter(self, seed: int) -> None:
        """Smooth motion of less than one turn per second, sampled 10, 15, 25 and 30 times per second.

        Features agree within 5 %, or 0.05; accelerations, which are second differences, within 8 %; the area, which is
        a product, within 10 %. The box does not move smoothly, because another point can become the outermost one: its
        fastest step agrees within 50 %.
        """
        loose = {"box_movement_max": 0.5, "box_area": 0.1}
        sampled = [np.arange(8 * rate) / rate for rate in (10, 15, 25, 30)]
        first, *others = (features(swaying(times, seed), times) for times in sampled)
        for other in others:
            for name in FEATURE_NAMES:
                within = loose.get(name, 0.08 if name.startswith("acceleration") else 0.05)
                assert other[name] == pytest.approx(first[name], rel=within, abs=within), name

    @given(SEEDS)
    @settings(max_examples=15, deadline=None)
    def test_uneven_frames_do_not_matter(self, seed: int) -> None:
        """For example, a camera's frame rate drops in the dark."""
        random = np.random.default_rng(seed)
        times = np.cumsum(random.uniform(0.03, 0.1, 123))
        even = features(swaying(TIMES, seed))
        uneven = features(swaying(times, seed), times)
        means = [name for name in FEATURE_NAMES if name.startswith(("angle", "distance", "speed_mean"))]
        assert {name: uneven[name] for name in means} == same({name: even[name] for name in means}, rel=0.1, abs=0.1)

    @given(SEEDS)
    @settings(max_examples=15, deadline=None)
    def test_mirroring_swaps_left_and_right_only(self, seed: int) -> None:
        points, confidences = swaying(TIMES, seed), all_visible(80)
        confidences[::3, index("left_wrist")] = 0
        confidences[:, index("right_knee")] = 0
        swap = [index(mirrored(joint)) for joint in JOINTS]
        mirrored_points = (points * [-1, 1] + [640, 0])[:, swap]
        values = features(points, TIMES, confidences)
        assert features(mirrored_points, TIMES, confidences[:, swap]) == same(
            {name: values[mirrored(name)] for name in FEATURE_NAMES}, abs=1e-6
        )


def depends(feature: str) -> tuple[set[str], set[str]]:  # noqa: PLR0911
    """Return the joints that a feature needs, and those over which it is pooled."""
    group, _, rest = feature.partition("_")
    last = rest.removeprefix("mean_").removeprefix("max_").removeprefix("std_")
    if group == "angle":
        return next(set(angle) for angle in ANGLES if angle[0] == rest), set()
    if group == "rhythm":
        return {rest[:-2]}, set()
    if feature.startswith("displacement_share"):
        return set(), {joint for part in PARTS.values() for joint in part}
    if group in ("body", "shoulder"):
        height, width = {"nose", "right_ankle", "left_ankle"}, {"right_shoulder", "left_shoulder"}
        return {"body_height": height | TORSO, "shoulder_width": width | TORSO}.get(feature, height | width), set()
    if group == "distance":
        return TORSO | set(DISTANCES[rest]), set()
    if group == "symmetry":
        pairs = {name: {f"{side}_{name[:-1]}" for side in ("right", "left")} for name in SYMMETRIES}
        return (TORSO, set().union(*pairs.values())) if rest == "mean" else (TORSO | pairs[rest], set())
    if feature == "box_height_to_width":
        return set(), set(JOINTS)
    pools = {"speed": SPEEDS, "acceleration": ACCELERATIONS, "displacement": JOINTS, "box": JOINTS}
    if group == "box" or last == "overall":
        return TORSO, set(pools[group])
    return (TORSO, set(PARTS[last])) if group == "displacement" else (TORSO | {last}, set())


@pytest.mark.parametrize("joint", JOINTS)
def test_missing_limb_changes_dependent_features_only(joint: str) -> None:
    points, confidences = swaying(TIMES), all_visible(80)
    complete = features(points)
    points[:, index(joint)], confidences[:, index(joint)] = 0, 0
    values = features(points, TIMES, confidences)
    for name in FEATURE_NAMES:
        needed, pooled = depends(name)
        if joint in needed:
            assert math.isnan(values[name]), name
        elif joint not in pooled:
            assert values[name] == complete[name], name
        elif "max" in name or name.startswith("box"):
            # It changes only if this joint was the outermost.
            assert math.isfinite(values[name]), name
        else:
            assert values[name] != complete[name], name
            assert math.isfinite(values[name]), name


def test_missing_legs_leave_other_features_unchanged() -> None:
    points, confidences = swaying(TIMES), all_visible(80)
    complete = features(points)
    confidences[:, [index(joint) for joint in PARTS["legs"]]] = 0
    values = features(points, TIMES, confidences)
    assert math.isnan(values["displacement_mean_legs"])
    # A share of the body's motion is not known unless all of the body is.
    assert all(math.isnan(values[f"displacement_share_{part}"]) for part in PARTS)
    for name in ("angle_right_elbow", "displacement_std_arms", "speed_max_overall", "rhythm_left_wrist_y"):
        assert values[name] == complete[name]


@given(
    st.integers(3, 12).flatmap(
        lambda n: st.tuples(
            arrays(np.float64, (n, 25, 2), elements=st.floats(allow_nan=False, allow_infinity=False)),
            arrays(np.float64, n, elements=st.floats(1e-9, 1e9), unique=True),
            arrays(np.float64, (n, 25), elements=st.sampled_from([0.0, 0.05, 0.1, 0.2, 1.0])),
        )
    )
)
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("error")
def test_no_feature_is_infinite_for_any_poses(session: Any) -> None:
    points, times, confidences = session
    values = features(points, np.sort(times), confidences)
    assert tuple(values) == FEATURE_NAMES
    assert all(type(value) is float and not math.isinf(value) for value in values.values())
    for name, value in values.items():
        low, high = (0, 180) if "angle" in name else (0, 1 + 1e-9) if "rhythm" in name or "share" in name else (0, None)
        if not math.isnan(value) and not name.startswith("body_height"):
            assert low <= value, name
            assert high is None or value <= high, name


def test_features_of_nobody_are_all_missing() -> None:
    assert all(math.isnan(value) for value in features(np.zeros((5, 25, 2)), TIMES[:5], np.zeros((5, 25))).values())


def test_track_has_the_features_of_its_poses() -> None:
    keypoints = np.dstack([swaying(TIMES), all_visible(80)]).astype(np.float32)
    track = Track(np.arange(80), TIMES, keypoints, size=(640, 480), fps=10.0)
    values = track_features(track).features
    assert values == session_features(keypoints[:, :, :2], TIMES, keypoints[:, :, 2])
    assert values == same(features(swaying(TIMES)), rel=1e-3, abs=1e-3)


def test_input_arrays_are_not_changed() -> None:
    points, times, confidences = swaying(TIMES), TIMES + 3, all_visible(80)
    before = [array.copy() for array in (points, times, confidences)]
    features(points, times, confidences)
    assert all(np.array_equal(*pair) for pair in zip(before, (points, times, confidences), strict=True))


def test_person_without_visible_hips_has_angles_only(shared_data: Callable[[str], Path]) -> None:
    files = sorted(shared_data("openpose").glob("*.json"))
    poses = np.stack([read_openpose(file.read_bytes()) for file in files])
    values = features(poses[:, :, :2], np.arange(len(poses)) / 25, poses[:, :, 2])
    known = {name for name, value in values.items() if not math.isnan(value)}
    assert known == {
        *("angle_right_shoulder", "angle_right_elbow", "angle_left_shoulder", "angle_left_elbow"),
        "box_height_to_width",
    }
    assert 20 < values["angle_right_elbow"] < 90


class TestRejection:
    @pytest.mark.parametrize("frames", [0, 1, 2])
    def test_fewer_than_three_poses_are_rejected(self, frames: int) -> None:
        with pytest.raises(ValueError, match=f"at least 3 poses; these are {frames}"):
            features(standing(frames), TIMES[:frames])

    @pytest.mark.parametrize(
        ("points", "times", "confidences"),
        [
            (np.zeros((5, 33, 2)), TIMES[:5], all_visible(5)),
            (np.zeros((5, 25, 3)), TIMES[:5], all_visible(5)),
            (np.zeros((5, 50)), TIMES[:5], all_visible(5)),
            (standing(5), TIMES[:4], all_visible(5)),
            (standing(5), TIMES[:5, None], all_visible(5)),
            (standing(5), 0.1, all_visible(5)),
            (standing(5), TIMES[:5], all_visible(5)[:, 0]),
        ],
    )
    def test_wrong_shapes_are_rejected(self, points: Any, times: Any, confidences: Any) -> None:
        with pytest.raises(ValueError, match=r"are \(n, 25, 2\), \(n,\) and \(n, 25\); these are"):
            session_features(points, times, confidences)

    @pytest.mark.parametrize(
        ("times", "reason"),
        [
            ([0, 0.1, 0.1, 0.2], "must rise; row 2 has 0.1 after 0.1"),
            ([0, 0.2, 0.1, 0.3], "must rise; row 2 has 0.1 after 0.2"),
            ([0, 0.1, math.nan, 0.3], "finite"),
            ([0, 0.1, 0.2, math.inf], "finite"),
        ],
    )
    def test_times_that_do_not_rise_are_rejected(self, times: list[float], reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            features(standing(4), times)

    def test_confidence_that_is_not_finite_is_rejected(self) -> None:
        confidences = all_visible(4)
        confidences[2, 3] = math.nan
        with pytest.raises(ValueError, match="finite"):
            features(standing(4), TIMES[:4], confidences)

    def test_visible_point_that_is_not_finite_is_rejected(self) -> None:
        points, confidences = standing(4), all_visible(4)
        points[2, index("left_knee")] = math.nan
        with pytest.raises(ValueError, match="left_knee of row 2"):
            features(points, TIMES[:4])
        confidences[2, index("left_knee")] = 0
        assert features(points, TIMES[:4], confidences)["angle_left_knee"] == pytest.approx(180)


def test_memory_of_a_long_session_is_a_few_times_that_of_its_poses() -> None:
    """At most 2,000 bytes for each pose, which is an array of 300 bytes: 140 MB for the two hours of a long video."""
    poses = 20_000
    times = np.arange(poses) / 10
    keypoints = np.dstack([swaying(times, 1), all_visible(poses)]).astype(np.float32)
    frames = np.arange(poses)
    long = Track(frames, times, keypoints, (1920, 1080), 10.0, frames, times)
    tracemalloc.start()
    try:
        track_features(long)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000 * poses
