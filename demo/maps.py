"""Synthetic pressure maps to classify: most are ordinary, some are ambiguous, and some files are invalid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from demo.files import encode_jpeg, write_folder
from sightline.training.images import POSTURES
from sightline.training.images.synthetic import pressure_map

__all__ = ["MODEL", "build_maps", "jpeg"]

MODEL = "drawn-posture"
"""The model of the demonstration, which is trained on synthetic maps; the one that comes with sightline is not."""

_ORDINARY = 27
_PEOPLE = 9
_TURNING = (("left", "supine"), ("supine", "right"), ("right", "prone"), ("prone", "left"))
_DEAD_ROWS = (("supine", slice(0, 74)), ("left", slice(66, None)))  # the rows of dead sensors


def build_maps(folder: Path, *, seed: int) -> Path:
    """Write the maps to the new ``folder``; the file names describe the contents.

    Use another ``seed`` than the training set, so that the people differ. Ambiguous maps show a person between two
    postures, a mattress with half of its sensors dead, or noise.
    """
    files: dict[str, bytes] = {}
    for number in range(_ORDINARY):
        posture, person = POSTURES[number % len(POSTURES)], number % _PEOPLE
        files[f"{posture}-s{person + 1:02d}-{number + 1:02d}.jpg"] = jpeg(
            pressure_map(posture, person, number, seed=seed)
        )
    for number, (before, after) in enumerate(_TURNING):
        poses = [pressure_map(posture, number, 100 + number, seed=seed) for posture in (before, after)]
        files[f"turning-{before}-{after}.jpg"] = jpeg(np.mean(poses, axis=0))
    for number, (posture, rows) in enumerate(_DEAD_ROWS):
        pressure = pressure_map(posture, number, 200 + number, seed=seed)
        pressure[rows] = 0
        files[f"half-dead-{posture}.jpg"] = jpeg(pressure)
    noise = np.random.default_rng(seed).normal(0.25, 0.25, (130, 58))
    files["noisy-prone.jpg"] = jpeg(0.5 * pressure_map("prone", 0, 300, seed=seed) + noise)
    complete = jpeg(pressure_map("right", 1, 400, seed=seed))
    files |= {"broken-empty.jpg": b"", "broken-half.jpg": complete[: len(complete) // 2]}
    files["broken-text.png"] = b"A text file named .png\n"

    return write_folder(folder, files)


def jpeg(pressure: Any) -> bytes:
    """Return a pressure map (values from 0 to 1) as a JPEG in the colours of the mattress's own images."""
    from matplotlib import colormaps

    return encode_jpeg(colormaps["jet"](pressure.clip(0, 1), bytes=True)[..., :3], quality=90)
