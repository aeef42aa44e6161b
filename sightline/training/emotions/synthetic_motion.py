"""Made-up people who move as an emotion has them move, as the pose tracker would have seen them.

They are no measurements of anyone. Posture and movement differ between emotions by the table ``manners.toml``, between
people, and between a person's sessions; cameras, frame rates, noise and joints out of sight differ too.
"""

from __future__ import annotations

import tomllib
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.pose import JOINTS, Track

__all__ = ["EMOTIONS", "synthetic_track"]

EMOTIONS = ("happy", "sad", "angry", "surprised", "neutral")

_MANNERS = Path(__file__).with_name("manners.toml")
_BODY = {"shoulders": 0.75, "hips": 0.38, "upper_arm": 0.58, "forearm": 0.52, "thigh": 0.86, "shin": 0.82}
_CAMERAS = ((640, 480), (1280, 720), (1920, 1080))
_RATES = (24.0, 25.0, 30000 / 1001, 30.0)
_STRIDES = (2, 3, 5)  # of so many frames one is looked at
_SECONDS = (6.0, 14.0)
_NOISE = 0.004  # torso lengths, of each coordinate
_UNSEEN = 0.03  # of the frames show nobody
_CLOSE = 0.25  # of the sessions show the person without the legs
_LONGEST_BEND = 150.0  # degrees

Numbers = NDArray[np.float64]
Side = tuple[str, float]


@dataclass(frozen=True)
class _Person:
    """``manner``: the logarithms by which they move unlike others; ``right``: how much more the right arm does."""

    lengths: dict[str, float]
    manner: Numbers
    right: float


def synthetic_track(emotion: str, patient: str, number: int, *, separation: float = 1.0, seed: int = 42) -> Track:
    """The poses of one session; ``number`` tells a patient's sessions apart, in whatever emotion.

    The same patient has the same body and habits in each. ``separation`` says how far the emotions are from each
    other: 0 makes them all the same, 1 leaves a model much to learn and something to be wrong about, 2 makes it easy.
    The same arguments give the same track. Raises ``KeyError`` for an emotion that is none of :data:`EMOTIONS`.
    """
    owner = zlib.crc32(patient.encode())
    person, rng = _person(np.random.default_rng((seed, 0, owner))), np.random.default_rng((seed, 1, owner, number))
    rate, stride = rng.choice(_RATES), int(rng.choice(_STRIDES))
    seen = np.arange(0, rng.uniform(*_SECONDS) * rate, stride, dtype=np.int64)
    seen = seen[rng.random(len(seen)) >= _UNSEEN]
    times = seen / rate
    manner = _manner(emotion, person, separation, rng)
    points = _points(person, manner, times, rng)
    size = _CAMERAS[rng.integers(len(_CAMERAS))]
    keypoints = _filmed(points, size, rng)
    return Track(frames=seen, times=times, keypoints=keypoints, size=size, fps=float(rate / stride))


def _person(rng: np.random.Generator) -> _Person:
    lengths = {part: length * float(np.exp(rng.normal(0, 0.07))) for part, length in _BODY.items()}
    return _Person(lengths, rng.normal(0, _manners()["people"]), float(np.exp(rng.normal(0, 0.15))))


def _manner(emotion: str, person: _Person, separation: float, rng: np.random.Generator) -> dict[str, float]:
    manners = _manners()
    middle = np.mean([manners[name] for name in EMOTIONS], axis=0)
    logarithms = middle + separation * (manners[emotion] - middle) + person.manner + rng.normal(0, manners["sessions"])
    return dict(zip(_columns(), np.exp(logarithms).tolist(), strict=True))


def _points(person: _Person, manner: dict[str, float], times: Numbers, rng: np.random.Generator) -> Numbers:
    """The joints, shape = (n, 25, 2), in torso lengths from where the hips are on average; y points down.

    A joint that the estimator does not know is NaN.
    """

    def moving(tempo: float) -> Numbers:
        return _wave(times, tempo * manner["tempo"], rng)

    sway, length = manner["sway"], person.lengths
    hip = np.stack([sway * moving(0.5), 0.3 * sway * moving(1.0)], axis=-1)
    neck = hip + np.stack([0.5 * sway * moving(0.5), np.full(len(times), -1.0)], axis=-1)
    nose = neck + np.stack([0.6 * sway * moving(0.7), -manner["head"] + 0.3 * sway * moving(0.7)], axis=-1)
    found = {"nose": nose, "neck": neck, "mid_hip": hip}
    sides: tuple[Side, Side] = (("right", -1.0), ("left", 1.0))  # who faces the camera has the right on its left
    for side, out in sides:
        swing = manner["swing"] * (person.right if side == "right" else 1.0)
        arm = manner["arms"] + swing * moving(1.0)
        elbow = np.clip(manner["elbows"] + swing * moving(1.0), 0, _LONGEST_BEND)
        leg = manner["stance"] + 0.1 * swing * moving(0.5)
        shoulder = neck + np.array([out * length["shoulders"] * manner["open"] / 2, 0.05])
        found[f"{side}_shoulder"] = shoulder
        found[f"{side}_elbow"] = shoulder + length["upper_arm"] * _direction(arm, out)
        found[f"{side}_wrist"] = found[f"{side}_elbow"] + length["forearm"] * _direction(arm + elbow, out)
        found[f"{side}_hip"] = hip + np.array([out * length["hips"] / 2, 0.0])
        found[f"{side}_knee"] = found[f"{side}_hip"] + length["thigh"] * _direction(leg, out)
        found[f"{side}_ankle"] = found[f"{side}_knee"] + length["shin"] * _direction(0.3 * leg, out)
        found[f"{side}_heel"] = found[f"{side}_ankle"] + np.array([0.0, 0.06])
        found[f"{side}_big_toe"] = found[f"{side}_ankle"] + np.array([out * 0.1, 0.14])
        found[f"{side}_eye"] = nose + np.array([out * 0.07, -0.07])
        found[f"{side}_ear"] = nose + np.array([out * 0.15, -0.03])
    unknown = np.full((len(times), 2), np.nan)
    return np.stack([found.get(joint, unknown) for joint in JOINTS], axis=1)


def _direction(degrees: Numbers, out: float) -> Numbers:
    """Unit vectors at so many degrees from straight down, to the side ``out``; shape = (n, 2)."""
    angle = np.deg2rad(degrees)
    return np.stack([out * np.sin(angle), np.cos(angle)], axis=-1)


def _wave(times: Numbers, tempo: float, rng: np.random.Generator) -> Numbers:
    """A movement about 0 that goes to either side by about 1, ``tempo`` times a second, and never quite repeats."""
    tempos, phases = tempo * rng.uniform(0.7, 1.3, 3), rng.uniform(0, 2 * np.pi, 3)
    waves: Numbers = np.sin(2 * np.pi * times[:, None] * tempos + phases).sum(axis=1) / np.sqrt(3)
    return waves


def _filmed(points: Numbers, size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """What the tracker makes of the joints, shape = (n, 25, 3): pixels and confidence, (0, 0, 0) where it has none."""
    n, width, height = len(points), *size
    close = rng.random() < _CLOSE
    torso = height * (rng.uniform(0.33, 0.42) if close else rng.uniform(0.17, 0.23))
    hips = np.array([width * rng.uniform(0.35, 0.65), height * (rng.uniform(0.75, 0.85) if close else 0.5)])
    keypoints = np.zeros((n, len(JOINTS), 3))
    keypoints[:, :, :2] = hips + torso * (points + rng.normal(0, _NOISE, points.shape))
    inside = (keypoints[:, :, :2] >= 0).all(axis=2) & (keypoints[:, :, :2] < [width, height]).all(axis=2)
    # A joint beyond the picture's edge has a place all the same, and nobody should believe in it.
    keypoints[:, :, 2] = np.where(inside, rng.uniform(0.75, 1.0, inside.shape), rng.uniform(0.0, 0.09, inside.shape))
    for joint in rng.choice(len(JOINTS), rng.integers(0, 4), replace=False):
        start = rng.integers(n)
        keypoints[start : start + rng.integers(1, n // 2), joint] = np.nan  # something is in front of it
    keypoints[np.isnan(keypoints).any(axis=2)] = 0
    return keypoints.astype(np.float32)


@cache
def _table() -> dict[str, dict[str, list[float]]]:
    return tomllib.loads(_MANNERS.read_text(encoding="utf-8"))


def _columns() -> list[str]:
    return list(_table()["columns"])


@cache
def _manners() -> dict[str, Numbers]:
    """The logarithms of each emotion's numbers, and what they differ by between ``people`` and between ``sessions``."""
    table = _table()
    emotions = {name: np.log(row) for name, row in table["emotions"].items()}
    return emotions | {name: np.array(row) for name, row in table["spread"].items()}
