"""Small labelled data sets, and a preset that trains in a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sightline.registry import Registry
from sightline.training.images import (
    Manifest,
    Preset,
    Sample,
    TrainingData,
    load_preset,
    open_source,
    read_training_data,
    synthesize_pressure_maps,
)
from tests.training import QUICK


@pytest.fixture(scope="session")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """180 synthetic maps: five postures of six people."""
    folder = tmp_path_factory.mktemp("maps")
    synthesize_pressure_maps(folder, 180, people=6, seed=1)
    return folder


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Preset:
    path = tmp_path_factory.mktemp("preset") / "quick.toml"
    path.write_text(QUICK)
    return load_preset(path)


@pytest.fixture(scope="session")
def data(maps: Path, quick: Preset, tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return read_training_data(open_source(maps), quick, quick.recipe().input, tmp_path_factory.mktemp("pixels"))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models", builtin=tmp_path / "nothing")


@pytest.fixture(scope="session")
def manifest_of() -> Callable[[Sequence[tuple[str, int]]], Manifest]:
    """A function that builds a manifest from (label, unit) pairs, one per sample."""

    def build(rows: Sequence[tuple[str, int]]) -> Manifest:
        samples = tuple(
            Sample(name=f"{n}", uri=f"{n}", sha256=f"{n:064x}", label=label, group=f"g{unit}", unit=unit)
            for n, (label, unit) in enumerate(rows)
        )
        classes = tuple(sorted({label for label, _ in rows}))
        return Manifest(source="here", classes=classes, absent=(), samples=samples, unusable=())

    return build
