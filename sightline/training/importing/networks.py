"""torchvision's networks as the registry stores them: a backbone, and a linear layer as the head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InvalidInput
from sightline.vision.backbones import create_backbone
from sightline.vision.heads import LinearHead

__all__ = ["Network", "network_of"]

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class _Layout:
    """The names of a torchvision network's weights: their prefixes in the backbone, and those of the last layers."""

    backbone: Mapping[str, str]
    classifier: str
    dropped: tuple[str, ...] = field(default=())

    def split(self, weights: Weights) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Return the weights of the backbone by their names there, and the others."""
        inside: dict[str, NDArray[Any]] = {}
        others: dict[str, NDArray[Any]] = {}
        for name, array in weights.items():
            old = next((prefix for prefix in self.backbone if name.startswith(prefix)), None)
            if old is None or name.startswith((self.classifier, *self.dropped)):
                others[name] = array
            else:
                inside[self.backbone[old] + name.removeprefix(old)] = array
        return inside, others


_LAYOUTS = {
    "convnext_tiny": _Layout({"features.": "body.0.", "classifier.0.": "body.2."}, "classifier.2."),
    "mobilenet_v3_small": _Layout({"features.": "body.0."}, "classifier.3.", ("classifier.0.",)),
    "resnet18": _Layout({"": "body."}, "fc."),
}


@dataclass(frozen=True)
class Network:
    """The name of a backbone, its weights, and the head of its last layer, None if none can be used alone."""

    backbone: str
    weights: Weights
    head: LinearHead | None


def network_of(uri: str, weights: Weights) -> Network:
    """Return the network that has exactly these weights. Raises ``InvalidInput`` with the closest one's differences."""
    problems: dict[str, list[str]] = {}
    for name, layout in _LAYOUTS.items():
        inside, others = layout.split(weights)
        problems[name] = _differences(name, inside)
        unknown = [key for key in others if not key.startswith((layout.classifier, *layout.dropped))]
        problems[name] += [f"has {key}" for key in unknown]
        if not problems[name]:
            return Network(name, inside, _head(uri, layout, others))
    closest = min(problems, key=lambda name: len(problems[name]))
    shown = "; ".join(problems[closest][:3]) + (" …" if len(problems[closest]) > 3 else "")
    raise InvalidInput(
        uri,
        f"is none of torchvision's {', '.join(_LAYOUTS)}. The closest is {closest}, but it {shown}",
        "Other networks have no backbone in the registry",
    )


def _differences(name: str, weights: Weights) -> list[str]:
    import torch

    with torch.device("meta"):
        expected = {key: tuple(tensor.shape) for key, tensor in create_backbone(name).state_dict().items()}
    return [
        *(f"lacks {key}" for key in expected.keys() - weights.keys()),
        *(f"has {key}" for key in weights.keys() - expected.keys()),
        *(
            f"has {key} of shape {weights[key].shape}, not {shape}"
            for key, shape in expected.items()
            if key in weights and weights[key].shape != shape
        ),
    ]


def _head(uri: str, layout: _Layout, others: Weights) -> LinearHead | None:
    last = {key: array for key, array in others.items() if key.startswith(layout.classifier)}
    if not last or len(last) != len(others):  # Layers before the last one are neither in the backbone nor in the head.
        return None
    by_kind = {key.rpartition(".")[2]: array for key, array in last.items()}
    if len(last) != 2 or by_kind.keys() != {"weight", "bias"}:
        raise InvalidInput(uri, f"has more than one linear layer in {layout.classifier}", "Give the trees with --head")
    if not all(np.isfinite(array).all() for array in last.values()):
        raise InvalidInput(uri, f"has values in {layout.classifier} that are not finite", "Export the model again")
    try:
        return LinearHead(by_kind["weight"], by_kind["bias"])
    except ValueError as error:
        raise InvalidInput(uri, f"{layout.classifier} has {error}", "Export the model again") from error
