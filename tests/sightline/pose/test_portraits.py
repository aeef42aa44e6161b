"""The picture of a person is the best one: large, certain, and without others in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sightline.pose.portraits import Portraits
from tests.figures import person

SIZE = (480, 640)


def painted(level: int) -> NDArray[np.uint8]:
    return np.full((*SIZE, 3), level, np.uint8)


def level_of(picture: Path) -> int:
    with Image.open(picture) as image:
        return round(float(np.asarray(image).mean()))


def test_best_picture_is_kept(tmp_path: Path) -> None:
    portraits = Portraits()
    portraits.look(painted(50), {1: person(200, height=200)})
    portraits.look(painted(100), {1: person(200, height=300)})
    portraits.look(painted(150), {1: person(200, height=300)})
    portraits.look(painted(200), {1: person(200, height=300, presence=0.6)})
    (picture,) = portraits.write({1: [1]}, tmp_path).values()
    assert level_of(picture) == pytest.approx(100, abs=2)


def test_picture_without_others_is_better_than_a_larger_one(tmp_path: Path) -> None:
    portraits = Portraits()
    portraits.look(painted(50), {1: person(200, height=300), 2: person(260, height=300)})
    portraits.look(painted(100), {1: person(200, height=200)})
    portraits.look(painted(150), {1: person(200, height=300), 2: person(260, height=300)})
    files = portraits.write({1: [1], 2: [2]}, tmp_path)
    assert level_of(files[1]) == pytest.approx(100, abs=2)
    assert level_of(files[2]) == pytest.approx(50, abs=2)


def test_person_has_the_best_picture_of_all_their_pieces(tmp_path: Path) -> None:
    portraits = Portraits()
    for level, number, height in ((50, 4, 150), (100, 7, 300), (150, 9, 200)):
        portraits.look(painted(level), {number: person(200, height=height)})
    files = portraits.write({1: [4, 7, 9], 2: [8]}, tmp_path / "people")
    assert [path.name for path in files.values()] == ["person_1.jpg"]
    assert level_of(files[1]) == pytest.approx(100, abs=2)


def test_picture_is_cut_from_the_frame_and_kept_when_the_frame_changes(tmp_path: Path) -> None:
    rgb = painted(40)
    rgb[40:280, 150:250] = 200
    portraits = Portraits()
    portraits.look(rgb, {1: person(200, top=40, height=240)})
    rgb[:] = 0
    with Image.open(portraits.write({1: [1]}, tmp_path)[1]) as image:
        picture = np.asarray(image)
    assert 240 < picture.shape[0] < 330
    assert picture[picture.shape[0] // 2, picture.shape[1] // 2].mean() == pytest.approx(200, abs=4)
    assert picture.mean() > 60


def test_large_picture_is_reduced(tmp_path: Path) -> None:
    portraits = Portraits()
    portraits.look(np.full((2000, 1500, 3), 90, np.uint8), {1: person(700, 100, 1500)})
    with Image.open(portraits.write({1: [1]}, tmp_path)[1]) as image:
        assert image.format == "JPEG"
        assert image.height == 360
        assert 100 < image.width < 360


@pytest.mark.parametrize("place", [(-900, 40), (2000, 40), (200, -900), (200, 2000)])
def test_person_outside_the_frame_has_no_picture(tmp_path: Path, place: tuple[int, int]) -> None:
    portraits = Portraits()
    portraits.look(painted(50), {1: person(*place)})
    assert portraits.write({1: [1]}, tmp_path) == {}


def test_person_of_whom_nothing_is_seen_has_no_picture(tmp_path: Path) -> None:
    guessed = person()
    guessed.keypoints[:, 2] = 0.3
    portraits = Portraits()
    portraits.look(painted(50), {1: guessed})
    assert portraits.write({1: [1]}, tmp_path) == {}
