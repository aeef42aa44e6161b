"""The appearance of a person: the colours of their clothes, hair and skin, by body part.

Colours are sampled at fixed places relative to the joints, so a pose and its distance do not matter. A part's colours
are the distributions of L, a and b in CIELAB. Two distributions are compared by the earth mover's distance, so a small
change of the light is a small difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.pose.estimator import Frame
from sightline.pose.skeleton import JOINTS, Keypoints

__all__ = ["Appearance", "appearance_of"]

_SEEN = 0.5
_BINS = 12
_CHANNELS = 3
_WEIGHTS = np.array([0.4, 1.0, 1.0], np.float32)
"""L counts less than a and b, because light changes it more than clothes do."""

_SPANS = np.array([100.0, 120.0, 120.0], np.float32)
"""The range of each channel that is divided into bins; a and b outside -60 to 60 are rare in photos."""


def _indices(*names: str) -> list[int]:
    return [JOINTS.index(name) for name in names]


def _grid(columns: int, rows: int, low: float = 0.12, high: float = 0.88) -> NDArray[np.float32]:
    across, along = np.linspace(low, high, columns), np.linspace(low, high, rows)
    return np.asarray(np.stack(np.meshgrid(across, along), axis=-1).reshape(-1, 2), np.float32)


_TORSO = _indices("right_shoulder", "left_shoulder", "right_hip", "left_hip")
_TORSO_GRID = _grid(7, 9)
# Limbs of a part, and their half width over the torso's length.
_LIMBS = (
    (("right_shoulder", "right_elbow"), ("left_shoulder", "left_elbow")),
    (("right_elbow", "right_wrist"), ("left_elbow", "left_wrist")),
    (("right_hip", "right_knee"), ("left_hip", "left_knee")),
    (("right_knee", "right_ankle"), ("left_knee", "left_ankle")),
)
_HALF_WIDTHS = (0.06, 0.04, 0.1, 0.06)
_LIMB_GRID = _grid(3, 10) - np.array([0.5, 0.0], np.float32)
_HEAD = _indices("nose", "right_ear", "left_ear")
_HEAD_GRID = _grid(6, 8, 0.0, 1.0) - np.array([0.5, 0.75], np.float32)
_PARTS = 1 + len(_LIMBS) + 1
_PART_WEIGHTS = np.array([3.0, 1.0, 0.7, 2.0, 1.0, 1.2], np.float32)
"""Torso, upper arms, forearms, thighs, shins, head with hair: by their area, and how reliably they are found."""

_MIN_SAMPLES = 12


@dataclass(frozen=True, eq=False)
class Appearance:
    """The colours of a person.

    - ``colours``: shape (6, 3, 12), float32: for torso, upper arms, forearms, thighs, shins and head the cumulative
      distributions of L, a and b.
    - ``weights``: shape (6,), float32: how often each part was seen; 0 if its colours are unknown.
    """

    colours: NDArray[np.float32]
    weights: NDArray[np.float32]

    @classmethod
    def unknown(cls) -> Appearance:
        """Return the appearance of which nothing is known."""
        return cls(np.zeros((_PARTS, _CHANNELS, _BINS), np.float32), np.zeros(_PARTS, np.float32))

    @classmethod
    def from_numbers(cls, numbers: tuple[float, ...]) -> Appearance:
        """Return the appearance that :meth:`to_numbers` returned. Raises ValueError for another count of numbers."""
        expected = _PARTS * (1 + _CHANNELS * _BINS)
        if len(numbers) != expected:
            raise ValueError(f"an appearance has {expected} numbers, not {len(numbers)}")
        array = np.array(numbers, np.float32)
        return cls(array[_PARTS:].reshape(_PARTS, _CHANNELS, _BINS), array[:_PARTS])

    def to_numbers(self) -> tuple[float, ...]:
        """Return all numbers, rounded to four decimals, for storage."""
        flat = np.concatenate([self.weights, self.colours.ravel()])
        return tuple(np.round(flat.astype(np.float64), 4).tolist())

    @property
    def is_known(self) -> bool:
        """Whether at least one part was seen."""
        return bool(self.weights.any())

    def merged(self, other: Appearance, most: float = np.inf) -> Appearance:
        """Return the weighted mean of both; ``most`` limits this one's weight, so that recent colours count more."""
        mine = np.minimum(self.weights, most)
        total = mine + other.weights
        share = np.divide(other.weights, total, out=np.zeros_like(total), where=total > 0)[:, None, None]
        return Appearance(self.colours + share * (other.colours - self.colours), total)

    def difference(self, other: Appearance) -> float:
        """Return how different the colours are, in units of CIELAB; NaN if no part is known in both.

        The same clothes in the same light differ by about 2, in another place by up to 8; other clothes by 10 to 60.
        """
        both = np.where((self.weights > 0) & (other.weights > 0), _PART_WEIGHTS, 0)
        if not both.any():
            return float("nan")
        # The earth mover's distance of two distributions on a line is the area between their cumulative ones.
        areas = np.abs(self.colours - other.colours).sum(axis=2) * (_SPANS / _BINS)
        parts = areas @ (_WEIGHTS / _WEIGHTS.sum())
        return float((parts * both).sum() / both.sum())


def appearance_of(rgb: Frame, keypoints: Keypoints) -> Appearance:
    """Return the appearance of a person in a frame, shape (height, width, 3), from their joints, shape (25, 3).

    Parts whose joints are not seen, or that are outside the frame, have no weight.
    """
    import cv2

    points, seen = keypoints[:, :2], keypoints[:, 2] >= _SEEN
    result = Appearance.unknown()
    length = _torso_length(points, seen)
    places: list[NDArray[np.float32]] = [np.zeros((0, 2), np.float32) for _ in range(_PARTS)]
    if seen[_TORSO].all():
        right, left, right_hip, left_hip = points[_TORSO]
        across, along = _TORSO_GRID[:, :1], _TORSO_GRID[:, 1:]
        places[0] = (1 - along) * ((1 - across) * right + across * left) + along * (
            (1 - across) * right_hip + across * left_hip
        )
    if length > 0:
        for part, (limbs, half) in enumerate(zip(_LIMBS, _HALF_WIDTHS, strict=True), start=1):
            places[part] = np.concatenate(
                [
                    places[part],
                    *(_limb(points, pair, 2 * half * length) for pair in map(_pair, limbs) if seen[pair].all()),
                ]
            )
        if seen[_HEAD].any():
            centre = points[_HEAD][seen[_HEAD]].mean(axis=0)
            places[-1] = centre + _HEAD_GRID * np.float32(0.5 * length)
    height, width = rgb.shape[:2]
    x, y = np.round(np.concatenate(places)).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    part = np.repeat(np.arange(_PARTS), [len(xy) for xy in places])[inside]
    counts = np.bincount(part, minlength=_PARTS)
    is_known = counts >= _MIN_SAMPLES
    if is_known.any():
        samples = rgb[y[inside], x[inside]][None].astype(np.float32) / 255
        lab = cv2.cvtColor(samples, cv2.COLOR_RGB2LAB)[0]
        result.colours[is_known] = _cumulative(lab, part, counts)[is_known]
        result.weights[is_known] = 1
    return result


def _pair(names: tuple[str, str]) -> list[int]:
    return _indices(*names)


def _limb(points: NDArray[np.float32], pair: list[int], width: float) -> NDArray[np.float32]:
    start, end = points[pair]
    along = end - start
    length = float(np.hypot(*along))
    if length == 0:
        return np.zeros((0, 2), np.float32)
    across = np.array([-along[1], along[0]], np.float32) / length * np.float32(width)
    places: NDArray[np.float32] = start + _LIMB_GRID[:, 1:] * along + _LIMB_GRID[:, :1] * across
    return places


def _torso_length(points: NDArray[np.float32], seen: NDArray[np.bool_]) -> float:
    shoulders, hips = _TORSO[:2], _TORSO[2:]
    if seen[shoulders].all() and seen[hips].all():
        return float(np.hypot(*(points[shoulders].mean(axis=0) - points[hips].mean(axis=0))))
    # From the front, shoulders are about two thirds as wide as a torso is long.
    return 1.5 * float(np.hypot(*(points[shoulders[0]] - points[shoulders[1]]))) if seen[shoulders].all() else 0.0


def _cumulative(lab: NDArray[np.float32], part: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cumulative distributions of L, a and b, shape (6, 3, 12), with linear interpolation between bins.

    ``lab`` has shape (n, 3); ``part``, shape (n,): the part of each sample; ``counts``, shape (6,): those of the parts.
    """
    low = np.array([0.0, -60.0, -60.0], np.float32)
    position = np.clip((lab - low) / (_SPANS / _BINS) - 0.5, 0, _BINS - 1)
    below = np.minimum(position.astype(int), _BINS - 2)
    share = (position - below).ravel()
    index = ((part[:, None] * _CHANNELS + np.arange(_CHANNELS)) * _BINS + below).ravel()
    size = _PARTS * _CHANNELS * _BINS
    bins = np.bincount(index, 1 - share, size) + np.bincount(index + 1, share, size)
    sums = np.cumsum(bins.reshape(_PARTS, _CHANNELS, _BINS), axis=2)
    return np.asarray(sums / np.maximum(counts, 1)[:, None, None])
