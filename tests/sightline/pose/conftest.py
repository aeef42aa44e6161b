"""A filmed person, people in photos, and a person moved over a background on a known path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sightline.pose import JOINTS, Keypoints


@dataclass(frozen=True)
class Photo:
    """A photo of COCO with its labelled people."""

    rgb: NDArray[np.uint8]
    people: list[dict[str, Any]]


@dataclass(frozen=True)
class Labels:
    """A labelled person: points of shape (17, 2) in pixels, and their joints' indices in BODY_25."""

    points: NDArray[np.float64]
    labelled: NDArray[np.bool_]
    visible: NDArray[np.bool_]
    joints: list[int]


@dataclass(frozen=True)
class Walk:
    """A clip of a person moved over a background, with the known positions."""

    frames: list[NDArray[np.uint8]]
    times: NDArray[np.float64]
    positions: NDArray[np.float64]
    height: int


def labels_of(person: dict[str, Any], names: list[str]) -> Labels:
    table = np.array(person["keypoints"], float).reshape(-1, 3)
    return Labels(table[:, :2], table[:, 2] > 0, table[:, 2] == 2, [JOINTS.index(name) for name in names])


@pytest.fixture(scope="session")
def coco(shared_data: Callable[[str], Path]) -> dict[str, Any]:
    return json.loads(shared_data("people/test_coco.json").read_text())


@pytest.fixture(scope="session")
def point_names(coco: dict[str, Any]) -> list[str]:
    return coco["categories"][0]["keypoints"]


@pytest.fixture(scope="session")
def photos(coco: dict[str, Any], shared_data: Callable[[str], Path]) -> list[Photo]:
    """The photos with the people whose joints are labelled."""
    return [
        Photo(
            np.array(Image.open(shared_data(f"people/coco_{image['file_name']}")).convert("RGB")),
            [p for p in coco["annotations"] if p["image_id"] == image["id"] and p["num_keypoints"]],
        )
        for image in coco["images"]
    ]


@pytest.fixture(scope="session")
def skier(photos: list[Photo]) -> Photo:
    """The photo of one person, complete and from the front."""
    return next(photo for photo in photos if len(photo.people) == 1)


@pytest.fixture(scope="session")
def signing(shared_data: Callable[[str], Path]) -> list[tuple[NDArray[np.uint8], float]]:
    """The frames of a person signing, with their times: 58 of 540 by 720 pixels in 1.9 s."""
    with av.open(str(shared_data("video/signing_person.mp4"))) as container:
        return [(frame.to_ndarray(format="rgb24"), frame.time) for frame in container.decode(video=0)]


@pytest.fixture(scope="session")
def walk(skier: Photo) -> Callable[..., Walk]:
    """Make a clip of 640 by 360 pixels, 30 a second, with a little noise: ``walk(height, reach, period, seconds)``.

    A person of ``height`` pixels moves left and right by ``reach`` pixels, and slightly up and down.
    """
    left, top, width, height = (int(edge) for edge in skier.people[0]["bbox"])
    mask = Image.new("L", skier.rgb.shape[1::-1])
    for outline in skier.people[0]["segmentation"]:
        ImageDraw.Draw(mask).polygon(outline, fill=255)
    part = np.s_[top : top + height, left : left + width]
    cutout = np.dstack([skier.rgb[part], np.array(mask)[part]])

    def make(tall: int, reach: float, period: float, seconds: float) -> Walk:
        random = np.random.default_rng(0)
        backdrop = cv2.GaussianBlur(random.uniform(0, 255, (360, 640, 3)).astype(np.float32), (0, 0), 4)
        noise = random.normal(0, 4, (5, *backdrop.shape)).astype(np.float32)
        small = cv2.resize(cutout, None, fx=tall / height, fy=tall / height, interpolation=cv2.INTER_AREA)
        times = np.arange(round(seconds * 30)) / 30
        positions = np.stack(
            [
                320 - small.shape[1] / 2 + reach * np.sin(2 * np.pi * times / period),
                180 - tall / 2 + 0.03 * tall * np.sin(4 * np.pi * times),
            ],
            axis=1,
        )
        frames = []
        for i, position in enumerate(positions):
            shift = np.float32([[1, 0, position[0]], [0, 1, position[1]]])
            moved = cv2.warpAffine(small, shift, (640, 360))
            share = moved[..., 3:] / np.float32(255)
            image = backdrop * (1 - share) + moved[..., :3] * share + noise[i % len(noise)]
            frames.append(np.clip(image, 0, 255).astype(np.uint8))
        return Walk(frames, times, positions, tall)

    return make


@pytest.fixture
def person() -> Keypoints:
    """Artificial keypoints with distinct joints and unknown small toes."""
    keypoints = np.column_stack([np.arange(25) * 20.25 + 1, np.arange(25) ** 2 + 0.125, np.linspace(0.25, 1, 25)])
    keypoints[[JOINTS.index("left_small_toe"), JOINTS.index("right_small_toe")]] = 0
    return keypoints.astype(np.float32)


@pytest.fixture(scope="session")
def cutouts(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The people to compose are there; what is made of the real data is stored in a folder of the test run."""
    shared_data("people/test_coco.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGHTLINE_BENCH_CACHE", str(tmp_path_factory.mktemp("people")))
        yield


@pytest.fixture(scope="module")
def clips(cutouts: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder for staged clips."""
    return tmp_path_factory.mktemp("clips")
