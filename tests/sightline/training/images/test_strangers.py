"""Generated images of other kinds: reproducible, of the requested size, and different from each other."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.training.images.strangers import draw_strangers
from tests.familiarity import bars


@pytest.mark.parametrize("size", [(32, 32), (65, 29), (4, 6), (96, 96)])
def test_strangers_have_the_size_of_the_known_images(size: tuple[int, int]) -> None:
    known = np.random.default_rng(0).integers(0, 256, (5, *size, 3), np.uint8)
    drawn = draw_strangers(known, 70)
    assert (drawn.shape, drawn.dtype) == ((70, *size, 3), np.uint8)
    assert len({image.tobytes() for image in drawn}) > 60


def test_strangers_depend_only_on_the_seed() -> None:
    first, same, other = (draw_strangers(bars(20), 21, seed) for seed in (1, 1, 2))
    assert (first == same).all()
    assert (first != other).any(axis=(1, 2, 3)).all()


def test_every_seventh_stranger_is_a_single_colour_and_none_is_a_known_image() -> None:
    drawn = draw_strangers(bars(20), 70)
    assert (drawn[::7] == drawn[::7, :1, :1]).all()
    assert not {image.tobytes() for image in drawn} & {image.tobytes() for image in bars(20)}
