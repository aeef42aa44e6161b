"""Images of kinds that no bundled model knows, for the measurement of ``benchmarks.ood``. All are reproducible."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["KINDS", "SHARED", "strangers"]

Pixels = NDArray[np.uint8]
Draw = Callable[[np.random.Generator, int], Pixels]

SHARED = Path(os.environ.get("SIGHTLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
_SIZES = (24, 32, 48, 64, 96, 130, 224, 320)


def strangers(kind: str, count: int, seed: int = 0) -> Iterator[Pixels]:
    """Yield ``count`` images of a kind, shape = (height, width, 3), RGB, of different sizes."""
    for number in range(count):
        yield KINDS[kind](np.random.default_rng([seed, number, *kind.encode()]), number)


def _shape(random: np.random.Generator) -> tuple[int, int]:
    height, width = random.choice(_SIZES, 2)
    return int(height), int(width)


def _uniform(value: int) -> Draw:
    return lambda random, _: np.full((*_shape(random), 3), value, np.uint8)


def _single_colour(random: np.random.Generator, _: int) -> Pixels:
    return np.broadcast_to(random.integers(0, 256, 3, np.uint8), (*_shape(random), 3)).copy()


def _grey(random: np.random.Generator, _: int) -> Pixels:
    return np.full((*_shape(random), 3), random.integers(0, 256), np.uint8)


def _uniform_noise(random: np.random.Generator, _: int) -> Pixels:
    return random.integers(0, 256, (*_shape(random), 3), np.uint8)


def _gaussian_noise(random: np.random.Generator, _: int) -> Pixels:
    grey = random.random() < 0.5
    noise = random.normal(random.uniform(60, 200), random.uniform(15, 80), (*_shape(random), 1 if grey else 3))
    return _to_pixels(noise)


def _coloured_noise(random: np.random.Generator, _: int) -> Pixels:
    """Return noise whose power falls with the frequency as f to the power of -1 (pink) to -3 (beyond brown)."""
    height, width = _shape(random)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = 1 / max(height, width)
    spectrum = np.fft.fft2(random.normal(size=(3, height, width))) / frequency ** random.uniform(0.5, 1.5)
    noise = np.fft.ifft2(spectrum).real
    if random.random() < 0.3:
        noise[:] = noise[:1]
    noise = (noise - noise.mean()) / noise.std()
    return _to_pixels((random.uniform(90, 160) + random.uniform(20, 70) * noise).transpose(1, 2, 0))


def _gradient(random: np.random.Generator, _: int) -> Pixels:
    height, width = _shape(random)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    if random.random() < 0.5:
        angle = random.uniform(0, 2 * math.pi)
        ramp = (np.cos(angle) * x + np.sin(angle) * y) / math.sqrt(2) / 2 + 0.5
    else:
        ramp = np.hypot(x - random.uniform(-1, 1), y - random.uniform(-1, 1)) / 3
    first, last = random.integers(0, 256, (2, 3)) if random.random() < 0.7 else random.integers(0, 256, (2, 1))
    return _to_pixels(first + ramp[..., None] * (last - first) * np.ones(3))


def _text(random: np.random.Generator, _: int) -> Pixels:
    height, width = (int(side) for side in random.choice((64, 130, 224, 320), 2))
    paper, ink = (255, 0) if random.random() < 0.7 else (int(random.integers(0, 80)), int(random.integers(150, 256)))
    colours = [tuple(int(v) for v in np.clip(random.normal(base, 25, 3), 0, 255)) for base in (paper, ink)]
    image = Image.new("RGB", (width, height), colours[0])
    font = ImageFont.load_default(int(random.integers(9, 40)))
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz ABCDEFGH 0123456789 .,-"))
    lines = ["".join(random.choice(letters, 60)) for _ in range(40)]
    visible = lines[: height // int(font.getbbox("A")[3]) + 1]  # Drawing the others would take most of the time.
    ImageDraw.Draw(image).multiline_text((4, 2), "\n".join(visible), fill=colours[1], font=font)
    return np.asarray(image)


def _crop(random: np.random.Generator, image: Pixels, smallest: float) -> Pixels:
    height, width = image.shape[:2]
    share = random.uniform(smallest, 1) ** 0.5
    rows, columns = (max(8, int(share * side)) for side in (height, width))
    top, left = random.integers(0, height - rows + 1), random.integers(0, width - columns + 1)
    part = image[top : top + rows, left : left + columns]
    return part[:, ::-1].copy() if random.random() < 0.5 else part.copy()


@cache
def _opened(folder: str, pattern: str) -> tuple[Pixels, ...]:
    return tuple(np.asarray(Image.open(file).convert("RGB")) for file in sorted(Path(folder).glob(pattern)))


def _people(random: np.random.Generator, number: int) -> Pixels:
    """Return the four COCO photos themselves, then parts of at least a twentieth of them."""
    photos = _opened(str(SHARED / "people"), "*.jpg")
    return photos[number] if number < len(photos) else _crop(random, photos[number % len(photos)], 0.05)


@cache
def _everyday() -> tuple[Pixels, ...]:
    from skimage import data
    from sklearn.datasets import load_sample_images

    names = ("coffee", "chelsea", "rocket", "camera", "coins", "grass", "gravel", "brick", "hubble_deep_field", "moon")
    images = [getattr(data, name)() for name in names] + load_sample_images().images
    return tuple(image if image.ndim == 3 else np.stack([image] * 3, axis=-1) for image in images)


def _photo(random: np.random.Generator, number: int) -> Pixels:
    """Return a part of one of the photos that come with scikit-image and scikit-learn: food, animals, textures."""
    photos = _everyday()
    return photos[number] if number < len(photos) else _crop(random, photos[number % len(photos)], 0.05)


@cache
def _labelled_faces() -> Pixels:
    from skimage import data

    return np.asarray(data.lfw_subset()[:100] * 255, np.uint8)


def _face(random: np.random.Generator, number: int) -> Pixels:
    """Return one of a hundred grey faces of Labeled Faces in the Wild, then parts of an astronaut in colour."""
    faces = _labelled_faces()
    if number < len(faces):
        return np.stack([faces[number]] * 3, axis=-1)
    from skimage import data

    return _crop(random, np.asarray(data.astronaut())[0:260, 110:330], 0.3)


def _to_pixels(values: NDArray[np.float64]) -> Pixels:
    return np.ascontiguousarray(np.broadcast_to(np.clip(values, 0, 255), (*values.shape[:2], 3)).astype(np.uint8))


KINDS: dict[str, Draw] = {
    "black": _uniform(0),
    "white": _uniform(255),
    "grey": _grey,
    "single colour": _single_colour,
    "gradient": _gradient,
    "uniform noise": _uniform_noise,
    "Gaussian noise": _gaussian_noise,
    "coloured noise": _coloured_noise,
    "text": _text,
    "people (COCO)": _people,
    "other photos": _photo,
    "faces": _face,
}
"""How an image of each kind is drawn, from a random generator and its number."""
