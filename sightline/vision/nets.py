"""The project's own networks. This module imports torch: take it through :mod:`sightline.vision.backbones`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Assembled", "Backbone", "BaselineCNN", "Ensemble", "PatchNet", "PressureNet"]


class Backbone(nn.Module):
    """Pictures, shape = (n, 3, height, width), normalised, to embeddings, shape = (n, ``embedding_size``)."""

    embedding_size: int


class Assembled(Backbone):
    """A backbone out of another network's parts."""

    def __init__(self, body: nn.Module, embedding_size: int) -> None:
        super().__init__()
        self.body = body
        self.embedding_size = embedding_size

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed the pictures."""
        embeddings: Tensor = self.body(pictures)
        return embeddings


class Ensemble(Backbone):
    """Backbones side by side, with their embeddings one after another."""

    def __init__(self, members: Sequence[Backbone]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.embedding_size = sum(member.embedding_size for member in members)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed the pictures."""
        return torch.cat([member(pictures) for member in self.members], dim=1)


class PatchNet(Backbone):
    """Two convolutions on how much each spot of a small picture is like each of a set of typical patches.

    The patches are learnt from pictures without their labels, and stay as they are: A. Coates et al., An Analysis of
    Single-Layer Networks in Unsupervised Feature Learning (2011). With some hundreds of pictures, they leave less to
    be learnt by heart than a first layer that is trained.
    """

    NOISE = 0.02
    """What is added to a patch's variance, in that of normalised pictures, so that even ones are not all noise."""
    THRESHOLD = 0.5
    """How much like a patch, or its negative, a spot must be to count."""

    def __init__(self, side: int, patches: int, stride: int, pool: int, width: int) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.randn(patches, 3, side, side) / side, requires_grad=False)
        self.offsets = nn.Parameter(torch.zeros(patches), requires_grad=False)
        self.stride = stride
        self.pool = nn.AvgPool2d(pool)
        self.body = nn.Sequential(
            nn.BatchNorm2d(2 * patches, affine=False),
            nn.Conv2d(2 * patches, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(1),
            nn.Dropout(0.2),
        )
        self.embedding_size = 9 * width

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed the pictures."""
        alike = self.likeness(pictures)
        both = torch.cat([functional.relu(alike - self.THRESHOLD), functional.relu(-alike - self.THRESHOLD)], dim=1)
        embeddings: Tensor = self.body(self.pool(both))
        return embeddings

    def likeness(self, pictures: Tensor) -> Tensor:
        """Each patch's product with each spot of its size, of mean 0 and variance 1 as the patches are."""
        side = self.filters.shape[-1]
        mean = functional.avg_pool2d(pictures.mean(1, keepdim=True), side, self.stride)
        square = functional.avg_pool2d((pictures * pictures).mean(1, keepdim=True), side, self.stride)
        deviation = (functional.relu(square - mean * mean) + self.NOISE).sqrt()
        # The filters' own means are 0, which takes the spots' means away.
        products = functional.conv2d(pictures, self.filters, stride=self.stride)
        return products / deviation - self.offsets.view(1, -1, 1, 1)


class PressureNet(Backbone):
    """A convolutional network for pressure maps, some 58x130.

    Where on the mattress the pressure lies tells the postures apart, so that the last features are averaged over
    coarse fields, not over the whole map.
    """

    def __init__(self, widths: tuple[int, ...], embedding_size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, widths[0])]
        for before, after in pairwise(widths):
            layers += [nn.MaxPool2d(2), _convolution(before, after), _convolution(after, after)]
        self.body = nn.Sequential(*layers, nn.MaxPool2d(2))
        self.fields = nn.AdaptiveAvgPool2d((4, 2))
        self.project = nn.Sequential(
            nn.Flatten(1), nn.Linear(widths[-1] * 8, embedding_size), nn.BatchNorm1d(embedding_size), nn.ReLU()
        )
        self.embedding_size = embedding_size

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed the pictures."""
        embeddings: Tensor = self.project(self.fields(self.body(pictures)))
        return embeddings


class BaselineCNN(Backbone):
    """Plain convolutions, each followed by a halving: what every other network is to be compared with."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers = [
            layer
            for before, after in pairwise((3, *widths))
            for layer in (_convolution(before, after), nn.MaxPool2d(2))
        ]
        self.body = nn.Sequential(*layers)
        self.embedding_size = widths[-1]

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed the pictures."""
        features: Tensor = self.body(pictures)
        return features.mean((2, 3))


def _convolution(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
