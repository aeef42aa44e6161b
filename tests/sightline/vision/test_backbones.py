"""Backbones by name: what they take, what they give, and what they refuse."""

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
from sightline.vision.nets import PatchNet

OWN = [name for name in BACKBONES if name not in ("convnext_tiny", "mobilenet_v3_small")]


def pictures(count: int = 3, height: int = 32, width: int = 32) -> torch.Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_embeddings_of_the_size_that_it_says(name: str) -> None:
    backbone = create_backbone(name).eval()
    with torch.inference_mode():
        found = backbone(pictures())
    assert found.shape == (3, backbone.embedding_size)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("name", OWN)
def test_a_picture_has_the_same_embedding_whatever_it_is_in_a_batch_with(name: str) -> None:
    backbone = create_backbone(name).eval()
    with torch.inference_mode():
        together = backbone(pictures())
        alone = torch.cat([backbone(each[None]) for each in pictures()])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", OWN)
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    made = []
    for _ in range(2):
        torch.manual_seed(5)
        made.append(create_backbone(name).state_dict())
    assert all(torch.equal(made[0][key], made[1][key]) for key in made[0])


def test_an_unknown_backbone_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidSetting, match=r"'resnet9000' is not a backbone.*convnext_tiny.*patch_net"):
        create_backbone("resnet9000")


@pytest.mark.parametrize("name", OWN)
def test_pretrained_weights_that_nobody_has_made_are_not_passed_over_in_silence(name: str) -> None:
    with pytest.raises(WeightsUnavailable, match=f"{name}.*--no-pretrained"):
        create_backbone(name, pretrained=True)


def test_weights_that_cannot_be_fetched_are_an_error_with_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(WeightsUnavailable, match=r"no route to host.*download\.pytorch\.org.*--no-pretrained"):
        create_backbone("mobilenet_v3_small", pretrained=True)


@given(st.floats(0.2, 5), st.floats(-1, 1))
@settings(max_examples=20, deadline=None)
def test_a_patch_is_known_whatever_its_light_and_contrast(contrast: float, light: float) -> None:
    net = PatchNet(side=6, patches=8, stride=2, pool=2, width=8).eval()
    net.NOISE = 0.0  # type: ignore[misc]
    net.filters.data -= net.filters.mean((1, 2, 3), keepdim=True)
    with torch.inference_mode():
        torch.testing.assert_close(net(pictures()), net(pictures() * contrast + light), atol=2e-3, rtol=1e-3)


def test_a_spot_is_most_like_the_patch_that_it_is() -> None:
    net = PatchNet(side=6, patches=16, stride=1, pool=3, width=8)
    filters = torch.randn(16, 3, 6, 6)
    net.filters.data = filters - filters.mean((1, 2, 3), keepdim=True)
    scene = pictures(1) * 0.1
    scene[0, :, 10:16, 4:10] = net.filters[3]
    similarity = net.similarity(scene)
    assert np.unravel_index(int(similarity.argmax()), similarity.shape) == (0, 3, 10, 4)


@pytest.mark.parametrize("name", ["baseline_cnn", "patch_net", "three_patch_nets"])
def test_rounding_makes_of_a_backbone_what_torch_in_half_precision_does(name: str) -> None:
    torch.manual_seed(0)
    backbone = create_backbone(name).eval()
    given = pictures(16)
    with torch.inference_mode():
        exact = backbone(given)
        rounded = Rounded(copy.deepcopy(backbone), torch.bfloat16)(given)
        native = copy.deepcopy(backbone).bfloat16()(given.bfloat16()).float()
    assert torch.equal(rounded, rounded.bfloat16().float())
    off, native_off = ((each - exact).square().mean().sqrt() for each in (rounded, native))
    assert 0.5 < off / native_off < 2
    assert torch.equal(backbone(given), exact)
