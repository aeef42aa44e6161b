"""People to compose: a drawn figure, and the photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks._people.cutouts import CutOut, Picture
from sightline.pose import JOINTS


@pytest.fixture
def figure() -> CutOut:
    """A rectangle, 40 wide and 100 high, without a margin; a few joints of it are labelled."""
    rgba = np.full((100, 40, 4), 255, np.uint8)
    joints = np.zeros((len(JOINTS), 3))
    for name, x, y in (
        ("nose", 20, 8),
        ("left_shoulder", 32, 20),
        ("right_shoulder", 8, 20),
        ("left_hip", 28, 55),
        ("right_hip", 12, 55),
        ("left_ankle", 28, 95),
        ("right_ankle", 12, 95),
    ):
        joints[JOINTS.index(name)] = x, y, 1
    return CutOut("figure", (Picture(rgba, joints),), 1.0, 1.7, 1000, "hand")


@pytest.fixture(scope="session")
def photos(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The real data is there; what is made of it is stored in a folder of the test run."""
    shared_data("people/test_coco.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGHTLINE_BENCH_CACHE", str(tmp_path_factory.mktemp("people")))
        yield
