"""Drawn photos of runners, for demonstrations: long strides are good, short ones bad.

The pose models detect the drawn figures as people, so all stages can run on them. The file names contain
"synthetic", and the record of a model trained on them is marked as synthetic.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline import storage
from sightline.errors import InvalidSetting
from sightline.progress import Progress
from sightline.storage import Location
from sightline.training.ranking.dataset import SPLITS

__all__ = ["Runner", "draw_runners", "lower_body_of", "random_runner", "write_runners"]

Image = NDArray[np.uint8]
Point = tuple[float, float]
Colour = tuple[int, int, int]

HEIGHT = 400  # pixels of a photo
_WIDTH = 300  # pixels per runner
_STRIDES = {"good": (0.5, 0.92), "bad": (0.12, 0.58)}  # they overlap, as people's labels do
_HAIR, _SHOE, _EYE, _MOUTH = (70, 50, 35), (240, 240, 240), (40, 30, 25), (170, 80, 80)
_SKY, _GRASS, _HORIZON = (190, 205, 220), (120, 135, 95), 0.62
_QUALITY = 92


@dataclass(frozen=True)
class Runner:
    """A drawn runner. ``stride``: 0 (standing) to 1 (longest); ``scale``: relative height. Colours are RGB."""

    stride: float
    arms_up: bool
    shirt: Colour
    trousers: Colour
    skin: Colour
    scale: float = 1.0


def random_runner(rng: np.random.Generator, label: str) -> Runner:
    """Return a random runner with a good or a bad stride."""
    return Runner(
        stride=float(rng.uniform(*_STRIDES[label])),
        arms_up=bool(rng.random() < 0.2),
        shirt=_colour(rng, 60, 220),
        trousers=_colour(rng, 20, 110),
        skin=tuple(int(part) for part in np.array((222, 178, 150)) * rng.uniform(0.6, 1.05)),  # type: ignore[arg-type]
        scale=float(rng.uniform(0.9, 1.0)),
    )


def draw_runners(runners: Sequence[Runner], rng: np.random.Generator) -> Image:
    """Draw runners side by side, shape = (400, 300 * n, 3), RGB."""
    import cv2

    width = _WIDTH * len(runners)
    scene = np.empty((HEIGHT, width, 3), np.float32)
    scene[:] = _SKY
    scene[round(HEIGHT * _HORIZON) :] = _GRASS
    scene += 3 * cv2.GaussianBlur(rng.normal(0, 40, scene.shape).astype(np.float32), (0, 0), 6)
    photo = np.clip(scene, 0, 255).astype(np.uint8)
    for index, runner in enumerate(runners):
        _Figure(runner, _WIDTH * (index + 0.5)).paint(photo)
    noisy = photo + rng.normal(0, 5, photo.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def lower_body_of(runner: Runner, rng: np.random.Generator) -> Image:
    """Return the lower body, cropped at its known position without the pose models."""
    photo = draw_runners([runner], rng)
    figure = _Figure(runner, _WIDTH / 2)
    points = np.array([*figure.legs[0], *figure.legs[1]])
    margin = 0.06 * runner.scale * HEIGHT
    left, right = points[:, 0].min() - margin, points[:, 0].max() + margin
    return photo[round(figure.hip_row) : round(points[:, 1].max() + margin), max(0, round(left)) : round(right)]


def write_runners(
    folder: Location,
    photos: int = 24,
    *,
    evaluate: int = 10,
    people: int = 2,
    prepared: bool = False,
    seed: int = 42,
    progress: Progress | None = None,
) -> list[Location]:
    """Write a labelled data set of ``photos`` and ``evaluate`` photos per label; return the files.

    ``people``: runners per photo, all with its label. ``prepared`` writes only lower bodies, which need no pose models.
    The same seed gives the same photos. Raises :class:`InvalidSetting` for a count below 1.
    """
    if min(photos, evaluate, people) < 1:
        raise InvalidSetting("a data set needs at least one photo per label and split, and one person per photo")
    counts = {"train": photos, "evaluate": evaluate}
    specs = [(split, label, number) for split in SPLITS for label in _STRIDES for number in range(counts[split])]
    written = []
    for split, label, number in specs:
        rng = np.random.default_rng((seed, SPLITS.index(split), list(_STRIDES).index(label), number))
        runners = [random_runner(rng, label) for _ in range(people)]
        name = f"synthetic-{split}-{label}-{number + 1:04d}.jpg"
        if prepared:
            files = [
                (
                    folder / split / "lower_body" / label / f"{name}-p{person}.png",
                    _encode(lower_body_of(runner, rng), "PNG"),
                )
                for person, runner in enumerate(runners, start=1)
            ]
        else:
            files = [(folder / split / label / name, _encode(draw_runners(runners, rng), "JPEG"))]
        for file, data in files:
            storage.write_bytes(file, data)
            written.append(file)
        if progress:
            progress((specs.index((split, label, number)) + 1) / len(specs))
    return written


class _Figure:
    """The joints of a runner seen from the front, and how they are painted; ``u`` is an eighth of the height."""

    def __init__(self, runner: Runner, x: float) -> None:
        self._runner = runner
        height = 0.8 * HEIGHT * runner.scale
        u = self._u = height / 8
        self._x, self._top = x, 0.92 * HEIGHT - height
        stride = runner.stride
        self.hip_row = self._top + 4 * u
        fall = 1.9 * u * math.sqrt(max(0.1, 1 - (0.65 * stride) ** 2))
        legs = []
        for side, behind, drop in ((-1, 1.2, 1.7 * (1 - 0.25 * stride)), (1, 0.2, 1.9)):
            hip = (x + 0.45 * side * u, self.hip_row)
            knee = (hip[0] + 1.3 * side * stride * u, hip[1] + fall)
            legs.append((hip, knee, (knee[0] + behind * side * stride * u, knee[1] + drop * u)))
        self.legs: list[tuple[Point, Point, Point]] = legs

    def paint(self, photo: Image) -> None:
        runner, u, x, top = self._runner, self._u, self._x, self._top
        for hip, knee, ankle in self.legs:
            _limb(photo, hip, knee, 0.48 * u, 0.36 * u, runner.trousers)
            _limb(photo, knee, ankle, 0.34 * u, 0.2 * u, runner.trousers)
            _limb(photo, ankle, (ankle[0] + 0.55 * u, ankle[1] + 0.12 * u), 0.19 * u, 0.15 * u, _SHOE)
        _limb(photo, (x, top + 1.9 * u), (x, top + 3.7 * u), 0.8 * u, 0.65 * u, runner.shirt)
        for side in (-1, 1):
            shoulder = (x + 0.85 * side * u, top + 1.65 * u)
            if runner.arms_up:
                elbow = (shoulder[0] + 0.35 * side * u, shoulder[1] - 1.1 * u)
                hand = (elbow[0] - 0.2 * side * u, elbow[1] - 1.1 * u)
            else:
                elbow = (shoulder[0] + 0.35 * side * u, shoulder[1] + 1.25 * u)
                hand = (elbow[0] - 0.1 * side * u, elbow[1] + 0.9 * u)
            _limb(photo, shoulder, elbow, 0.3 * u, 0.23 * u, runner.shirt)
            _limb(photo, elbow, hand, 0.21 * u, 0.16 * u, runner.skin)
        self._paint_head(photo)

    def _paint_head(self, photo: Image) -> None:
        import cv2

        runner, u, x, y = self._runner, self._u, self._x, self._top + 0.6 * self._u
        shade: Colour = tuple(int(0.85 * part) for part in runner.skin)  # type: ignore[assignment]

        def ellipse(dx: float, dy: float, width: float, height: float, colour: Colour, start: int = 0) -> None:
            centre, axes = (round(x + dx * u), round(y + dy * u)), (max(1, round(width * u)), max(1, round(height * u)))
            cv2.ellipse(photo, centre, axes, 0, start, 360, colour, -1, cv2.LINE_AA)

        _limb(photo, (x, y + 0.5 * u), (x, y + 0.75 * u), 0.24 * u, 0.26 * u, shade)
        ellipse(0, -0.08, 0.52, 0.66, _HAIR)
        ellipse(0, 0.06, 0.44, 0.58, runner.skin)
        for side in (-1, 1):
            ellipse(0.18 * side, -0.02, 0.09, 0.05, (250, 250, 250))
            ellipse(0.18 * side, -0.02, 0.045, 0.045, _EYE)
            ellipse(0.18 * side, -0.14, 0.12, 0.03, _HAIR, 180)
        ellipse(0.02, 0.14, 0.05, 0.09, shade)
        ellipse(0, 0.36, 0.15, 0.05, _MOUTH)


def _limb(photo: Image, start: Point, end: Point, from_radius: float, to_radius: float, colour: Colour) -> None:
    """Paint a rounded limb, lit from the left."""
    import cv2

    bright = tuple(min(255, int(1.18 * part)) for part in colour)
    steps = np.linspace(0, 1, 24)[:, None]
    centres = np.array(start) + (np.array(end) - np.array(start)) * steps
    radii = (from_radius + (to_radius - from_radius) * steps)[:, 0]
    for shift, share, painted in ((0.0, 1.0, colour), (0.25 * from_radius, 0.45, bright)):
        for (x, y), radius in zip(centres, radii, strict=True):
            # cv2's fixed point: 1/16 pixel.
            centre = (round(16 * (x - shift)), round(16 * (y - 0.4 * shift)))
            cv2.circle(photo, centre, round(16 * share * radius), painted, -1, cv2.LINE_AA, 4)


def _colour(rng: np.random.Generator, low: int, high: int) -> Colour:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def _encode(pixels: Image, kind: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **({"quality": _QUALITY} if kind == "JPEG" else {}))
    return file.getvalue()
