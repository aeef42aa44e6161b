"""Real pressure maps, sent as arrays, are classified as well as their pictures."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from sightline.beds import Bed, BedStore, Mat, read_new_frames
from sightline.beds.judging import judge_with
from sightline.registry import Registry
from sightline.vision import Limits, load_classifier
from tests.beds import MINUTE, NOON, make_old, write_bed
from tests.conftest import SHARED_DATA

MAPS = SHARED_DATA / "pressure-maps"
SENSORS = """
[mat]
rows = 65
columns = 29
range = [0, 4095]
head = "first row"
left = "first column"
empty_below = 15
"""
pytestmark = pytest.mark.skipif(not MAPS.is_dir(), reason="the pressure maps are not on this machine")


def chosen(every: int) -> list[Path]:
    return sorted(MAPS.glob("*.jpg"))[::every]


def values_of(file: Path) -> NDArray[np.float64]:
    """Return the values of a map, one per sensor, from 0 to 1, by the colours of its picture."""
    table = colormaps["jet"](np.arange(256), bytes=True)[:, :3].astype(float)
    colours = np.asarray(Image.open(file).convert("RGB"), dtype=float).reshape(65, 2, 29, 2, 3).mean((1, 3))
    return ((colours[..., None, :] - table) ** 2).sum(-1).argmin(-1) / 255


def classified(bed: Bed, tmp_path: Path) -> list[str]:
    classifier = load_classifier(Registry(tmp_path / "models"), "posture", device="cpu")
    judge = judge_with(classifier, classifier.threshold, Limits())
    read_new_frames(bed, judge, lambda: NOON + timedelta(days=2), "a test")
    return [sample.state for sample in BedStore(bed).samples(NOON, NOON + timedelta(days=1))]


@pytest.mark.parametrize("full_scale", [4095, 1200])
def test_arrays_are_classified_as_well_as_pictures(tmp_path: Path, full_scale: float) -> None:
    """Also if the load reaches only a part of the mat's range."""
    maps = chosen(24)
    pictures, arrays = write_bed(tmp_path, mat="", name="pictures"), write_bed(tmp_path, SENSORS, name="arrays")
    for number, file in enumerate(maps):
        name = f"{NOON + number * MINUTE:%Y-%m-%dT%H-%M-%SZ}"
        (pictures.folder / "frames" / f"{name}.jpg").write_bytes(file.read_bytes())
        values = np.round(values_of(file) * full_scale)
        target = arrays.folder / "frames" / f"{name}.{('csv', 'npy', 'png')[number % 3]}"
        content = io.BytesIO()
        if target.suffix == ".csv":
            np.savetxt(content, values, delimiter=";", fmt="%d")
        elif target.suffix == ".npy":
            np.save(content, values.astype(np.uint16))
        else:
            Image.fromarray(values.astype(np.uint16)).save(content, "PNG")
        target.write_bytes(content.getvalue())
        for written in (target, pictures.folder / "frames" / f"{name}.jpg"):
            make_old(written)
    truth = [file.name.partition("_")[0] for file in maps]
    as_pictures, as_arrays = classified(pictures, tmp_path), classified(arrays, tmp_path)
    for states in (as_pictures, as_arrays):
        known = [(state, true) for state, true in zip(states, truth, strict=True) if state != "unsure"]
        assert all(state == true for state, true in known)
        print(f"{len(known)} of {len(truth)} accepted, all right")
    assert as_pictures.count("unsure") <= 0.03 * len(truth)
    assert as_arrays.count("unsure") <= 0.06 * len(truth)


def test_mirrored_array_is_the_other_side() -> None:
    values = values_of(next(iter(MAPS.glob("left_*.jpg"))))
    stated = {"rows": 65, "columns": 29, "range": (0, 1), "head": "first row", "empty_below": 0.01}
    one, other = (Mat.model_validate({**stated, "left": f"{edge} column"}) for edge in ("first", "last"))
    assert one.picture(values) == other.picture(values[:, ::-1])
    assert one.picture(values) != other.picture(values)


def test_empty_bed_is_out_of_bed() -> None:
    stated = {"rows": 65, "columns": 29, "range": (0, 4095), "head": "first row", "left": "first column"}
    mat = Mat.model_validate({**stated, "empty_below": 60})
    assert mat.is_empty(np.random.default_rng(0).uniform(0, 80, (65, 29)))
    assert not any(mat.is_empty(values_of(file) * 4095) for file in chosen(40))
