"""Imported models predict what the libraries that wrote them predict, and are not in use."""

from __future__ import annotations

import itertools
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from torch import nn
from torchvision.models import convnext_tiny, mobilenet_v3_small, resnet18
from xgboost import XGBClassifier

from flows.import_model import import_model
from sightline.affect import load_emotion_model
from sightline.errors import InvalidInput, InvalidSetting
from sightline.features import FEATURE_NAMES
from sightline.registry import ImageInput, ModelNotFound, Registry
from sightline.settings import settings
from sightline.training import emotions
from sightline.training.importing import contents
from sightline.training.importing.networks import network_of
from sightline.vision import load_classifier

CLASSES = ("left", "right", "supine")
SIDE = 64
NETWORKS: dict[str, Callable[..., nn.Module]] = {"convnext_tiny": convnext_tiny, "resnet18": resnet18}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_bundled_models: None) -> Iterator[Registry]:
    """A registry whose files, hundreds of megabytes, do not remain after the test."""
    for name in ("model", "patients", "video"):
        monkeypatch.setenv(f"{name}_BUCKET".upper(), str(tmp_path / name))
    settings.cache_clear()
    yield Registry(tmp_path / "model")
    shutil.rmtree(tmp_path)


def network(name: str, seed: int = 0, classes: int = len(CLASSES)) -> nn.Module:
    torch.manual_seed(seed)
    return NETWORKS[name](num_classes=classes).eval()


def saved(content: Any, path: Path) -> str:
    if path.suffix == ".pth":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    return str(path)


def pictures(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)


def normalised(pixels: NDArray[np.uint8], size: ImageInput) -> torch.Tensor:
    scaled = (pixels / 255.0 - np.array(size.mean)) / np.array(size.std)
    return torch.from_numpy(scaled.astype(np.float32)).permute(0, 3, 1, 2)


# The wrapping is removed before the network is recognised, so not every network is needed in every wrapping.
@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("resnet18", lambda state: state),
        pytest.param(
            "resnet18",
            lambda state: {"epoch": 3, "model_state_dict": state, "optimizer": {"lr": 0.1}},
            marks=pytest.mark.soak,
        ),
        ("convnext_tiny", lambda state: {f"module.{key}": value for key, value in state.items()}),
        ("resnet18", lambda state: {key: value.half() if value.ndim > 1 else value for key, value in state.items()}),
    ],
    ids=["state dict", "checkpoint", "parallel", "half"],
)
def test_network_predicts_as_torchvision_does(
    name: str, wrap: Callable[[Any], Any], registry: Registry, tmp_path: Path
) -> None:
    original = network(name)
    state = wrap(original.state_dict())
    if wrap(original.state_dict()) and any(
        v.dtype == torch.float16 for v in state.values() if isinstance(v, torch.Tensor)
    ):
        original.load_state_dict({key: value.float() for key, value in state.items()}, strict=False)
    file = saved(state, tmp_path / "network.pth")
    result = import_model(file, name="posture", classes=",".join(CLASSES), size=SIDE)
    assert (result.evaluated, result.current, result.version) == (False, False, 1)
    assert "never evaluated" in str(result)
    record = registry.record("posture", 1)
    assert record.architecture["backbone"] == name
    assert record.metrics == {"evaluation": "never evaluated"}
    assert record.parameters["imported"][0]["file"] == "network.pth"
    with pytest.raises(ModelNotFound, match="none of its versions"):
        registry.record("posture")
    classifier = load_classifier(registry, "posture/1", backend="torch", device="cpu")
    pixels = pictures(4)
    with torch.inference_mode():
        expected = original(normalised(pixels, classifier.input)).softmax(1).numpy()
    np.testing.assert_allclose(classifier.predict(pixels), expected, atol=2e-4)


def without_last_layer(name: str) -> nn.Module:
    """Return a network of torchvision whose outputs are the embeddings."""
    torch.manual_seed(0)
    if name == "mobilenet_v3_small":
        small = mobilenet_v3_small().eval()
        small.classifier = nn.Sequential()
        return small
    large = convnext_tiny().eval()
    large.classifier[2] = nn.Identity()
    return large


# The protocol, the number of classes and the network are read by different code.
@pytest.mark.parametrize(
    ("protocol", "count", "name"),
    [
        (2, 3, "mobilenet_v3_small"),
        pytest.param(4, 2, "convnext_tiny", marks=pytest.mark.soak),
        (5, 2, "mobilenet_v3_small"),
    ],
)
def test_boosted_trees_predict_as_xgboost_does(
    protocol: int, count: int, name: str, registry: Registry, tmp_path: Path
) -> None:
    backbone = without_last_layer(name)
    pixels = pictures(30)
    size = ImageInput(width=SIDE, height=SIDE, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    with torch.inference_mode():
        embeddings = backbone(normalised(pixels, size)).numpy()
    trees = XGBClassifier(n_estimators=5, max_depth=3).fit(embeddings, np.arange(30) % count)
    (tmp_path / "trees.pkl").write_bytes(pickle.dumps(trees, protocol))
    file = saved(backbone.state_dict(), tmp_path / "embed.pth")
    classes = CLASSES[:count]
    import_model(file, name="posture", head=str(tmp_path / "trees.pkl"), classes=",".join(classes), size=SIDE)
    classifier = load_classifier(registry, "posture/1", backend="torch", device="cpu")
    # On the same embeddings: a rounding error beside a threshold changes the leaf.
    np.testing.assert_allclose(classifier.embed(pixels), embeddings, atol=1e-3)
    np.testing.assert_allclose(classifier.predict(pixels), trees.predict_proba(classifier.embed(pixels)), atol=1e-6)


def test_boosted_trees_for_other_classes_are_refused(registry: Registry, tmp_path: Path) -> None:
    trees = XGBClassifier(n_estimators=2).fit(np.eye(2), [0, 1])
    head = saved(trees, tmp_path / "trees.pkl")
    file = saved(without_last_layer("mobilenet_v3_small").state_dict(), tmp_path / "embed.pth")
    with pytest.raises(InvalidInput, match=r"a head for 2 classes and embeddings of 2; expected 4 classes"):
        import_model(file, name="posture", head=head, classes="a,b,c,d", size=SIDE)


def test_network_is_calibrated_and_measured_on_given_images(registry: Registry, tmp_path: Path) -> None:
    original, rng = network("resnet18", classes=2), np.random.default_rng(0)
    (tmp_path / "maps").mkdir()
    for number in range(40):
        for label, brightness in (("left", 60), ("right", 180)):
            pixels = np.clip(rng.normal(brightness, 30, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "maps" / f"{label}_s{number}_1.png")
    file = saved(original.state_dict(), tmp_path / "network.pth")
    result = import_model(file, name="posture", classes="left,right", size=SIDE, data=str(tmp_path / "maps"))
    assert result.evaluated
    record = registry.record("posture", 1)
    assert record.data.train == 0
    assert record.data.test + record.data.validation == 80
    assert registry.current("posture") is None
    classifier = load_classifier(registry, "posture/1", backend="torch", device="cpu")
    manifest = (registry.open("posture", 1).folder / "manifest.csv").read_text().splitlines()[1:]
    rows = [row.split(",") for row in manifest if ",test," in row]
    tested = np.stack([np.asarray(Image.open(tmp_path / "maps" / row[4])) for row in rows])
    with torch.inference_mode():
        predicted = original(normalised(tested, classifier.input)).argmax(1).tolist()
    right = [("left", "right")[index] == row[1] for index, row in zip(predicted, rows, strict=True)]
    assert record.metrics["accuracy"] == pytest.approx(np.mean(right))


@pytest.mark.parametrize(
    ("content", "options", "problem"),
    [
        (lambda: {"a": torch.zeros(3)}, {}, "is none of torchvision's"),
        (lambda: network("resnet18").state_dict(), {"classes": "a,b"}, "for 3 classes"),
        (lambda: mobilenet_v3_small(num_classes=3).state_dict(), {}, "without a single last layer"),
        (lambda: {**network("resnet18").state_dict(), "bn1.weight": torch.full((64,), torch.inf)}, {}, "infinite"),
    ],
)
def test_network_that_does_not_fit_is_not_published(
    content: Callable[[], Any], options: dict[str, Any], problem: str, registry: Registry, tmp_path: Path
) -> None:
    file = saved(content(), tmp_path / "network.pth")
    with pytest.raises(InvalidInput, match=problem):
        import_model(file, **{"name": "posture", "classes": ",".join(CLASSES), **options})
    assert registry.versions("posture") == []


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("fc.weight", np.full((3, 512), np.nan, np.float32), "not finite"),
        ("extra", np.zeros(1, np.float32), "has body.extra"),
    ],
)
def test_network_with_invalid_or_additional_weights_is_refused(
    name: str, value: NDArray[np.float32], problem: str
) -> None:
    weights = {key: tensor.numpy() for key, tensor in network("resnet18").state_dict().items()}
    with pytest.raises(InvalidInput, match=problem):
        network_of("network.pth", {**weights, name: value})


def forest(classes: int = 3, trees: int = 5) -> tuple[Any, Any, Any, NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    features = rng.normal(10, 5, (60, len(FEATURE_NAMES)))
    names = np.array(["Happiness", "sadness", "angry"])[np.arange(60) % classes]
    encoder, scaler = LabelEncoder().fit(names), StandardScaler().fit(features)
    model = RandomForestClassifier(trees, random_state=42)
    return model.fit(scaler.transform(features), encoder.transform(names)), scaler, encoder, features


CONTAINERS = ["dict", "tuple", "pipeline", "without scaler", "names in the forest"]


# Each container in the newest protocol, and one in the oldest; with the soak tests, each in both and one in all.
@pytest.mark.parametrize(
    ("how", "protocol"),
    [
        *itertools.product(CONTAINERS, [5]),
        ("dict", 0),
        *(pytest.param(how, 0, marks=pytest.mark.soak) for how in CONTAINERS[1:]),
        *(pytest.param("dict", protocol, marks=pytest.mark.soak) for protocol in (2, 3, 4)),
    ],
)
def test_forest_predicts_as_scikit_learn_does(how: str, protocol: int, registry: Registry, tmp_path: Path) -> None:
    model, scaler, encoder, features = forest()
    expected, order = model.predict_proba(scaler.transform(features)), ["happy", "angry", "sad"]
    content: Any = {"model": model, "scaler": scaler, "label_encoder": encoder, "feature_names": list(FEATURE_NAMES)}
    if how == "tuple":
        content = (model, scaler, encoder)
    elif how == "pipeline":
        content = [make_pipeline(scaler, model), encoder]
    elif how == "without scaler":
        content, expected = [model, encoder], model.predict_proba(features)
    elif how == "names in the forest":
        content = RandomForestClassifier(5, random_state=42).fit(features, encoder.inverse_transform(np.arange(60) % 3))
        expected = content.predict_proba(features)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(content, protocol))
    result = import_model(str(tmp_path / "model.pkl"), name="Ana B")
    assert (result.evaluated, result.current) == (False, False)
    assert set(result.classes) == set(order)
    loaded = load_emotion_model(registry, "Ana B", 1)
    # The classes in the encoder's order: Happiness, angry, sadness.
    clipped = np.maximum(expected, 1e-3)
    np.testing.assert_allclose(loaded.predict_rows(features), clipped / clipped.sum(1, keepdims=True), atol=1e-9)
    assert loaded.classes == tuple(order)


def test_forest_is_measured_on_the_patients_sessions(registry: Registry, tmp_path: Path) -> None:
    emotions.write_synthetic_sessions(
        tmp_path / "patients", "ana", video_bucket=tmp_path / "video", emotions=("happy", "sad"), sessions_per_emotion=4
    )
    model, scaler, encoder, _ = forest()
    file = saved({"model": model, "scaler": scaler, "label_encoder": encoder}, tmp_path / "model.pkl")
    result = import_model(file, name="ana", data="sessions")
    assert (result.evaluated, result.samples, result.current) == (True, 8, False)
    assert result.accuracy is not None
    assert 0 <= result.accuracy <= 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda: RandomForestClassifier(2).fit(np.eye(3), [0, 1, 2]), "not for 88"),
        (lambda: RandomForestClassifier(2).fit(np.ones((4, 88)), [0, 1, 0, 1]), "not names of emotions"),
        (lambda: XGBClassifier(n_estimators=2).fit(np.eye(4), [0, 1, 0, 1]), "boosted trees"),
        (lambda: [forest()[0], forest()[0]], "more than one RandomForestClassifier"),
        (lambda: StandardScaler().fit(np.eye(3)), "not exactly one classifier"),
    ],
)
def test_pickle_of_another_model_is_refused(
    content: Callable[[], Any], problem: str, registry: Registry, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        import_model(saved(content(), tmp_path / "model.pkl"), name="ana")
    assert list((tmp_path / "model").glob("*/*/record.json")) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("0.left_child", 999), ("0.left_child", 0), ("0.feature", 88), ("0.threshold", np.nan), ("0.values", -1.0)],
)
def test_forest_with_an_invalid_tree_is_refused(field: str, value: float) -> None:
    from sightline.training.importing.emotions import forest_of

    model, scaler, encoder, _ = forest()
    read = contents.read_estimators(pickle.dumps([model, scaler, encoder]))
    arrays = {name: array.copy() for name, array in read.arrays.items()}
    arrays[field].reshape(-1)[0] = value
    with pytest.raises(InvalidInput, match="invalid tree"):
        forest_of("model.pkl", contents.Contents(arrays, read.values))


def test_options_of_the_other_kind_are_refused(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="--classes"):
        import_model("model.pkl", name="ana", classes="a,b")
    with pytest.raises(InvalidSetting, match="--data sessions"):
        import_model("model.pkl", name="ana", data="folder")
    with pytest.raises(InvalidSetting, match="Add --preset"):
        import_model("model.pth", name="cats")
