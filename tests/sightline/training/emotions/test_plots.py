"""The plots of a patient's model are readable pictures, whatever was found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.training.emotions import draw_plots, validate
from tests.emotions import QUICK, table_of


@pytest.mark.parametrize("classes", [2, 5], ids="{} classes".format)
def test_both_plots_are_pictures_with_something_on_them(classes: int, tmp_path: Path) -> None:
    table = table_of([f"emotion-{place}" for place in range(classes)] * 4)
    validation = validate(table, **QUICK | {"repeats": 1, "permutations": 0}).validation
    assert not validation.proven
    names = draw_plots(tmp_path, validation)
    assert names == ["confusion_matrix.png", "feature_importance.png"]
    for name in names:
        picture = np.asarray(Image.open(tmp_path / name).convert("L"))
        assert min(picture.shape) > 400
        assert max(picture.shape) < 1500, "it fits a page"
        assert (picture == 255).mean() > 0.2
        assert picture.std() > 10
        edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert (edge == 255).all(), "nothing is cut off"
