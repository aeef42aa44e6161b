"""Pressure mats: what they cannot have measured, and the pictures of what they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.beds import FrameInvalid, InvalidBed, Mat
from tests.beds import MAT, body, write_bed


def mat(**changes: object) -> Mat:
    stated = {"rows": 16, "columns": 8, "range": (0, 4095), "head": "first row", "left": "first column"}
    return Mat.model_validate({**stated, "empty_below": 40, **changes})


@pytest.mark.parametrize(
    ("head", "left", "deliver"),
    [
        ("first row", "first column", lambda values: values),
        ("last row", "first column", lambda values: values[::-1]),
        ("first row", "last column", lambda values: values[:, ::-1]),
        ("first column", "first row", lambda values: values.T),
        ("last column", "last row", lambda values: values[::-1, ::-1].T),
    ],
)
def test_all_orientations_give_the_same_picture(head: str, left: str, deliver) -> None:
    delivered = deliver(body("left"))
    turned = mat(head=head, left=left, rows=delivered.shape[0], columns=delivered.shape[1])
    assert turned.picture(delivered) == mat().picture(body("left"))


def test_picture_does_not_depend_on_unit_and_weight() -> None:
    values = body("left")
    assert mat(range=(0, 1), empty_below=0.01).picture(values / 4095) == mat().picture(values)
    assert mat(range=(0, 65535)).picture(values) == mat().picture(values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((8, 16)), "8 x 16 values, and the mat 16 x 8"),
        (np.full((16, 8), 7.0), "zero_when_empty"),
        (body("left") + 3000, "range is 0 to 4095"),
        (body("left") - 100, "range is 0 to 4095"),
        (np.where(np.arange(128).reshape(16, 8) == 9, np.nan, 50.0), "row 2, column 2 is no number"),
    ],
)
def test_impossible_frames_are_refused_with_the_fix(values: np.ndarray, said: str) -> None:
    with pytest.raises(FrameInvalid, match=said):
        mat().check(values)


def test_zeros_are_an_empty_bed_only_if_stated() -> None:
    values = np.zeros((16, 8))
    with pytest.raises(FrameInvalid):
        mat().check(values)
    mat(zero_when_empty=True).check(values)
    assert mat(zero_when_empty=True).is_empty(values)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("range = [0, 4095]", "mat.range"),
        ("empty_below = 40", "mat.empty_below"),
        ('head = "first row"', "mat.head"),
        ('left = "first column"', "mat.left"),
    ],
)
def test_missing_entries_are_named_with_the_fix(tmp_path: Path, line: str, place: str) -> None:
    with pytest.raises(InvalidBed, match=rf"{place}: field required.* [Ss]tate"):
        write_bed(tmp_path, MAT.replace(line, ""))


def test_time_zone_must_be_stated(tmp_path: Path) -> None:
    with pytest.raises(InvalidBed, match="time_zone"):
        write_bed(tmp_path, time_zone="Berlin")
