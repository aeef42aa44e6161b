"""Backbones by name: their inputs, their embeddings, and the errors."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import InvalidSetting
from sightline.vision.backbones import BACKBONES, WeightsUnavailable, create_backbone
from sightline.vision.half import Rounded
from sightline.vision.nets import PatchNet, _FieldMeans

QUICK_BACKBONES = ["resnet18", "patch_net", "three_patch_nets", "pressure_net", "baseline_cnn"]


def images(count: int = 3, height: int = 32, width: int = 32) -> torch.Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", BACKBONES)
def test_backbone_embeddings_have_the_declared_size(name: str) -> None:
    backbone = create_backbone(name).eval()
    with torch.inference_mode():
        embeddings = backbone(images())
    assert embeddings.shape == (3, backbone.embedding_size)
    assert torch.isfinite(embeddings).all()


@pytest.mark.parametrize("name", QUICK_BACKBONES)
def test_embedding_is_independent_of_the_batch(name: str) -> None:
    backbone = create_backbone(name).eval()
    with torch.inference_mode():
        together = backbone(images())
        alone = torch.cat([backbone(image[None]) for image in images()])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", QUICK_BACKBONES)
def test_same_seed_gives_same_weights(name: str) -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(5)
        weights.append(create_backbone(name).state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_unknown_backbone_is_rejected_with_the_choices() -> None:
    with pytest.raises(InvalidSetting, match=r"'resnet9000' is not a backbone.*convnext_tiny.*patch_net"):
        create_backbone("resnet9000")


@pytest.mark.parametrize("name", QUICK_BACKBONES)
def test_missing_pretrained_weights_are_an_error(name: str) -> None:
    with pytest.raises(WeightsUnavailable, match=f"{name}.*--no-pretrained"):
        create_backbone(name, pretrained=True)


def test_failed_weights_download_names_both_fixes(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(WeightsUnavailable, match=r"no route to host.*download\.pytorch\.org.*--no-pretrained"):
        create_backbone("mobilenet_v3_small", pretrained=True)


@given(st.floats(0.2, 5), st.floats(-1, 1))
@settings(max_examples=20, deadline=None)
def test_patch_similarity_ignores_brightness_and_contrast(contrast: float, light: float) -> None:
    net = PatchNet(side=6, patches=8, stride=2, pool=2, width=8).eval()
    net.NOISE = 0.0  # type: ignore[misc]
    net.filters.data -= net.filters.mean((1, 2, 3), keepdim=True)
    with torch.inference_mode():
        torch.testing.assert_close(net(images()), net(images() * contrast + light), atol=2e-3, rtol=1e-3)


def test_spot_is_most_similar_to_its_own_patch() -> None:
    net = PatchNet(side=6, patches=16, stride=1, pool=3, width=8)
    filters = torch.randn(16, 3, 6, 6)
    net.filters.data = filters - filters.mean((1, 2, 3), keepdim=True)
    scene = images(1) * 0.1
    scene[0, :, 10:16, 4:10] = net.filters[3]
    similarity = net.similarity(scene)
    assert np.unravel_index(int(similarity.argmax()), similarity.shape) == (0, 3, 10, 4)


@pytest.mark.parametrize("name", ["baseline_cnn", "patch_net", "three_patch_nets"])
def test_emulated_half_precision_matches_torch(name: str) -> None:
    torch.manual_seed(0)
    backbone = create_backbone(name).eval()
    inputs = images(16)
    with torch.inference_mode():
        exact = backbone(inputs)
        rounded = Rounded(copy.deepcopy(backbone), torch.bfloat16)(inputs)
        native = copy.deepcopy(backbone).bfloat16()(inputs.bfloat16()).float()
    assert torch.equal(rounded, rounded.bfloat16().float())
    error, native_error = ((outputs - exact).square().mean().sqrt() for outputs in (rounded, native))
    assert 0.5 < error / native_error < 2
    assert torch.equal(backbone(inputs), exact)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_field_means_are_torchs_adaptive_pooling(rows: int, columns: int, height: int, width: int) -> None:
    values = images(2, height, width)
    expected = torch.nn.AdaptiveAvgPool2d((rows, columns))(values)
    torch.testing.assert_close(_FieldMeans(rows, columns)(values), expected, atol=1e-5, rtol=1e-5)


def test_small_images_are_enlarged_as_torch_does() -> None:
    backbone = create_backbone("enlarged_efficientnet_lite0").eval()
    enlarged = torch.nn.functional.interpolate(images(), size=(128, 128), mode="bicubic", align_corners=False)
    with torch.inference_mode():
        torch.testing.assert_close(backbone(images()), backbone.backbone(enlarged), atol=1e-4, rtol=1e-3)
