"""A file that is not the model of its record raises ModelDamaged with its name, whatever it is."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.affect import load_emotion_model
from sightline.ranking.model import load_ranker
from sightline.registry import ModelDamaged, ModelRecord, Registry
from sightline.vision import create_backbone, load_classifier, save_classifier
from sightline.vision.heads import XGBoostHead
from tests.images import draft, publish_by_brightness
from tests.ranking import publish_brightness
from tests.sightline.affect.conftest import CLASSES, FEATURES
from tests.sightline.affect.conftest import publish as emotion_model


@dataclass(frozen=True)
class Published:
    """One file of a published model, and the function that loads the model."""

    folder: Path
    file: str
    load: Callable[[], Any]

    @property
    def path(self) -> Path:
        return self.folder / self.file

    def write(self, content: bytes) -> None:
        """Replace the file and its entry in the record: the loader gets it, as if it had been published so."""
        self.path.write_bytes(content)
        record = json.loads((self.folder / "record.json").read_text())
        record["files"][self.file] = {"sha256": sha256(content).hexdigest(), "size": len(content)}
        (self.folder / "record.json").write_text(json.dumps(record))


def publish_trees(registry: Registry, folder: Path) -> ModelRecord:
    import xgboost

    rng = np.random.default_rng(0)
    trees = xgboost.train(
        {"objective": "binary:logistic"}, xgboost.DMatrix(rng.normal(size=(60, 128)), label=rng.integers(0, 2, 60)), 3
    )
    folder.mkdir()
    save_classifier(folder, create_backbone("baseline_cnn").eval(), XGBoostHead(trees))
    architecture = {"backbone": "baseline_cnn", "head": "xgboost", "flip": False, "half": False}
    return registry.publish(draft("trees", architecture=architecture), folder)


FILES = {
    "model.skops": ("patient--ana", "emotion"),
    "ranker.onnx": ("running-style", "ranking"),
    "backbone.safetensors": ("vehicles", "classes"),
    "head.safetensors": ("vehicles", "classes"),
    "head.ubj": ("trees", "classes"),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a model of every kind."""
    folder = tmp_path_factory.mktemp("originals")
    registry = Registry(folder / "models", builtin=folder / "none")
    publish_by_brightness(registry)
    publish_brightness(registry)
    publish_trees(registry, folder / "trees")
    emotion_model.__wrapped__(registry, folder)("ana")  # type: ignore[attr-defined]
    return folder / "models"


@pytest.fixture(params=FILES)
def published(request: pytest.FixtureRequest, originals: Path, tmp_path: Path) -> Published:
    import shutil

    name, task = FILES[request.param]
    shutil.copytree(originals / name, tmp_path / "models" / name)
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    load: Callable[[], Any] = {
        "emotion": lambda: load_emotion_model(registry, "ana").predict(dict.fromkeys(FEATURES, 0.0)),
        "ranking": lambda: load_ranker(registry, name).scores([np.zeros((40, 30, 3), np.uint8)]),
        "classes": lambda: load_classifier(registry, f"{name}/1", device="cpu", backend="torch"),
    }[task]
    published = Published(tmp_path / "models" / name / "1", request.param, load)
    published.load()
    return published


def archive(**members: str) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, text in members.items():
            file.writestr(name.replace("_", "."), text)
    return content.getvalue()


NOT_MODELS = {
    "empty": b"",
    "one byte": b"{",
    "random": random.Random(0).randbytes(5000),
    "zeros": bytes(1000),
    "text": b"a text\n" * 100,
    "html": b"<!doctype html><title>404</title>",
    "json": b'{"learner": {}}',
    "json object": b"{}",
    "json list": b"[]",
    "npy": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }",
    "zip of a text": archive(readme_txt="a"),
    "zip without members": archive(),
    "zip with a list as schema": archive(schema_json="[1, 2]"),
    "zip with an object as schema": archive(schema_json='{"__class__": "Pipeline"}'),
    "zip with a damaged schema": archive(schema_json="{"),
    "safetensors header of 2**63 bytes": b"\x00" * 7 + b"\x80{}",
    "safetensors without tensors": b"\x02" + bytes(7) + b"{}",
    "UBJSON object": b"{}",
    "UBJSON array of 2**62 numbers": b"{i\x01a[$d#L\x40" + bytes(7),
    "nested UBJSON": b"{" + b"i\x01a{" * 100_000,
}


@pytest.mark.parametrize("content", NOT_MODELS.values(), ids=NOT_MODELS)
def test_other_content_is_damaged(content: bytes, published: Published) -> None:
    published.write(content)
    check_damaged(published)


@pytest.mark.parametrize("other", FILES)
def test_model_of_another_format_is_damaged(other: str, published: Published, originals: Path) -> None:
    if other != published.file:
        published.write((originals / FILES[other][0] / "1" / other).read_bytes())
        check_damaged(published)


def test_truncated_file_is_damaged(published: Published) -> None:
    content, chance = published.path.read_bytes(), random.Random(1)
    for size in [1, len(content) // 2, len(content) - 1, *(chance.randrange(len(content)) for _ in range(30))]:
        published.write(content[:size])
        check_damaged(published)


def test_changed_bits_never_match_the_record(published: Published) -> None:
    content, chance = published.path.read_bytes(), random.Random(2)
    for _ in range(30):
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        published.path.write_bytes(changed)
        check_damaged(published)


@pytest.mark.parametrize("published", [file for file in FILES if file != "head.ubj"], indirect=True)
def test_bits_that_changed_before_publishing_are_damaged_or_a_model(published: Published) -> None:
    """XGBoost trusts the node numbers of its trees, so that only the hash in the record protects them."""
    content, chance = published.path.read_bytes(), random.Random(3)
    for _ in range(40):
        changed = bytearray(content)
        changed[chance.randrange(min(len(content), chance.choice([200, 10**9])))] ^= 1 << chance.randrange(8)
        published.write(bytes(changed))
        with suppress(ModelDamaged):
            published.load()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("published", ["backbone.safetensors", "head.safetensors"], indirect=True)
def test_numbers_that_are_not_finite_are_damaged(value: float, published: Published) -> None:
    from safetensors.numpy import load, save

    tensors = load(published.path.read_bytes())
    name = max(tensors, key=lambda name: tensors[name].size)
    tensors[name] = tensors[name].copy()
    tensors[name].flat[-1] = value
    published.write(save(tensors))
    check_damaged(published, "finite|undefined")


@pytest.mark.parametrize("published", ["model.skops"], indirect=True)
@pytest.mark.parametrize("kind", ["regression", "more classes", "not fitted"])
def test_other_pipeline_is_damaged(kind: str, published: Published, tmp_path: Path) -> None:
    import skops.io
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.pipeline import make_pipeline

    rows, labels = np.random.default_rng(0).normal(size=(20, len(FEATURES))), np.arange(20) % (len(CLASSES) + 1)
    forest = make_pipeline((RandomForestRegressor if kind == "regression" else RandomForestClassifier)(3))
    skops.io.dump(forest if kind == "not fitted" else forest.fit(rows, labels), tmp_path / "other.skops")
    published.write((tmp_path / "other.skops").read_bytes())
    check_damaged(published)


def check_damaged(published: Published, problem: str | None = None) -> None:
    with pytest.raises(ModelDamaged, match=problem) as caught:
        published.load()
    assert str(published.path) in str(caught.value)
