"""All plots are readable images for any test result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.training.images.plots import draw_plots
from sightline.vision.heads import probabilities

NAMES = ["confusion-matrix", "per-class", "precision-recall", "reliability", "threshold", "confidence", "training"]


@pytest.mark.parametrize("classes", [2, 5, 100], ids="{} classes".format)
def test_every_plot_is_a_readable_image_of_page_size(classes: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, 10 * classes)
    logits = rng.normal(0, 1, (len(labels), classes)) + 4 * np.eye(classes)[labels]
    names = draw_plots(
        tmp_path, before=probabilities(logits * 3), after=probabilities(logits), labels=labels,
        classes=[f"class-{n}" for n in range(classes)], threshold=0.93, losses=[1.2, 0.6, 0.4],
    )  # fmt: skip
    assert names == [f"{name}.png" for name in NAMES]
    for name in names:
        image = np.asarray(Image.open(tmp_path / name).convert("L"))
        assert image.shape[0] > 250
        assert image.shape[1] > 250
        assert max(image.shape) < 3000, "a plot fits on a page"
        assert (image == 255).mean() > 0.2
        assert image.std() > 10


def test_plots_of_uniform_and_perfect_predictions_are_drawn(tmp_path: Path) -> None:
    for place, predicted in enumerate((np.full((6, 3), 1 / 3), np.eye(3)[[0, 1, 2, 0, 1, 2]])):
        folder = tmp_path / f"{place}"
        folder.mkdir()
        names = draw_plots(
            folder, before=predicted, after=predicted, labels=np.array([0, 1, 2, 0, 1, 2]), classes=["a", "b", "c"],
            threshold=0.93, losses=[1.0],
        )  # fmt: skip
        assert all((folder / name).stat().st_size > 1000 for name in names)
