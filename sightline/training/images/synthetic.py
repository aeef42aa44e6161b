"""Synthetic pressure maps of a bed, for demonstrations and for machines without real ones.

They have the size, colours and proportions of real ones, but are not measurements: their names contain "synthetic",
and the record of a model that was trained on them states it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline import storage
from sightline.errors import InvalidSetting
from sightline.progress import Progress
from sightline.storage import Location
from sightline.vision.pressure import heat_map

__all__ = ["POSTURES", "bodies", "pressure_map", "synthesize_pressure_maps"]

POSTURES = ("left", "right", "supine", "outofbed", "prone")

_BODIES = Path(__file__).with_name("bodies.toml")
_WIDTH, _HEIGHT = 29, 65  # the sensors of the mattress; a map has two pixels per sensor and axis
_SCALE = 2
_HIPS = 0.53  # the parts of a body below this height are legs

Pressure = NDArray[np.float64]


@dataclass(frozen=True)
class _Person:
    """``length`` in sensors; ``breadth`` and ``weight`` are factors of the body in the table."""

    length: float
    breadth: float
    weight: float


def synthesize_pressure_maps(
    folder: Location, count: int = 600, *, people: int = 10, seed: int = 42, progress: Progress | None = None
) -> list[Location]:
    """Write ``count`` maps into ``folder`` as JPEG files, cycling through postures and people, and return the files.

    The name of a map contains its posture and its person: ``left_synthetic-s01_0001.jpg``. The same seed gives the same
    maps, and a higher count starts with the same maps. Raises :class:`InvalidSetting` if a number is below 1.
    """
    if count < 1 or people < 1:
        raise InvalidSetting(f"{count} maps of {people} people are impossible. Set both numbers to at least 1")
    files = []
    for number in range(count):
        posture, person = POSTURES[number % len(POSTURES)], number // len(POSTURES) % people
        file = folder / f"{posture}_synthetic-s{person + 1:02d}_{number + 1:04d}.jpg"
        storage.write_bytes(file, heat_map(pressure_map(posture, person, number, seed=seed)))
        files.append(file)
        if progress:
            progress(len(files) / count)
    return files


def pressure_map(posture: str, person: int, number: int, *, seed: int) -> Pressure:
    """Return one map, shape = (130, 58), from 0, no pressure, to 1. ``number`` is part of the random seed."""
    rng = np.random.default_rng((seed, 1, number))
    pressure = _empty_bed(rng) if posture == "outofbed" else _body(posture, _person(person, seed), rng)
    # The readings of neighbouring sensors differ, and more so under load.
    grain = 1 + 0.35 * rng.standard_normal(pressure.shape)
    readings = np.clip(pressure * grain + np.abs(0.012 * rng.standard_normal(pressure.shape)), 0, 1)
    return _enlarged(readings)


def _person(number: int, seed: int) -> _Person:
    rng = np.random.default_rng((seed, 0, number))
    return _Person(rng.uniform(54, 65), rng.uniform(0.85, 1.2), rng.uniform(0.75, 1.2))


def _body(posture: str, person: _Person, rng: np.random.Generator) -> Pressure:
    mirrored = posture == "right"
    strokes = bodies()["left" if mirrored else posture].copy()
    strokes[:, :4] += rng.normal(0, 0.008, (len(strokes), 4))
    below = strokes[:, [1, 3]] > _HIPS
    strokes[:, [0, 2]] *= np.where(below, rng.uniform(0.6, 1.25), 1)  # legs bend, or spread, more or less
    strokes[:, 4] *= person.breadth * rng.uniform(0.9, 1.15, len(strokes))
    strokes[:, 5] *= person.weight * rng.uniform(0.65, 1.3, len(strokes)) * rng.uniform(0.85, 1.15)
    if mirrored:
        strokes[:, [0, 2]] *= -1
    angle = np.deg2rad(rng.normal(0, 2.5))
    centre = np.array([_WIDTH / 2 + rng.normal(0, 1.3), _HEIGHT / 2 + rng.normal(0, 1.0)])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    ends = strokes[:, :4].reshape(-1, 2, 2) - [0, 0.5]
    ends[:, :, 0] *= person.breadth
    return _painted(centre + person.length * ends @ turn.T, strokes[:, 4] * person.length, strokes[:, 5])


def _empty_bed(rng: np.random.Generator) -> Pressure:
    """Draw an empty bed, with up to two light and flat objects such as a pillow or a blanket."""
    pressure = np.zeros((_HEIGHT, _WIDTH))
    for _ in range(rng.integers(0, 3)):
        start = rng.uniform((2, 2), (_WIDTH - 2, _HEIGHT - 2))
        ends = np.stack([start, start + rng.normal(0, 5, 2)])
        pressure += _painted(ends[None], rng.uniform(1.5, 4, 1), rng.uniform(0.02, 0.12, 1))
    return pressure


def _painted(ends: Pressure, widths: Pressure, pressures: Pressure) -> Pressure:
    """Draw strokes: the sum of their pressures, which fall as a Gaussian with the distance from the stroke.

    ``ends``, shape = (strokes, 2, 2), are points (x, y), and ``widths`` are in sensors.
    """
    rows, columns = np.mgrid[:_HEIGHT, :_WIDTH]
    points = np.stack([columns, rows], axis=-1)[None].astype(float)
    start, along = ends[:, 0, None, None], (ends[:, 1] - ends[:, 0])[:, None, None]
    length = np.maximum((along**2).sum(-1), 1e-9)
    place = np.clip(((points - start) * along).sum(-1) / length, 0, 1)
    distance = np.linalg.norm(points - start - place[..., None] * along, axis=-1)
    strokes = pressures[:, None, None] * np.exp(-((distance / widths[:, None, None]) ** 2) / 2)
    total: Pressure = strokes.sum(axis=0)
    return total


def _enlarged(readings: Pressure) -> Pressure:
    from PIL import Image

    size = (_WIDTH * _SCALE, _HEIGHT * _SCALE)
    enlarged = Image.fromarray(readings.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(enlarged, dtype=np.float64)


@cache
def bodies() -> dict[str, Pressure]:
    """Return the strokes of every posture, shape = (strokes, 6): see the table in bodies.toml."""
    return {name: np.array(rows) for name, rows in tomllib.loads(_BODIES.read_text(encoding="utf-8")).items()}
