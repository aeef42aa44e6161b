"""Generated images of kinds that no model is trained on: noise, colours, gradients, text, and magnified details.

Examples of what a model does not know, for the training of its familiarity: D. Hendrycks et al., Deep Anomaly Detection
with Outlier Exposure (2019).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_strangers"]

_LETTERS = tuple("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLM 0123456789 .,-")

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]


def draw_strangers(known: Pixels, count: int, seed: int = 0) -> Pixels:
    """Return ``count`` images of the size of the known ones, uint8, shape = (n, height, width, 3), RGB.

    Every kind is drawn equally often. The details are parts of known images, at most 0.4 of their sides.
    """
    random = np.random.default_rng(seed)
    kinds = (_colour, _noise, _smooth_noise, _gradient, _text)
    _, height, width, _ = known.shape
    images = np.empty((count, height, width, 3), np.uint8)
    for number, image in enumerate(images):
        kind = number % (len(kinds) + 2)
        if kind < len(kinds):
            image[:] = np.clip(kinds[kind](random, height, width), 0, 255)
        else:
            image[:] = _detail(random, known[random.integers(len(known))])
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
    lines = ["".join(random.choice(_LETTERS, 60)) for _ in range(40)]
    font = ImageFont.load_default(int(random.integers(8, 36)))
    visible = lines[: image.height // int(font.getbbox("A")[3]) + 1]  # drawing the others would take most of the time
    ImageDraw.Draw(image).multiline_text((3, 2), "\n".join(visible), fill=tuple(map(int, ink)), font=font)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float64)


def _detail(random: np.random.Generator, image: Pixels) -> Pixels:
    from PIL import Image

    height, width, _ = image.shape
    rows, columns = (max(2, int(random.uniform(0.2, 0.4) * side)) for side in (height, width))
    top, left = random.integers(0, height - rows + 1), random.integers(0, width - columns + 1)
    part = Image.fromarray(image[top : top + rows, left : left + columns])
    return np.asarray(part.resize((width, height), Image.Resampling.BICUBIC))
