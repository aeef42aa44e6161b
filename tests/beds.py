"""Beds with a small mat, frames with a body on one side, and a judge that sees the side."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.beds import Bed, BedStore, JudgedFrame, read_bed

__all__ = ["MAT", "MINUTE", "NOON", "body", "csv_row", "judge_side", "make_old", "states", "write_bed", "write_frame"]

NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MAT = """
[mat]
rows = 16
columns = 8
range = [0, 4095]
head = "first row"
left = "first column"
empty_below = 40
"""


def write_bed(root: Path, mat: str = MAT, name: str = "bed-7", **stated: object) -> Bed:
    """Write a bed's file and return the bed."""
    stated = {"patient": "ana", "time_zone": "UTC", **stated}
    lines = [f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in stated.items()]
    folder = root / name
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    (folder / "bed.toml").write_text("\n".join(lines) + "\n" + mat, "utf-8")
    return read_bed(root, name)


def body(side: str, minute: int = 0) -> NDArray[np.float64]:
    """Return a frame of the small mat, with noise that differs from minute to minute."""
    values = np.random.default_rng(minute).integers(0, 30, (16, 8)).astype(float)
    if side == "left":
        values[4:12, :4] += 2000
    elif side == "right":
        values[4:12, 4:] += 2000
    return values


def write_frame(bed: Bed, at: datetime, side: str, suffix: str = ".csv", age: float = 3600) -> Path:
    """Write the frame of a minute, as a file that was last changed ``age`` seconds ago."""
    values = body(side, int(at.timestamp()) // 60)
    file = bed.folder / "frames" / f"{at:%Y-%m-%dT%H-%M-%SZ}{suffix}"
    content = io.BytesIO()
    if suffix == ".csv":
        np.savetxt(content, values, delimiter=",", fmt="%g")
    elif suffix == ".npy":
        np.save(content, values)
    else:
        Image.fromarray(values.astype(np.uint16)).save(content, "PNG")
    file.write_bytes(content.getvalue())
    make_old(file, age)
    return file


def make_old(file: Path, age: float = 3600) -> None:
    """Set the time of a file's last change to ``age`` seconds before :data:`NOON` of two days later."""
    changed = (NOON + timedelta(days=2)).timestamp() - age
    os.utime(file, (changed, changed))


def csv_row(at: str, side: str, minute: int = 0) -> str:
    """Return a line with a time and the values of a frame."""
    return ",".join([at, *(f"{value:g}" for value in body(side, minute).ravel())])


def judge_side(pictures: Sequence[bytes]) -> list[JudgedFrame]:
    """Return the side of each picture that is not dark blue."""
    judged = []
    for picture in pictures:
        green = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), dtype=float)[..., 1]
        width = green.shape[1] // 2
        judged.append(JudgedFrame(state="left" if green[:, :width].sum() > green[:, width:].sum() else "right"))
    return judged


def states(bed: Bed) -> list[str]:
    """Return the states of all stored frames, in their order."""
    return [sample.state for sample in BedStore(bed).samples(NOON - timedelta(days=3), NOON + timedelta(days=3))]
