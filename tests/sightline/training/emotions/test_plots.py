"""The plots of a patient's model are readable for any result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.training.emotions import draw_plots, validate
from tests.emotions import QUICK, table_of


@pytest.mark.parametrize("classes", [2, 5], ids="{} classes".format)
def test_both_plots_are_images_that_are_not_blank(classes: int, tmp_path: Path) -> None:
    table = table_of([f"emotion-{place}" for place in range(classes)] * 4)
    validation = validate(table, **QUICK | {"repeats": 1, "permutations": 0}).validation
    assert not validation.proven
    names = draw_plots(tmp_path, validation)
    assert names == ["confusion_matrix.png", "feature_importance.png"]
    for name in names:
        image = np.asarray(Image.open(tmp_path / name).convert("L"))
        assert min(image.shape) > 400
        assert max(image.shape) < 1500, "a plot fits on a page"
        assert (image == 255).mean() > 0.2
        assert image.std() > 10
        edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert (edge == 255).all(), "nothing is cut off"
