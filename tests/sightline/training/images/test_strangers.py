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


@pytest.mark.parametrize("colour", [(0, 0, 0), (200, 10, 90)])
def test_shapes_have_the_colours_of_known_images(colour: tuple[int, int, int]) -> None:
    """Of the palettes 60 % are from known images; colours at random are rarely so near to one."""
    known = np.full((5, 32, 32, 3), colour, np.uint8)
    shapes = draw_strangers(known, 19 * 20).reshape(20, 19, 32, 32, 3)[:, 7:13].astype(float)
    near = (np.abs(shapes - colour).max(axis=4) < 60).mean(axis=(2, 3)) > 0.5
    assert near.mean() > 0.3


@pytest.mark.parametrize("sides", [(32, 32), (30, 44)])
def test_puzzle_has_the_pixels_of_a_known_image_in_other_places(sides: tuple[int, int]) -> None:
    known = np.random.default_rng(0).integers(0, 256, (1, *sides, 3), np.uint8)
    puzzles = draw_strangers(known, 19 * 10).reshape(10, 19, *sides, 3)[:, 13:16].reshape(-1, *sides, 3)
    assert (puzzles != known).any(axis=(1, 2, 3)).all()
    even = [puzzle for puzzle in puzzles if sorted(puzzle.ravel()) == sorted(known.ravel())]
    assert len(even) >= 5  # those with fields of a whole number of pixels


def test_strangers_depend_only_on_the_seed() -> None:
    first, same, other = (draw_strangers(bars(20), 21, seed) for seed in (1, 1, 2))
    assert (first == same).all()
    assert (first != other).any(axis=(1, 2, 3)).all()


def test_every_kind_is_drawn_in_turn_and_none_is_a_known_image() -> None:
    drawn = draw_strangers(bars(20), 19 * 5)
    assert (drawn[::19] == drawn[::19, :1, :1]).all()
    varied = drawn.reshape(len(drawn), -1).std(axis=1) > 5
    assert varied.reshape(5, 19)[:, 7:].mean() > 0.9  # shapes, puzzles and collages
    assert not {image.tobytes() for image in drawn} & {image.tobytes() for image in bars(20)}
