"""A model's weights round-trip, and other files are rejected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sightline.registry import FileEntry, ModelDamaged, ModelFiles, ModelRecord
from sightline.vision import BACKBONES, create_backbone, load_weights, save_classifier
from sightline.vision.heads import LinearHead
from tests.images import draft


def files(folder: Path, **architecture: Any) -> ModelFiles:
    parts = {"backbone": "baseline_cnn", "head": "linear", **architecture}
    entries = {file.name: FileEntry(sha256="0" * 64, size=1) for file in folder.iterdir()}
    fields = draft(architecture={name: part for name, part in parts.items() if part is not None}).model_dump()
    return ModelFiles(ModelRecord(**fields, version=1, files=entries), folder)


def save(folder: Path, name: str = "baseline_cnn", **options: Any) -> tuple[Any, LinearHead]:
    torch.manual_seed(0)
    backbone = create_backbone(name).eval()
    head = LinearHead(np.ones((2, backbone.embedding_size)), np.zeros(2))
    assert save_classifier(folder, backbone, head, **options) == [
        folder / "backbone.safetensors",
        folder / "head.safetensors",
    ]
    return backbone, head


LARGE = "convnext_tiny"  # drawing its random weights takes many times as long as the other tests


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == LARGE else ()) for name in BACKBONES]
)
def test_saved_backbone_predicts_the_same(name: str, tmp_path: Path) -> None:
    backbone, _ = save(tmp_path, name)
    loaded, _ = load_weights(files(tmp_path, backbone=name))
    weights = loaded.state_dict()
    assert all(torch.equal(weights[key], tensor) for key, tensor in backbone.state_dict().items())
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = backbone(images)
        # The last digit depends on the memory address of the weights.
        assert (loaded(images) - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert not loaded.training
    assert not any(tensor.is_meta for tensor in (*loaded.parameters(), *loaded.buffers()))


@pytest.mark.parametrize("name", ["baseline_cnn", "pressure_net", "patch_net"])
def test_float16_weights_predict_nearly_the_same(name: str, tmp_path: Path) -> None:
    backbone, _ = save(tmp_path, name)
    complete = (tmp_path / "backbone.safetensors").stat().st_size
    save(tmp_path, name, half=True)
    assert (tmp_path / "backbone.safetensors").stat().st_size < 0.6 * complete
    loaded, _ = load_weights(files(tmp_path, backbone=name))
    assert {tensor.dtype for tensor in loaded.parameters()} == {torch.float32}
    images = torch.randn(4, 3, 32, 32)
    with torch.inference_mode():
        expected = backbone(images)
        assert (loaded(images) - expected).abs().max() < 0.01 * expected.abs().max()


@pytest.mark.parametrize(("value", "half"), [(float("nan"), False), (float("inf"), False), (1e6, True)])
def test_invalid_weights_are_not_written(value: float, half: bool, tmp_path: Path) -> None:
    backbone = create_backbone("baseline_cnn")
    with torch.no_grad():
        next(parameter for parameter in backbone.parameters() if parameter.ndim > 1).view(-1)[0] = value
    with pytest.raises(ValueError, match="not finite"):
        save_classifier(tmp_path, backbone, LinearHead(np.ones((2, 128)), np.zeros(2)), half=half)
    assert list(tmp_path.iterdir()) == []


def damage(folder: Path, kind: str) -> str:
    """Damage the backbone's file, and return the affected tensor."""
    path = folder / "backbone.safetensors"
    tensors = load_file(path)
    name = sorted(name for name, tensor in tensors.items() if tensor.ndim > 1)[0]
    if kind == "missing":
        del tensors[name]
    elif kind == "misshaped":
        tensors[name] = tensors[name][:1].contiguous()
    else:
        name = "zzz.extra"
        tensors[name] = torch.zeros(1)
    save_file(tensors, path)
    return name


@pytest.mark.parametrize(
    ("kind", "message"), [("missing", "lacks {}"), ("extra", "has unexpected {}"), ("misshaped", "has {} of shape")]
)
def test_weights_of_another_network_are_rejected_by_name(kind: str, message: str, tmp_path: Path) -> None:
    save(tmp_path)
    name = damage(tmp_path, kind)
    with pytest.raises(ModelDamaged) as caught:
        load_weights(files(tmp_path))
    assert message.format(name) in str(caught.value)
    assert str(tmp_path / "backbone.safetensors") in str(caught.value)


class Payload:
    """An object that runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("file", ["backbone.safetensors", "head.safetensors"])
@pytest.mark.parametrize("damage", ["pickle", "truncated", "empty", "missing"])
def test_other_formats_are_rejected_and_no_pickle_is_opened(file: str, damage: str, tmp_path: Path) -> None:
    save(tmp_path)
    path = tmp_path / file
    if damage == "pickle":
        torch.save({"weights": Payload()}, path)
    elif damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: 100 if damage == "truncated" else 0])
    with pytest.raises(ModelDamaged, match=file):
        load_weights(files(tmp_path))


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ({"backbone": "alexnet"}, "its backbone is 'alexnet', which is not one of convnext_tiny"),
        ({"backbone": None}, "its backbone is 'None'"),
        ({"head": "svc"}, "its head is 'svc', which is not one of linear, xgboost"),
        ({"head": None}, "its head is 'None'"),
        ({"head": "xgboost"}, "head.ubj"),
        ({"backbone": "pressure_net"}, "not the weights of pressure_net"),
    ],
)
def test_record_that_contradicts_its_files_is_damaged(
    architecture: dict[str, Any], message: str, tmp_path: Path
) -> None:
    save(tmp_path)
    with pytest.raises(ModelDamaged, match=message):
        load_weights(files(tmp_path, **architecture))


@pytest.mark.parametrize("shape", [(3, 128), (2, 100)])
def test_mismatched_head_is_rejected(shape: tuple[int, int], tmp_path: Path) -> None:
    save(tmp_path)
    LinearHead(np.ones(shape), np.zeros(shape[0])).save(tmp_path / "head.safetensors")
    with pytest.raises(ModelDamaged, match="expected 2 classes and embeddings of 128"):
        load_weights(files(tmp_path))
