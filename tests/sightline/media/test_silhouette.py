from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.media import Silhouette


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """A mask with a few ellipses, at least one pixel of which is set."""
    width, height = draw(st.integers(8, 400)), draw(st.integers(8, 400))
    y, x = np.mgrid[:height, :width]
    mask = np.zeros((height, width), np.uint8)
    for _ in range(draw(st.integers(1, 4))):
        centre_x, centre_y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        radius_x, radius_y = draw(st.integers(1, 120)), draw(st.integers(1, 120))
        mask[((x - centre_x) / radius_x) ** 2 + ((y - centre_y) / radius_y) ** 2 < 1] = 1
    return mask


@given(masks(), st.integers(1, 12))
def test_every_pixel_of_the_mask_is_in_the_drawn_silhouette(mask: np.ndarray, step: int) -> None:
    silhouette = Silhouette.from_mask(mask)
    assert silhouette is not None
    canvas = np.zeros((-(-mask.shape[0] // step), -(-mask.shape[1] // step)), np.uint8)
    silhouette.draw(canvas, 1 / step)
    drawn = np.repeat(np.repeat(canvas, step, 0), step, 1)[: mask.shape[0], : mask.shape[1]]
    missed = (mask > 0) & (drawn == 0)
    # A cell needs two hundredths of its area, and a coarse canvas is read at the middle of its pixels.
    assert missed.sum() <= 0.02 * (mask > 0).sum() + step**2


@given(masks(), st.integers(0, 300))
def test_own_part_contains_nothing_else(mask: np.ndarray, border: int) -> None:
    own = mask.copy()
    own[:, border:] = 0
    silhouette = Silhouette.from_mask(mask, own=own)
    assert silhouette is not None
    canvas = np.zeros_like(mask)
    silhouette.draw_own(canvas, 1)
    assert not canvas[own == 0].any()


@given(masks(), st.booleans())
def test_silhouette_is_read_back_from_its_bytes(mask: np.ndarray, with_own: bool) -> None:
    own = np.roll(mask, 5, axis=1) & mask if with_own else None
    silhouette = Silhouette.from_mask(mask, left=3, top=-7.5, own=own)
    assert silhouette is not None
    again = Silhouette.from_bytes(silhouette.to_bytes())
    assert np.array_equal(again.covered, silhouette.covered)
    assert (again.own is None) == (silhouette.own is None)
    assert with_own is False or np.array_equal(again.own, silhouette.own)
    assert again.box == pytest.approx(silhouette.box, abs=1e-3)


@given(masks())
def test_silhouette_has_at_most_64_cells_along_a_side(mask: np.ndarray) -> None:
    silhouette = Silhouette.from_mask(mask)
    assert silhouette is not None
    assert max(silhouette.covered.shape) <= 65
    assert silhouette.cell >= 1


def test_empty_mask_has_no_silhouette() -> None:
    assert Silhouette.from_mask(np.zeros((10, 10), np.uint8)) is None


def test_masks_of_different_shapes_are_rejected() -> None:
    with pytest.raises(ValueError, match="one shape"):
        Silhouette.from_mask(np.ones((10, 10), np.uint8), own=np.ones((10, 9), np.uint8))


def test_silhouette_outside_the_canvas_draws_nothing() -> None:
    silhouette = Silhouette.from_mask(np.ones((10, 10), np.uint8), left=500)
    assert silhouette is not None
    canvas = np.zeros((50, 50), np.uint8)
    silhouette.draw(canvas, 1)
    assert not canvas.any()
