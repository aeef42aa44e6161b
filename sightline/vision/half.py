"""Networks in half precision, completely or only in the layers that gain most. This module imports torch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sightline.vision.nets import Assembled, Backbone
from sightline.vision.precision import HalfPrecision

__all__ = ["InBfloat16", "Rounded", "emulate_precision", "wrap_perceptrons"]


class InBfloat16(nn.Module):
    """Layers that compute in bfloat16, with float32 input and output. Their weights are changed in place."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers.to(torch.bfloat16)

    def forward(self, values: Tensor) -> Tensor:
        """Return the output of the layers, in float32."""
        # Round to the nearest bfloat16, which has 8 significant bits, by T. J. Dekker's splitting (1971). OpenVINO's
        # conversion truncates the other bits, which makes values smaller by 1/350 on average.
        split = values * (2.0**16 + 1)
        nearest = split - (split - values)
        computed: Tensor = self.layers(nearest.to(torch.bfloat16))
        return computed.float()


class Rounded(nn.Module):
    """Layers that emulate half precision on any machine.

    The weights, which are changed in place, the input and the output of every operation are rounded to ``dtype``. Sums
    are accumulated in float32 before, as on processors and GPUs, except for some of the longest sums of a GPU.
    """

    def __init__(self, layers: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.layers = layers.to(dtype).float()
        self.dtype = dtype

    def forward(self, values: Tensor) -> Tensor:
        """Return the output of the layers. Raises ``OverflowError`` if it exceeds the range of ``dtype``."""
        with _Rounding(self.dtype):
            computed: Tensor = self.layers(_round(values, self.dtype))
        if not torch.isfinite(computed).all():
            raise OverflowError(f"the output of the layers exceeds the range of {self.dtype}")
        return computed


def emulate_precision(backbone: Backbone, precision: HalfPrecision) -> Backbone | None:
    """Return a copy that emulates the backends of a half precision in float32; None if they would change nothing.

    float16, on a GPU, applies to the complete network; bfloat16, on a processor, to its perceptrons only.
    """
    if precision == "float16":
        return Assembled(Rounded(copy.deepcopy(backbone), torch.float16), backbone.embedding_size).eval()
    if not any(True for _ in _perceptrons(backbone)):
        return None
    return wrap_perceptrons(copy.deepcopy(backbone), lambda layers: Rounded(layers, torch.bfloat16))


def wrap_perceptrons(backbone: Backbone, wrap: Callable[[nn.Module], nn.Module]) -> Backbone:
    """Wrap every perceptron of the backbone, in place, and return the backbone.

    A perceptron is two linear layers with GELU between, as in the blocks of ConvNeXt. They do nearly all of the work
    and cause little of the error of half precision, which comes from the convolutions, the sums of blocks and the
    normalisations.
    """
    for layers, place in list(_perceptrons(backbone)):
        layers[place] = wrap(nn.Sequential(*list(layers)[place : place + 3]))
        # The other layers keep their indices, which identify the following perceptrons.
        layers[place + 1] = layers[place + 2] = nn.Identity()
    return backbone.eval()


def _perceptrons(backbone: Backbone) -> Iterator[tuple[nn.Sequential, int]]:
    """Yield each perceptron: its sequence of layers, and the index of the first of its three layers."""
    for layers in backbone.modules():
        if isinstance(layers, nn.Sequential):
            members = list(layers)
            for place in range(len(members) - 2):
                if all(map(isinstance, members[place : place + 3], (nn.Linear, nn.GELU, nn.Linear))):
                    yield layers, place


class _Rounding(TorchFunctionMode):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return _round(func(*args, **(kwargs or {})), self._dtype)


def _round(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype).float() if isinstance(value, Tensor) and value.is_floating_point() else value
