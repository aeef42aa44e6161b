"""Synthetic maps have the layout of a pressure mat, and names that mark them as synthetic."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline import storage
from sightline.errors import InvalidSetting
from sightline.storage import Location
from sightline.training.images import POSTURES, load_preset, synthesize_pressure_maps
from sightline.training.images.manifest import ClassTable
from sightline.training.images.synthetic import bodies, pressure_map


def test_maps_are_58_by_130_jpegs_with_names_of_the_preset(bucket: Location) -> None:
    files = synthesize_pressure_maps(bucket / "maps", 20, people=2, seed=3)
    assert storage.file_names(bucket / "maps") == sorted(file.name for file in files)
    table = ClassTable(load_preset("posture").labels)
    assert Counter(table.class_of(table.label(file.name) or "") for file in files) == dict.fromkeys(POSTURES, 4)
    assert {table.group(file.name) for file in files} == {"synthetic-s01", "synthetic-s02"}
    for file in files:
        image = Image.open(io.BytesIO(storage.read_bytes(file)))
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (58, 130))


def test_every_person_has_a_map_in_every_posture(tmp_path: Path) -> None:
    names = {file.name.rsplit("_", 1)[0] for file in synthesize_pressure_maps(tmp_path, 15, people=3)}
    assert len(names) == 15


def test_maps_are_reproducible_by_seed_and_independent_of_count(tmp_path: Path) -> None:
    few, more, other = (
        [file.read_bytes() for file in synthesize_pressure_maps(tmp_path / name, count, seed=seed)]
        for name, count, seed in (("few", 7, 1), ("more", 12, 1), ("other", 7, 2))
    )
    assert few == more[:7]
    assert len({*few, *other}) == 14


def test_pressure_is_distributed_as_the_posture_requires() -> None:
    maps = {
        name: np.mean([pressure_map(name, person, 10 * person, seed=5) for person in range(12)], axis=0)
        for name in POSTURES
    }
    left, right, supine, empty, prone = (maps[name] for name in POSTURES)
    assert all(average.shape == (130, 58) and average.min() >= 0 and average.max() <= 1 for average in maps.values())
    assert empty.mean() < 0.25 * min(left.mean(), right.mean(), supine.mean(), prone.mean())
    legs = slice(80, 120)
    assert left[legs, :24].sum() > 1.5 * left[legs, 34:].sum(), "the knees point to the left"
    assert right[legs, 34:].sum() > 1.5 * right[legs, :24].sum()
    for symmetric in (supine, prone):
        assert symmetric[:, :29].sum() == pytest.approx(symmetric[:, 29:].sum(), rel=0.3)
    knees = slice(84, 96)
    assert prone[knees].sum() > 1.5 * supine[knees].sum()


def test_body_table_has_expected_shape_and_value_ranges() -> None:
    table = bodies()
    assert {name: len(rows) for name, rows in table.items()} == {"left": 13, "supine": 16, "prone": 16}
    for rows in table.values():
        assert rows.shape[1] == 6
        assert np.abs(rows[:, [0, 2]]).max() <= 0.25
        assert rows[:, [1, 3]].min() >= 0
        assert rows[:, [1, 3]].max() <= 1
        assert ((rows[:, 4] > 0.01) & (rows[:, 4] < 0.06)).all()
        assert ((rows[:, 5] > 0) & (rows[:, 5] <= 1)).all()


@pytest.mark.parametrize(("count", "people"), [(0, 1), (1, 0), (-3, 2)])
def test_counts_below_one_are_rejected(count: int, people: int, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="Set both numbers to at least 1"):
        synthesize_pressure_maps(tmp_path, count, people=people)
    assert not list(tmp_path.iterdir())
