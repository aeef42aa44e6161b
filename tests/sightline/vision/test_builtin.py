"""The built-in models: a new registry can classify immediately, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sightline.registry import Registry
from sightline.statistics import wilson_interval
from sightline.training.common.manifest import MANIFEST, read_manifest_csv
from sightline.vision import Limits, decode, load_classifier
from sightline.vision.graph import GRAPH_FILE

CLASSES = {"vehicles": ("bicycle", "motorcycle"), "posture": ("left", "right", "supine")}
DATA = {"vehicles": "vehicles", "posture": "pressure-maps"}
BYTES = {"vehicles": 8_000_000, "posture": 2_000_000}
MINIMUM = {"vehicles": (0.96, 0.85, 0.985), "posture": (0.99, 0.95, 0.99)}
"""The accuracy, the share accepted, and the accuracy of the accepted images, on images that were not used."""

PREDICTING = """
import json, sys
import numpy as np
from sightline.registry import Registry
from sightline.storage import locate
from sightline.vision import load_classifier
classifier = load_classifier(Registry(locate(sys.argv[1])), sys.argv[2], device="cpu")
size = classifier.input
probabilities = classifier.predict(np.zeros((2, size.height, size.width, 3), np.uint8))
print(json.dumps(["torch" in sys.modules, classifier.backend, np.asarray(probabilities).shape]))
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(tmp_path_factory.mktemp("registry") / "models")


@pytest.mark.parametrize("name", CLASSES)
def test_empty_registry_has_documented_models(registry: Registry, name: str) -> None:
    record = registry.record(name)
    pointer = registry.current(name)
    assert pointer
    assert [move.how for move in pointer.history] == ["seeded"]
    assert record.classes == CLASSES[name]
    assert record.threshold == 0.93
    assert not record.data.synthetic
    metrics = record.metrics
    assert metrics["ece_after"] <= metrics["ece_before"] + 0.02
    assert {"accuracy", "macro_f1", "share_accepted", "accuracy_accepted", "confusion_matrix"} <= metrics.keys()
    for metric in ("accuracy", "share_accepted"):
        assert metrics[f"{metric}_interval"] == pytest.approx(wilson_interval(metrics[metric], record.data.test))
    assert {"torch", "numpy"} <= record.libraries.keys()
    assert not any("/" in value for value in (record.parameters["data"], record.data.source)), "no local folder"


def test_terms_of_data_and_weights_are_stated(registry: Registry) -> None:
    posture = registry.record("posture").parameters["terms"]
    assert "A Pressure Map Dataset for In-bed Posture Classification" in posture["data"]
    assert "opendatacommons.org/licenses/by/1-0" in posture["data"]
    vehicles = registry.record("vehicles").parameters["terms"]
    assert "CIFAR-100" in vehicles["data"]
    assert "Apache License 2.0" in vehicles["weights"]


def test_posture_claims_no_class_without_data(registry: Registry) -> None:
    record = registry.record("posture")
    assert record.parameters["absent_classes"] == ["outofbed", "prone"]
    assert all(report["support"] > 0 for report in record.metrics["per_class"].values())


def test_posture_was_validated_on_unseen_people(registry: Registry) -> None:
    record = registry.record("posture")
    validation = record.metrics["cross_validation"]
    assert validation["grouped"]
    assert record.data.groups == 10
    assert validation["pooled"]["pictures"] == record.data.samples
    assert min(validation["macro_f1"], validation["pooled_macro_f1"]) >= 0.99


@pytest.mark.parametrize("name", CLASSES)
def test_builtin_weights_are_small_and_without_code(registry: Registry, name: str) -> None:
    files = registry.open(name)
    weights = [file for file in files.record.files if file.startswith(("backbone", "head"))]
    assert GRAPH_FILE in weights
    assert all(file.endswith((".safetensors", ".onnx", ".ubj")) for file in weights)
    assert sum(entry.size for entry in files.record.files.values()) <= BYTES[name]
    assert not [file for file in files.record.files if file.endswith((".pkl", ".pt", ".pth", ".joblib"))]


@pytest.mark.parametrize("name", CLASSES)
def test_builtin_model_is_served_without_torch(registry: Registry, name: str) -> None:
    registry.open(name)
    command = [sys.executable, "-c", PREDICTING, str(registry.root), name]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(answer) == [False, "openvino-float32", [2, len(CLASSES[name])]]


@pytest.mark.parametrize("name", CLASSES)
def test_builtin_model_reaches_its_recorded_metrics_on_new_images(
    registry: Registry, name: str, shared_data: Callable[[str], Path]
) -> None:
    files = registry.open(name)
    classifier = load_classifier(registry, name)
    rows = (files.folder / MANIFEST).read_text("utf-8").splitlines()[1:]
    tested = [row.split(",") for row in rows if row.split(",")[3] == "test"]
    assert len(read_manifest_csv((files.folder / MANIFEST).read_bytes())["test"]) <= len(tested)
    assert len(tested) == files.record.data.test
    folder = shared_data(DATA[name])
    pixels = np.stack([decode((folder / row[4]).read_bytes(), classifier.input, Limits()).pixels for row in tested])
    predicted = classifier.predict(pixels)
    labels = np.array([classifier.classes.index(row[1]) for row in tested])
    right, accepted = predicted.argmax(axis=1) == labels, predicted.max(axis=1) >= classifier.threshold
    found = (right.mean(), accepted.mean(), right[accepted].mean())
    metrics = files.record.metrics
    expected = (metrics["accuracy"], metrics["share_accepted"], metrics["accuracy_accepted"])
    assert found == pytest.approx(expected, abs=0.01)
    assert all(value >= minimum for value, minimum in zip(found, MINIMUM[name], strict=True))
