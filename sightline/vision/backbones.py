"""The networks that compute the embedding of a normalised image, by name."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from sightline.errors import InvalidSetting
from sightline.vision.imagenet import WeightsUnavailable, load_imagenet

if TYPE_CHECKING:
    from torch import nn

    from sightline.vision.nets import Backbone

__all__ = ["BACKBONES", "PRETRAINED", "WeightsUnavailable", "create_backbone"]


def create_backbone(name: str, *, pretrained: bool = False) -> Backbone:
    """Return the backbone ``name``, one of :data:`BACKBONES`, in training mode.

    It computes embeddings, shape = (n, ``embedding_size``), of normalised images, shape = (n, 3, height, width),
    float32. Its weights are drawn from torch's generator: seed that to get the same weights. With ``pretrained`` they
    are ImageNet's, from torchvision or :mod:`sightline.vision.imagenet`, which are downloaded once and cached. Raises
    ``WeightsUnavailable`` if there are none or the download fails.
    """
    factory = _FACTORIES.get(name)
    if factory is None:
        raise InvalidSetting(f"{name!r} is not a backbone. Choose one of {', '.join(BACKBONES)}")
    return factory(pretrained)


def _convnext_tiny(pretrained: bool) -> Backbone:
    from torch import nn
    from torchvision.models import ConvNeXt_Tiny_Weights, convnext_tiny

    weights = ConvNeXt_Tiny_Weights.IMAGENET1K_V1 if pretrained else None
    network = _build("convnext_tiny", pretrained, lambda: convnext_tiny(weights=weights))
    norm, flatten, _ = network.classifier
    return _assembled(nn.Sequential(network.features, network.avgpool, norm, flatten), 768)


def _mobilenet_v3_small(pretrained: bool) -> Backbone:
    from torch import nn
    from torchvision.models import MobileNet_V3_Small_Weights, mobilenet_v3_small

    weights = MobileNet_V3_Small_Weights.IMAGENET1K_V1 if pretrained else None
    network = _build("mobilenet_v3_small", pretrained, lambda: mobilenet_v3_small(weights=weights))
    return _assembled(nn.Sequential(network.features, network.avgpool, nn.Flatten(1)), 576)


def _resnet18(pretrained: bool) -> Backbone:
    from torch import nn
    from torchvision.models import ResNet18_Weights, resnet18

    weights = ResNet18_Weights.IMAGENET1K_V1 if pretrained else None
    network = _build("resnet18", pretrained, lambda: resnet18(weights=weights))
    network.fc = nn.Identity()
    return _assembled(network, 512)


def _efficientnet_lite(name: str, width: float, depth: float, pretrained: bool) -> Backbone:
    from sightline.vision.efficientnet import EfficientNetLite

    network = EfficientNetLite(width, depth)
    if pretrained:
        weights = load_imagenet(name)
        # The file has the same layers in the same order under other names, and then the classifier's.
        network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=False)))
    return network


def _enlarged_efficientnet_lite0(pretrained: bool) -> Backbone:
    from sightline.vision.nets import Enlarged

    return Enlarged(_efficientnet_lite("efficientnet_lite0", 1.0, 1.0, pretrained), factor=4)


def _patch_net(pretrained: bool) -> Backbone:
    from sightline.vision.nets import PatchNet

    _refuse_pretrained("patch_net", pretrained)
    return PatchNet(side=6, patches=200, stride=2, pool=2, width=96)


def _three_patch_nets(pretrained: bool) -> Backbone:
    from sightline.vision.nets import Ensemble

    _refuse_pretrained("three_patch_nets", pretrained)
    return Ensemble([_patch_net(pretrained) for _ in range(3)])


def _pressure_net(pretrained: bool) -> Backbone:
    from sightline.vision.nets import PressureNet

    _refuse_pretrained("pressure_net", pretrained)
    return PressureNet(widths=(16, 32, 64), embedding_size=128)


def _baseline_cnn(pretrained: bool) -> Backbone:
    from sightline.vision.nets import BaselineCNN

    _refuse_pretrained("baseline_cnn", pretrained)
    return BaselineCNN(widths=(16, 32, 64, 128))


_FACTORIES: dict[str, Callable[[bool], Backbone]] = {
    "convnext_tiny": _convnext_tiny,
    "mobilenet_v3_small": _mobilenet_v3_small,
    "resnet18": _resnet18,
    "efficientnet_lite0": lambda pretrained: _efficientnet_lite("efficientnet_lite0", 1.0, 1.0, pretrained),
    "efficientnet_lite2": lambda pretrained: _efficientnet_lite("efficientnet_lite2", 1.1, 1.2, pretrained),
    "enlarged_efficientnet_lite0": _enlarged_efficientnet_lite0,
    "patch_net": _patch_net,
    "three_patch_nets": _three_patch_nets,
    "pressure_net": _pressure_net,
    "baseline_cnn": _baseline_cnn,
}

BACKBONES = tuple(_FACTORIES)
"""The names that :func:`create_backbone` accepts."""

_TORCHVISION = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_TENSORFLOW = ((0.498, 0.498, 0.498), (0.502, 0.502, 0.502))

PRETRAINED: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "convnext_tiny": _TORCHVISION,
    "mobilenet_v3_small": _TORCHVISION,
    "resnet18": _TORCHVISION,
    "efficientnet_lite0": _TENSORFLOW,
    "efficientnet_lite2": _TENSORFLOW,
    "enlarged_efficientnet_lite0": _TENSORFLOW,
}
"""The backbones that have ImageNet weights, with the mean and the standard deviation of the images they expect."""


def _assembled(body: nn.Module, embedding_size: int) -> Backbone:
    from sightline.vision.nets import Assembled

    return Assembled(body, embedding_size)


def _build(name: str, pretrained: bool, build: Callable[[], nn.Module]) -> Any:
    """Build a torchvision network, which downloads its weights if they are pretrained."""
    from torch.hub import get_dir

    if not pretrained:
        return build()
    try:
        return build()
    # urllib's errors are OSErrors. After an incomplete download the hash does not match: a RuntimeError.
    except (OSError, HTTPException, RuntimeError) as error:
        raise WeightsUnavailable(
            f"{name}: its pretrained weights are not on this machine and could not be downloaded ({error}). Either "
            "(1) let this machine reach download.pytorch.org once, or put the weights file into "
            f"{get_dir()}/checkpoints; or (2) give --no-pretrained, which trains from scratch"
        ) from error


def _refuse_pretrained(name: str, pretrained: bool) -> None:
    if pretrained:
        raise WeightsUnavailable(
            f"{name}: it has no pretrained weights. Train it with --no-pretrained, or choose {', '.join(PRETRAINED)}"
        )
