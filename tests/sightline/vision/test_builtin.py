"""The built-in vehicles model: a new registry can classify immediately."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sightline.registry import Registry
from sightline.training.common.manifest import MANIFEST, read_manifest_csv
from sightline.vision import ImageClassifier, Limits, decode, load_classifier

MEGABYTES = 2


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(tmp_path_factory.mktemp("registry") / "models")


@pytest.fixture(scope="module")
def classifier(registry: Registry) -> ImageClassifier:
    return load_classifier(registry, "vehicles")


def test_empty_registry_has_a_documented_vehicles_model(registry: Registry) -> None:
    record = registry.record("vehicles")
    pointer = registry.current("vehicles")
    assert pointer
    assert [move.how for move in pointer.history] == ["seeded"]
    assert record.classes == ("bicycle", "motorcycle")
    assert record.threshold == 0.93
    assert not record.data.synthetic
    assert record.metrics["ece_after"] <= record.metrics["ece_before"] + 0.02
    assert {"accuracy", "macro_f1", "share_accepted", "accuracy_accepted", "confusion_matrix"} <= record.metrics.keys()
    assert {"torch", "numpy"} <= record.libraries.keys()


def test_builtin_weights_are_small_and_without_code(registry: Registry) -> None:
    files = registry.open("vehicles")
    weights = [name for name in files.record.files if name.startswith(("backbone", "head"))]
    assert all(name.endswith(".safetensors") for name in weights)
    assert sum(files.record.files[name].size for name in files.record.files) <= MEGABYTES * 2**20
    assert not [name for name in files.record.files if name.endswith((".pkl", ".pt", ".pth", ".joblib"))]


def test_builtin_model_reaches_its_recorded_accuracy_on_new_images(
    registry: Registry, classifier: ImageClassifier, shared_data: Callable[[str], Path]
) -> None:
    files = registry.open("vehicles")
    rows = (files.folder / MANIFEST).read_text("utf-8").splitlines()[1:]
    tested = [row.split(",") for row in rows if row.split(",")[3] == "test"]
    assert len(read_manifest_csv((files.folder / MANIFEST).read_bytes())["test"]) == files.record.data.test
    folder = shared_data("vehicles")
    pixels = np.stack([decode((folder / row[4]).read_bytes(), classifier.input, Limits()).pixels for row in tested])
    predicted = classifier.predict(pixels)
    labels = np.array([classifier.classes.index(row[1]) for row in tested])
    accuracy = (predicted.argmax(axis=1) == labels).mean()
    assert accuracy == pytest.approx(files.record.metrics["accuracy"], abs=0.01)
    assert accuracy >= 0.85
