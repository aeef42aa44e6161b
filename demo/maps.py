"""Pressure maps to classify, made up like the ones the demo trains on: most plain, some hard, some broken."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from sightline.training import POSTURES
from sightline.training.synthetic import pressure_map

__all__ = ["build_maps", "jpeg"]

_PLAIN = 27
_PEOPLE = 9
_TURNING = (("left", "supine"), ("supine", "right"), ("right", "prone"), ("prone", "left"))
_DEAD = (("supine", slice(0, 74)), ("left", slice(66, None)))  # the rows without a reading


def build_maps(folder: Path, *, seed: int) -> Path:
    """Fill ``folder``, which must not be there yet, and tell by each file's name what it is.

    Another ``seed`` than that of the training set makes other people. Hard are a person seen half in one posture and
    half in the next, a mattress of which half the sensors are dead, and one with a noisy cable.
    """
    files: dict[str, bytes] = {}
    for number in range(_PLAIN):
        posture, person = POSTURES[number % len(POSTURES)], number % _PEOPLE
        files[f"{posture}-s{person + 1:02d}-{number + 1:02d}.jpg"] = jpeg(
            pressure_map(posture, person, number, seed=seed)
        )
    for number, (before, after) in enumerate(_TURNING):
        poses = [pressure_map(posture, number, 100 + number, seed=seed) for posture in (before, after)]
        files[f"turning-{before}-{after}.jpg"] = jpeg(np.mean(poses, axis=0))
    for number, (posture, rows) in enumerate(_DEAD):
        pressure = pressure_map(posture, number, 200 + number, seed=seed)
        pressure[rows] = 0
        files[f"half-dead-{posture}.jpg"] = jpeg(pressure)
    noise = np.random.default_rng(seed).normal(0.25, 0.25, (130, 58))
    files["noisy-prone.jpg"] = jpeg(0.5 * pressure_map("prone", 0, 300, seed=seed) + noise)
    whole = jpeg(pressure_map("right", 1, 400, seed=seed))
    files |= {"broken-empty.jpg": b"", "broken-half.jpg": whole[: len(whole) // 2]}
    files["broken-text.png"] = b"A text that somebody named .png\n"

    made = folder.with_name(f"{folder.name}.part")
    made.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (made / name).write_bytes(data)
    return made.rename(folder)


def jpeg(pressure: Any) -> bytes:
    """A pressure map, from 0 to 1, in the colours of the mattress's own pictures."""
    from matplotlib import colormaps
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(colormaps["jet"](pressure.clip(0, 1), bytes=True)[..., :3]).save(file, "JPEG", quality=90)
    return file.getvalue()
