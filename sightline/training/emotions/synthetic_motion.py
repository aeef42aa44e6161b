"""Synthetic pose tracks of people whose posture and movement depend on an emotion.

They are not measurements. Posture and movement vary between emotions (``motion_styles.toml``), between people, and
between a person's sessions; camera, frame rate, noise and occluded joints vary too.
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

_STYLES = Path(__file__).with_name("motion_styles.toml")
_BODY = {"shoulders": 0.75, "hips": 0.38, "upper_arm": 0.58, "forearm": 0.52, "thigh": 0.86, "shin": 0.82}
_CAMERAS = ((640, 480), (1280, 720), (1920, 1080))
_RATES = (24.0, 25.0, 30000 / 1001, 30.0)
_STRIDES = (2, 3, 5)  # one of so many frames is tracked
_SECONDS = (6.0, 14.0)
_NOISE = 0.004  # standard deviation of each coordinate, torso lengths
_UNSEEN = 0.03  # share of frames without a detected person
_CLOSE = 0.25  # share of sessions filmed without the legs
_LONGEST_BEND = 150.0  # degrees

Numbers = NDArray[np.float64]
Side = tuple[str, float]


@dataclass(frozen=True)
class _Person:
    """A person. ``style``: log factors of their motion; ``right``: factor of the right arm's motion."""

    lengths: dict[str, float]
    style: Numbers
    right: float


def synthetic_track(emotion: str, patient: str, number: int, *, separation: float = 1.0, seed: int = 42) -> Track:
    """Return the poses of one session; ``number`` identifies the session of the patient.

    A patient has the same body and motion style in every session. ``separation`` scales the difference between
    emotions: 0 makes them identical, 1 learnable with some errors, 2 easy. The same arguments give the same track.
    Raises ``KeyError`` for an emotion outside :data:`EMOTIONS`.
    """
    owner = zlib.crc32(patient.encode())
    person, rng = _person(np.random.default_rng((seed, 0, owner))), np.random.default_rng((seed, 1, owner, number))
    rate, stride = rng.choice(_RATES), int(rng.choice(_STRIDES))
    seen = np.arange(0, rng.uniform(*_SECONDS) * rate, stride, dtype=np.int64)
    seen = seen[rng.random(len(seen)) >= _UNSEEN]
    times = seen / rate
    style = _style(emotion, person, separation, rng)
    points = _points(person, style, times, rng)
    size = _CAMERAS[rng.integers(len(_CAMERAS))]
    keypoints = _filmed(points, size, rng)
    return Track(frames=seen, times=times, keypoints=keypoints, size=size, fps=float(rate / stride))


def _person(rng: np.random.Generator) -> _Person:
    lengths = {part: length * float(np.exp(rng.normal(0, 0.07))) for part, length in _BODY.items()}
    return _Person(lengths, rng.normal(0, _styles()["people"]), float(np.exp(rng.normal(0, 0.15))))


def _style(emotion: str, person: _Person, separation: float, rng: np.random.Generator) -> dict[str, float]:
    styles = _styles()
    mean = np.mean([styles[name] for name in EMOTIONS], axis=0)
    logarithms = mean + separation * (styles[emotion] - mean) + person.style + rng.normal(0, styles["sessions"])
    return dict(zip(_columns(), np.exp(logarithms).tolist(), strict=True))


def _points(person: _Person, style: dict[str, float], times: Numbers, rng: np.random.Generator) -> Numbers:
    """Return the joints in torso lengths from the mean hip position, shape = (n, 25, 2); y points down.

    Joints that the pose estimator does not provide are NaN.
    """

    def moving(tempo: float) -> Numbers:
        return _wave(times, tempo * style["tempo"], rng)

    sway, length = style["sway"], person.lengths
    hip = np.stack([sway * moving(0.5), 0.3 * sway * moving(1.0)], axis=-1)
    neck = hip + np.stack([0.5 * sway * moving(0.5), np.full(len(times), -1.0)], axis=-1)
    nose = neck + np.stack([0.6 * sway * moving(0.7), -style["head"] + 0.3 * sway * moving(0.7)], axis=-1)
    joints = {"nose": nose, "neck": neck, "mid_hip": hip}
    sides: tuple[Side, Side] = (("right", -1.0), ("left", 1.0))  # the person faces the camera
    for side, out in sides:
        swing = style["swing"] * (person.right if side == "right" else 1.0)
        arm = style["arms"] + swing * moving(1.0)
        elbow = np.clip(style["elbows"] + swing * moving(1.0), 0, _LONGEST_BEND)
        leg = style["stance"] + 0.1 * swing * moving(0.5)
        shoulder = neck + np.array([out * length["shoulders"] * style["open"] / 2, 0.05])
        joints[f"{side}_shoulder"] = shoulder
        joints[f"{side}_elbow"] = shoulder + length["upper_arm"] * _direction(arm, out)
        joints[f"{side}_wrist"] = joints[f"{side}_elbow"] + length["forearm"] * _direction(arm + elbow, out)
        joints[f"{side}_hip"] = hip + np.array([out * length["hips"] / 2, 0.0])
        joints[f"{side}_knee"] = joints[f"{side}_hip"] + length["thigh"] * _direction(leg, out)
        joints[f"{side}_ankle"] = joints[f"{side}_knee"] + length["shin"] * _direction(0.3 * leg, out)
        joints[f"{side}_heel"] = joints[f"{side}_ankle"] + np.array([0.0, 0.06])
        joints[f"{side}_big_toe"] = joints[f"{side}_ankle"] + np.array([out * 0.1, 0.14])
        joints[f"{side}_eye"] = nose + np.array([out * 0.07, -0.07])
        joints[f"{side}_ear"] = nose + np.array([out * 0.15, -0.03])
    unknown = np.full((len(times), 2), np.nan)
    return np.stack([joints.get(joint, unknown) for joint in JOINTS], axis=1)


def _direction(degrees: Numbers, out: float) -> Numbers:
    """Return unit vectors at these angles from straight down, towards the side ``out``; shape = (n, 2)."""
    angle = np.deg2rad(degrees)
    return np.stack([out * np.sin(angle), np.cos(angle)], axis=-1)


def _wave(times: Numbers, tempo: float, rng: np.random.Generator) -> Numbers:
    """Return an aperiodic oscillation around 0 with amplitude of about 1, ``tempo`` times per second."""
    tempos, phases = tempo * rng.uniform(0.7, 1.3, 3), rng.uniform(0, 2 * np.pi, 3)
    waves: Numbers = np.sin(2 * np.pi * times[:, None] * tempos + phases).sum(axis=1) / np.sqrt(3)
    return waves


def _filmed(points: Numbers, size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the tracker's keypoints, shape = (n, 25, 3): pixels and confidence, (0, 0, 0) for a missing joint."""
    n, width, height = len(points), *size
    close = rng.random() < _CLOSE
    torso = height * (rng.uniform(0.33, 0.42) if close else rng.uniform(0.17, 0.23))
    hips = np.array([width * rng.uniform(0.35, 0.65), height * (rng.uniform(0.75, 0.85) if close else 0.5)])
    keypoints = np.zeros((n, len(JOINTS), 3))
    keypoints[:, :, :2] = hips + torso * (points + rng.normal(0, _NOISE, points.shape))
    inside = (keypoints[:, :, :2] >= 0).all(axis=2) & (keypoints[:, :, :2] < [width, height]).all(axis=2)
    # A joint outside the image still has coordinates, with a low confidence.
    keypoints[:, :, 2] = np.where(inside, rng.uniform(0.75, 1.0, inside.shape), rng.uniform(0.0, 0.09, inside.shape))
    for joint in rng.choice(len(JOINTS), rng.integers(0, 4), replace=False):
        start = rng.integers(n)
        keypoints[start : start + rng.integers(1, n // 2), joint] = np.nan  # occluded
    keypoints[np.isnan(keypoints).any(axis=2)] = 0
    return keypoints.astype(np.float32)


@cache
def _table() -> dict[str, dict[str, list[float]]]:
    return tomllib.loads(_STYLES.read_text(encoding="utf-8"))


def _columns() -> list[str]:
    return list(_table()["columns"])


@cache
def _styles() -> dict[str, Numbers]:
    """Return the log parameters of each emotion, and their standard deviations over ``people`` and ``sessions``."""
    table = _table()
    emotions = {name: np.log(row) for name, row in table["emotions"].items()}
    return emotions | {name: np.array(row) for name, row in table["spread"].items()}
