"""A trained model becomes the version that a new registry starts with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.registry import Registry
from sightline.training.images.bundling import TERMS, bundle
from sightline.vision import load_classifier
from tests.images import publish_by_brightness


def test_bundled_model_seeds_a_new_registry_with_its_terms(registry: Registry, tmp_path: Path) -> None:
    publish_by_brightness(registry, parameters={"data": "/home/kim/vehicles", "preset": "vehicles"})
    trained = publish_by_brightness(registry, parameters={"data": "/home/kim/vehicles", "preset": "vehicles"})
    (tmp_path / "builtin" / "vehicles").mkdir(parents=True)
    (tmp_path / "builtin" / "vehicles" / "of-an-earlier-model.png").write_bytes(b"")
    bundle(registry, "vehicles", tmp_path / "builtin" / "vehicles")
    assert not (tmp_path / "builtin" / "vehicles" / "of-an-earlier-model.png").exists()

    new = Registry(tmp_path / "new", builtin=tmp_path / "builtin")
    record = new.record("vehicles")
    assert (trained.version, record.version) == (2, 1)
    assert record.files == trained.files
    assert record.parameters["preset"] == "vehicles"
    assert record.parameters["data"] == trained.data.source, "the folder of the data stays private"
    assert "CIFAR-100" in record.parameters[TERMS]["data"]
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    predicted = [load_classifier(place, "vehicles", device="cpu").predict(pixels) for place in (registry, new)]
    assert np.array_equal(*predicted)


def test_model_without_terms_is_not_bundled(registry: Registry, tmp_path: Path) -> None:
    publish_by_brightness(registry, "dogs")
    with pytest.raises(KeyError, match="dogs"):
        bundle(registry, "dogs", tmp_path / "dogs")
    assert not (tmp_path / "dogs").exists()
