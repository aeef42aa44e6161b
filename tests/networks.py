"""A network for tests. This module imports torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sightline.vision.nets import Backbone


class Mixer(Backbone):
    """A convolution, then a perceptron with a residual connection at every position, like ConvNeXt's blocks."""

    embedding_size = 64

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 64, 4, stride=4)
        self.layers = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))

    def forward(self, images: Tensor) -> Tensor:
        """Return the embeddings of the images."""
        positions = self.stem(images).permute(0, 2, 3, 1)
        return (positions + self.layers(positions)).mean((1, 2))
