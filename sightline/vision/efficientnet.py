"""EfficientNet-Lite: small networks for processors, with ImageNet weights. This module imports torch.

M. Tan and Q. Le, EfficientNet (2019), in the Lite variants of Google's tpu repository: no squeeze-and-excitation, and
ReLU6 as the activation.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional

from sightline.vision.nets import Backbone

__all__ = ["EfficientNetLite"]

# Expansion, kernel, stride of the first block, channels, blocks.
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_STEM, _HEAD = 32, 1280  # channels, the same in every variant
_EPSILON, _MOMENTUM = 1e-3, 0.01  # TensorFlow's, which the ImageNet weights expect


class EfficientNetLite(Backbone):
    """An EfficientNet-Lite without its classifier. ``width`` and ``depth`` scale the channels and the blocks."""

    def __init__(self, width: float, depth: float) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        inputs = _STEM
        for number, (expansion, kernel, stride, channels, count) in enumerate(_STAGES):
            outputs = _rounded(channels * width)
            # The first and the last stage keep their depth in every variant.
            repeats = count if number in (0, len(_STAGES) - 1) else math.ceil(count * depth)
            for repeat in range(repeats):
                blocks.append(_InvertedResidual(inputs, outputs, kernel, 1 if repeat else stride, expansion))
                inputs = outputs
        self.stem = nn.Sequential(*_convolution(3, _STEM, 3, stride=2))
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(*_convolution(inputs, _HEAD, 1))
        self.embedding_size = _HEAD

    def forward(self, images: Tensor) -> Tensor:
        """Return the embeddings of the images."""
        features: Tensor = self.head(self.blocks(self.stem(images)))
        return features.mean((2, 3))


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers = _convolution(inputs, hidden, 1) if expansion > 1 else []
        layers += _convolution(hidden, hidden, kernel, stride=stride, groups=hidden)
        layers += _convolution(hidden, outputs, 1, activate=False)
        self.layers = nn.Sequential(*layers)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        computed: Tensor = self.layers(images)
        return images + computed if self.is_residual else computed


class _SamePadding(nn.Module):
    """Pads as TensorFlow's SAME does: output = ceil(input / stride), and an odd pixel comes at the right and bottom."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride

    def forward(self, images: Tensor) -> Tensor:
        height, width = (self._total(int(side)) for side in images.shape[2:])
        return functional.pad(images, (width // 2, width - width // 2, height // 2, height - height // 2))

    def _total(self, side: int) -> int:
        return max(0, (-(-side // self.stride) - 1) * self.stride + self.kernel - side)


def _convolution(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, activate: bool = True
) -> list[nn.Module]:
    # With stride 1, SAME is symmetric.
    padding = [_SamePadding(kernel, stride)] if stride > 1 else []
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, 0 if padding else kernel // 2, groups=groups, bias=False)
    return [
        *padding,
        convolution,
        nn.BatchNorm2d(outputs, _EPSILON, _MOMENTUM),
        *([nn.ReLU6()] if activate else []),
    ]


def _rounded(channels: float) -> int:
    """Return the multiple of 8 that is nearest, but at least 90 % of the channels."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
