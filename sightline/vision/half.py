"""Networks in half precision, whole or as far as it gains the most. This module imports torch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sightline.vision.nets import Assembled, Backbone
from sightline.vision.precision import HalfPrecision

__all__ = ["InBfloat16", "Rounded", "as_in", "with_perceptrons"]


class InBfloat16(nn.Module):
    """Layers that compute in bfloat16, from float32 to float32. Their weights are changed in place."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers.to(torch.bfloat16)

    def forward(self, values: Tensor) -> Tensor:
        """What the layers give, in float32."""
        # To the nearest number of bfloat16's 8 bits, by T. J. Dekker's splitting (1971): OpenVINO's conversion cuts the
        # other bits off, which makes everything smaller, by a 350th on average.
        split = values * (2.0**16 + 1)
        nearest = split - (split - values)
        computed: Tensor = self.layers(nearest.to(torch.bfloat16))
        return computed.float()


class Rounded(nn.Module):
    """Layers as they would be in half precision, on any machine.

    Weights, which are changed in place, what comes in, and what every operation gives are rounded to ``dtype``; sums
    are added up in float32 before, as processors and GPUs do but for some of a GPU's longest.
    """

    def __init__(self, layers: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.layers = layers.to(dtype).float()
        self.dtype = dtype

    def forward(self, values: Tensor) -> Tensor:
        """What the layers give. Raises ``OverflowError`` where ``dtype`` does not hold it."""
        with _Rounding(self.dtype):
            computed: Tensor = self.layers(_round(values, self.dtype))
        if not torch.isfinite(computed).all():
            raise OverflowError(f"{self.dtype} does not hold what the layers give")
        return computed


def as_in(backbone: Backbone, precision: HalfPrecision) -> Backbone | None:
    """A copy that computes in float32 what the backends of a half precision do; None where there is nothing for them.

    float16, a GPU's, is that of the whole network, bfloat16, a processor's, that of its perceptrons.
    """
    if precision == "float16":
        return Assembled(Rounded(copy.deepcopy(backbone), torch.float16), backbone.embedding_size).eval()
    if not any(True for _ in _perceptrons(backbone)):
        return None
    return with_perceptrons(copy.deepcopy(backbone), lambda layers: Rounded(layers, torch.bfloat16))


def with_perceptrons(backbone: Backbone, wrap: Callable[[nn.Module], nn.Module]) -> Backbone:
    """The backbone, which is changed in place, with each of its perceptrons wrapped.

    Those are two linear layers with GELU between, as each of ConvNeXt's blocks has them: nearly all of the work, and
    little of what half precision gets wrong, which comes from the convolutions, the sums of blocks and the
    normalisations.
    """
    for layers, place in list(_perceptrons(backbone)):
        layers[place] = wrap(nn.Sequential(*list(layers)[place : place + 3]))
        # The other layers keep their places, which the perceptrons after this one are known by.
        layers[place + 1] = layers[place + 2] = nn.Identity()
    return backbone.eval()


def _perceptrons(backbone: Backbone) -> Iterator[tuple[nn.Sequential, int]]:
    """Linear, GELU, linear: in which sequence of layers, and the place of the first of the three."""
    for layers in backbone.modules():
        if isinstance(layers, nn.Sequential):
            each = list(layers)
            for place in range(len(each) - 2):
                if all(map(isinstance, each[place : place + 3], (nn.Linear, nn.GELU, nn.Linear))):
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


def _round(found: Any, dtype: torch.dtype) -> Any:
    return found.to(dtype).float() if isinstance(found, Tensor) and found.is_floating_point() else found
