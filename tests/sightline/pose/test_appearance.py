"""The appearance of a person is that of their clothes, whatever their place, size, side and light."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

from sightline.pose import JOINTS, Appearance, Keypoints, detect_pose
from sightline.pose.appearance import appearance_of
from tests.figures import BLUE, GREEN, GREY, RED, dressed, figure, look

from .conftest import Photo

SAME, OTHER = 4.0, 10.0
"""The largest difference of one person in one video, and the smallest of two people in different clothes."""

Shot = tuple[NDArray[np.uint8], Keypoints]
PICTURE, JOINTS_OF_PICTURE = dressed(RED), figure(100, 20, 260)
SIDES = {"left": "right", "right": "left"}
MIRRORED = [JOINTS.index("_".join(SIDES.get(word, word) for word in name.split("_"))) for name in JOINTS]


@pytest.fixture(scope="module")
def shots(skier: Photo, signing: list[tuple[NDArray[np.uint8], float]]) -> list[Shot]:
    """Three real people in different clothes."""
    found = [(rgb, detect_pose(rgb)) for rgb in (skier.rgb, signing[20][0], data.astronaut())]
    assert all(keypoints is not None for _, keypoints in found)
    return [(rgb, keypoints) for rgb, keypoints in found if keypoints is not None]


def resized(rgb: NDArray[np.uint8], keypoints: Keypoints, scale: float) -> Shot:
    picture = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(picture, np.uint8), keypoints * np.array([scale, scale, 1], np.float32)


def flipped(rgb: NDArray[np.uint8], keypoints: Keypoints) -> Shot:
    points = keypoints[MIRRORED].copy()
    points[:, 0] = rgb.shape[1] - 1 - points[:, 0]
    return np.ascontiguousarray(rgb[:, ::-1]), points


def noisy(rgb: NDArray[np.uint8], keypoints: Keypoints) -> Shot:
    noise = np.random.default_rng(1).normal(0, 5, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8), keypoints


def lit(rgb: NDArray[np.uint8], keypoints: Keypoints, gain: float) -> Shot:
    return np.clip(rgb * gain, 0, 255).astype(np.uint8), keypoints


class TestRealPeople:
    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda *shot: resized(*shot, 0.5), id="half the size"),
            pytest.param(lambda *shot: resized(*shot, 2.0), id="twice the size"),
            pytest.param(flipped, id="mirrored"),
            pytest.param(noisy, id="noise"),
            pytest.param(lambda *shot: lit(*shot, 0.85), id="darker"),
            pytest.param(lambda *shot: lit(*shot, 1.15), id="lighter"),
        ],
    )
    def test_appearance_does_not_depend_on_the_recording(self, shots: list[Shot], change: object) -> None:
        assert callable(change)
        for shot in shots:
            before, after = appearance_of(*shot), appearance_of(*change(*shot))
            assert before.difference(after) < SAME

    def test_other_clothes_differ_more(self, shots: list[Shot]) -> None:
        looks = [appearance_of(*shot) for shot in shots]
        assert min(looks[i].difference(looks[j]) for i in range(len(looks)) for j in range(i)) > OTHER


class TestDifference:
    def test_same_clothes_do_not_differ(self) -> None:
        assert look(RED).difference(look(RED)) == 0

    def test_difference_grows_with_the_parts_that_differ(self) -> None:
        shirt, all_clothes = (look(RED).difference(other) for other in (look(BLUE), look(BLUE, GREEN)))
        assert OTHER < shirt < all_clothes

    def test_difference_has_no_direction(self) -> None:
        assert look(RED).difference(look(GREEN)) == look(GREEN).difference(look(RED))

    def test_nothing_known_gives_nan(self) -> None:
        unknown = Appearance.unknown()
        assert not unknown.is_known
        assert np.isnan(
            [unknown.difference(unknown), unknown.difference(look(RED)), look(RED).difference(unknown)]
        ).all()

    def test_no_common_part_gives_nan(self) -> None:
        head, thighs = (JOINTS_OF_PICTURE.copy() for _ in range(2))
        for keypoints, seen in ((head, ("nose", "shoulder")), (thighs, ("shoulder", "hip", "knee"))):
            keypoints[[index for index, name in enumerate(JOINTS) if not name.endswith(seen)], 2] = 0
        above, below = appearance_of(PICTURE, head), appearance_of(PICTURE, thighs)
        assert above.is_known
        assert below.is_known
        assert np.isnan(above.difference(below))


class TestSampling:
    @pytest.mark.parametrize("move", [(-900, 0), (900, 0), (0, -900), (0, 900)])
    def test_person_outside_the_frame_has_no_colours(self, move: tuple[int, int]) -> None:
        outside = JOINTS_OF_PICTURE + np.array([*move, 0], np.float32)
        assert not appearance_of(PICTURE, outside).is_known

    def test_joints_that_are_not_seen_do_not_count(self) -> None:
        assert not appearance_of(PICTURE, figure(100, 20, 260, confidence=0.4)).is_known

    @given(st.integers(0, 2**32 - 1), st.floats(1, 10_000))
    def test_any_joints_give_distributions(self, seed: int, spread: float) -> None:
        random = np.random.default_rng(seed)
        keypoints = random.normal(100, spread, (25, 3)).astype(np.float32)
        keypoints[:, 2] = random.random(25)
        found = appearance_of(PICTURE, keypoints)
        known = found.colours[found.weights > 0]
        assert np.isin(found.weights, (0, 1)).all()
        assert (np.diff(known, axis=2) >= -1e-6).all()
        assert known[..., -1] == pytest.approx(np.ones(known.shape[:2]), abs=1e-5)

    def test_limb_without_length_is_left_out(self) -> None:
        keypoints = np.full((25, 3), 100, np.float32)
        assert appearance_of(PICTURE, keypoints).weights[1:5].tolist() == [0, 0, 0, 0]


class TestMerging:
    def test_mean_is_weighted_by_the_number_of_samples(self) -> None:
        red, blue = look(RED), look(BLUE)
        merged = red.merged(red).merged(red).merged(blue)
        assert merged.weights.tolist() == [4.0] * 6
        assert merged.difference(red) == pytest.approx(red.difference(blue) / 4, rel=1e-3)

    def test_limit_makes_recent_colours_count_more(self) -> None:
        old, new = look(RED), look(BLUE)
        for _ in range(100):
            old = old.merged(look(RED), most=4)
        assert old.weights.max() == 5
        for _ in range(12):
            old = old.merged(new, most=4)
        assert old.difference(new) < 0.1 * look(RED).difference(new)

    def test_unknown_changes_nothing(self) -> None:
        for merged in (look(RED).merged(Appearance.unknown()), Appearance.unknown().merged(look(RED))):
            assert merged.difference(look(RED)) == 0
            assert merged.weights.tolist() == look(RED).weights.tolist()


class TestNumbers:
    @pytest.mark.parametrize("appearance", [look(RED), look(GREY).merged(look(BLUE)), Appearance.unknown()])
    def test_round_trip(self, appearance: Appearance) -> None:
        numbers = appearance.to_numbers()
        again = Appearance.from_numbers(numbers)
        assert again.to_numbers() == numbers
        assert again.weights.tolist() == appearance.weights.tolist()
        assert again.colours == pytest.approx(appearance.colours, abs=1e-4)

    @pytest.mark.parametrize("count", [0, 221, 223])
    def test_other_count_is_rejected(self, count: int) -> None:
        with pytest.raises(ValueError, match=f"222 numbers, not {count}"):
            Appearance.from_numbers((0.5,) * count)
