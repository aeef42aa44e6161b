"""Generated images of kinds that no model is trained on: noise, colours, gradients, text, details, shapes and puzzles.

Examples of what a model does not know, for the training of its familiarity: D. Hendrycks et al., Deep Anomaly Detection
with Outlier Exposure (2019). Overlapping shapes have the statistics of photos: M. Baradad et al., Learning to See by
Looking at Noise (2021). Those in the colours of the known images, and the known images' own parts in another order, are
the examples that are hardest to distinguish from known images, as photos of other things are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_strangers"]

_LETTERS = tuple("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLM 0123456789 .,-")
_DRAWN = 128  # pixels that the longer side of shapes is drawn with, at most, before they are reduced

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]


def draw_strangers(known: Pixels, count: int, seed: int = 0) -> Pixels:
    """Return ``count`` images of the size of the known ones, uint8, shape = (n, height, width, 3), RGB.

    Of every 19 images one each is a single colour, noise, smooth noise, a gradient and text, two are details of known
    images, six are shapes, three are known images whose fields changed places, and three are collages.
    """
    random = np.random.default_rng(seed)
    _, height, width, _ = known.shape
    images = np.empty((count, height, width, 3), np.uint8)
    for number, image in enumerate(images):
        place = number % (len(_PLAIN) + len(_DERIVED))
        if place < len(_PLAIN):
            image[:] = np.clip(_PLAIN[place](random, height, width), 0, 255)
        else:
            image[:] = _DERIVED[place - len(_PLAIN)](random, known)
    return images


def _colour(random: np.random.Generator, height: int, width: int) -> Floats:
    channels = 3 if random.random() < 0.7 else 1
    return np.broadcast_to(random.uniform(0, 256, channels), (height, width, 3))


def _noise(random: np.random.Generator, height: int, width: int) -> Floats:
    channels = 3 if random.random() < 0.7 else 1
    noise = random.normal(random.uniform(40, 215), random.uniform(3, 90), (height, width, channels))
    return np.broadcast_to(noise, (height, width, 3))


def _smooth_noise(random: np.random.Generator, height: int, width: int) -> Floats:
    """Return noise whose power falls with the frequency, as f to the power of -1 to -3."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = 1 / max(height, width)
    channels = 3 if random.random() < 0.7 else 1
    spectrum = np.fft.fft2(random.normal(size=(channels, height, width))) / frequency ** random.uniform(0.5, 1.5)
    noise = np.fft.ifft2(spectrum).real.transpose(1, 2, 0)
    noise = random.uniform(90, 160) + random.uniform(20, 70) * (noise - noise.mean()) / noise.std()
    return np.broadcast_to(noise, (height, width, 3))


def _gradient(random: np.random.Generator, height: int, width: int) -> Floats:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    across, down, bend = random.uniform(-1, 1, 3)
    ramp = across * x + down * y + bend * (x * x + y * y)
    ramp = (ramp - ramp.min()) / max(float(np.ptp(ramp)), 1e-9)
    first, last = random.uniform(0, 256, (2, 3 if random.random() < 0.7 else 1))
    return np.broadcast_to(first + ramp[..., None] * (last - first), (height, width, 3))


def _text(random: np.random.Generator, height: int, width: int) -> Floats:
    from PIL import Image, ImageDraw, ImageFont

    # Drawn large and reduced, as photographed or scanned text is.
    scale = int(random.integers(1, 7))
    bright, dark = random.uniform(150, 256, 3), random.uniform(0, 90, 3)
    paper, ink = (bright, dark) if random.random() < 0.7 else (dark, bright)
    image = Image.new("RGB", (scale * width, scale * height), tuple(map(int, paper)))
    size = int(random.integers(8, 36))
    # No more than is visible: a letter is at least a quarter as wide as the font is high.
    letters, count = (1 + scale * side // size for side in (4 * width, height))
    lines = ["".join(random.choice(_LETTERS, letters)) for _ in range(count)]
    font = ImageFont.load_default(size)
    ImageDraw.Draw(image).multiline_text((3, 2), "\n".join(lines), fill=tuple(map(int, ink)), font=font)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float64)


def _detail(random: np.random.Generator, known: Pixels, smallest: float = 0.2) -> Pixels:
    """Return a part of a known image, from ``smallest`` to 0.4 of its sides, magnified."""
    from PIL import Image

    image = known[random.integers(len(known))]
    height, width, _ = image.shape
    rows, columns = (max(2, int(random.uniform(smallest, 0.4) * side)) for side in (height, width))
    top, left = random.integers(0, height - rows + 1), random.integers(0, width - columns + 1)
    part = Image.fromarray(image[top : top + rows, left : left + columns])
    return np.asarray(part.resize((width, height), Image.Resampling.BICUBIC))


def _shapes(random: np.random.Generator, known: Pixels) -> Pixels:
    """Return shapes on a ground, with or without a horizon: many all over the image, or one to three groups of them."""
    import cv2

    _, height, width, _ = known.shape
    scale = max(1, _DRAWN // max(height, width))  # Small images are drawn larger and reduced, for smooth edges.
    size = np.array([scale * width, scale * height])
    texture, colour = _texture(random, *size[::-1]), _palette(random, known)
    canvas = np.empty((*size[::-1], 3))
    canvas[:] = colour()
    if random.random() < 0.3:
        canvas[: int(random.uniform(0.2, 0.8) * size[1])] = colour()
    canvas += texture * random.uniform(0, 35)
    repeated = np.tile(texture, (2, 2, 1))
    for outline in _scattered(random, size) if random.random() < 0.5 else _grouped(random, size):
        corners = np.round(outline).astype(np.int32)
        left, top = np.maximum(corners.min(axis=0), 0)
        right, bottom = np.minimum(corners.max(axis=0) + 1, size)
        if left >= right or top >= bottom:
            continue  # It is outside of the image.
        mask = np.zeros((bottom - top, right - left, 1), np.uint8)
        cv2.fillPoly(mask, [corners - (left, top)], (1,))
        # Every shape has another part of the texture.
        across, down = random.integers(0, size)
        part = repeated[down : down + bottom - top, across : across + right - left]
        filled = part * random.uniform(0, 30) + colour()
        np.copyto(canvas[top:bottom, left:right], filled, where=mask.astype(bool))
    reduced = cv2.resize(np.clip(canvas, 0, 255), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.uint8)


def _scattered(random: np.random.Generator, size: NDArray[np.int64]) -> Iterator[Floats]:
    """Yield the outlines of 15 to 60 shapes of all sizes, (x, y), shape = (corners, 2)."""
    for _ in range(int(random.integers(15, 60))):
        radius = size.min() * np.exp(random.uniform(np.log(0.04), np.log(0.45)))
        yield _outline(random, radius, longest=4.5) + random.uniform(0, size)


def _grouped(random: np.random.Generator, size: NDArray[np.int64]) -> Iterator[Floats]:
    """Yield the outlines of shapes like those of one to three things that stand in front of something."""
    for _ in range(int(random.integers(1, 4))):
        middle, extent = random.uniform(0.15, 0.85, 2) * size, size.min() * random.uniform(0.1, 0.35)
        for _ in range(int(random.integers(1, 12))):
            radius = extent * np.exp(random.uniform(-1.6, 0))
            yield _outline(random, radius, longest=12) + middle + random.normal(0, (0.5 * extent, 0.9 * extent))


def _outline(random: np.random.Generator, radius: float, longest: float) -> Floats:
    """Return an ellipse, a rectangle or a polygon around 0, up to ``longest`` times as long as wide."""
    corners = int(random.choice((24, 4, random.integers(3, 8))))
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    if corners < 24 and random.random() < 0.5:
        angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    stretch, turn = np.exp(random.uniform(0, np.log(longest)) / 2), random.uniform(0, np.pi)
    points = 1.1 * radius * np.stack([stretch * np.cos(angles), np.sin(angles) / stretch], axis=1)
    return np.asarray(points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]))


def _collage(random: np.random.Generator, known: Pixels) -> Pixels:
    """Return a known image that is covered by two to five magnified details of others, 0.3 to 0.8 of its sides."""
    import cv2

    image = known[random.integers(len(known))].copy()
    sides = np.array(image.shape[:2])
    for _ in range(int(random.integers(2, 6))):
        part = np.maximum(2, random.uniform(0.3, 0.8, 2) * sides).astype(int)
        top, left = random.integers(0, sides - part + 1)
        detail = _detail(random, known, smallest=0.15)
        image[top : top + part[0], left : left + part[1]] = cv2.resize(detail, tuple(map(int, part[::-1])))
    return np.asarray(image)


def _texture(random: np.random.Generator, height: int, width: int) -> Floats:
    """Return smooth noise in grey, shape = (height, width, 1), with mean 0 and deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = 1 / max(height, width)
    spectrum = np.fft.fft2(random.normal(size=(height, width))) / frequency ** random.uniform(0.5, 1.3)
    noise = np.fft.ifft2(spectrum).real
    return np.asarray((noise - noise.mean()) / noise.std())[..., None]


def _palette(random: np.random.Generator, known: Pixels) -> Callable[[], Floats]:
    """Return a function that draws colours: mostly about those of one known image, otherwise any."""
    if random.random() < 0.6:
        colours = known[random.integers(len(known))].reshape(-1, 3)
        return lambda: random.normal(colours[random.integers(len(colours))], 12)
    return lambda: random.uniform(0, 256, 3 if random.random() < 0.6 else 1)


def _puzzle(random: np.random.Generator, known: Pixels) -> Pixels:
    """Return a known image whose fields, 2x2 to 4x4, changed places."""
    import cv2

    image = known[random.integers(len(known))]
    height, width, _ = image.shape
    count = int(random.integers(2, 5))
    rows, columns = -(-height // count), -(-width // count)
    fitted = cv2.resize(image, (count * columns, count * rows))
    fields = fitted.reshape(count, rows, count, columns, 3).swapaxes(1, 2).reshape(-1, rows, columns, 3)
    order = random.permutation(len(fields))
    while (order == np.arange(len(fields))).sum() > len(fields) / 4:  # Too many are where they were.
        order = random.permutation(len(fields))
    mixed = fields[order].reshape(count, count, rows, columns, 3).swapaxes(1, 2).reshape(fitted.shape)
    return np.asarray(cv2.resize(mixed, (width, height)), np.uint8)


_PLAIN: tuple[Callable[[np.random.Generator, int, int], Floats], ...] = (
    _colour, _noise, _smooth_noise, _gradient, _text,
)  # fmt: skip
_DERIVED: tuple[Callable[[np.random.Generator, Pixels], Pixels], ...] = (
    *[_detail] * 2, *[_shapes] * 6, *[_puzzle] * 3, *[_collage] * 3,
)  # fmt: skip
