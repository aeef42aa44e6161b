"""The project's own networks. This module imports torch: use :mod:`sightline.vision.backbones` instead."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Assembled", "Backbone", "BaselineCNN", "Enlarged", "Ensemble", "PatchNet", "PressureNet"]


class Backbone(nn.Module):
    """Computes embeddings, shape = (n, ``embedding_size``), of normalised images, shape = (n, 3, height, width)."""

    embedding_size: int


class Assembled(Backbone):
    """A backbone from the parts of another network."""

    def __init__(self, body: nn.Module, embedding_size: int) -> None:
        super().__init__()
        self.body = body
        self.embedding_size = embedding_size

    def forward(self, images: Tensor) -> Tensor:
        """Return the embeddings of the images."""
        embeddings: Tensor = self.body(images)
        return embeddings


class Enlarged(Backbone):
    """A backbone for small images, which are enlarged by ``factor`` first.

    Pretrained networks expect more pixels than a small image has. Images of every size are thus reduced to the size of
    the small ones before: the model does not see sharper images in service than in training.
    """

    def __init__(self, backbone: Backbone, factor: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.factor = factor
        self.embedding_size = backbone.embedding_size

    def forward(self, images: Tensor) -> Tensor:
        """Return the embeddings of the images."""
        enlarged = functional.interpolate(images, scale_factor=self.factor, mode="bicubic", align_corners=False)
        embeddings: Tensor = self.backbone(enlarged)
        return embeddings


class Ensemble(Backbone):
    """Several backbones, whose embeddings are concatenated."""

    def __init__(self, members: Sequence[Backbone]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.embedding_size = sum(member.embedding_size for member in members)

    def forward(self, images: Tensor) -> Tensor:
        """Return the embeddings of the images."""
        return torch.cat([member(images) for member in self.members], dim=1)


class PatchNet(Backbone):
    """Two convolutions over the similarity of every spot of a small image to each of a set of typical patches.

    The patches are learned from images without labels and then fixed: A. Coates et al., An Analysis of Single-Layer
    Networks in Unsupervised Feature Learning (2011). With a few hundred images this overfits less than a trained first
    layer.
    """

    NOISE = 0.02
    """Added to the variance of a patch, in units of normalised images, so that uniform patches are not all noise."""
    THRESHOLD = 0.5
    """The minimum similarity of a spot to a patch, or to its negative, that counts."""

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
            _FieldMeans(3, 3),
            nn.Flatten(1),
            nn.Dropout(0.2),
        )
        self.embedding_size = 9 * width

    def forward(self, images: Tensor) -> Tensor:
        """Return the embeddings of the images."""
        similarity = self.similarity(images)
        positive, negative = functional.relu(similarity - self.THRESHOLD), functional.relu(-similarity - self.THRESHOLD)
        both = torch.cat([positive, negative], dim=1)
        embeddings: Tensor = self.body(self.pool(both))
        return embeddings

    def similarity(self, images: Tensor) -> Tensor:
        """Return the product of every patch with every spot of its size, shape = (n, patches, rows, columns).

        The spots are normalised to mean 0 and variance 1, as the patches are.
        """
        side = self.filters.shape[-1]
        mean = functional.avg_pool2d(images.mean(1, keepdim=True), side, self.stride)
        square = functional.avg_pool2d((images * images).mean(1, keepdim=True), side, self.stride)
        deviation = (functional.relu(square - mean * mean) + self.NOISE).sqrt()
        # The filters' means are 0, which removes the spots' means.
        products = functional.conv2d(images, self.filters, stride=self.stride)
        return products / deviation - self.offsets.view(1, -1, 1, 1)


class PressureNet(Backbone):
    """A convolutional network for pressure maps of about 58x130.

    The position of the pressure on the mattress distinguishes the postures. Therefore the last features are averaged
    over coarse fields, not over the complete map.
    """

    def __init__(self, widths: tuple[int, ...], embedding_size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, widths[0])]
        for inputs, outputs in pairwise(widths):
            layers += [nn.MaxPool2d(2), _convolution(inputs, outputs), _convolution(outputs, outputs)]
        self.body = nn.Sequential(*layers, nn.MaxPool2d(2))
        self.fields = _FieldMeans(4, 2)
        self.project = nn.Sequential(
            nn.Flatten(1), nn.Linear(widths[-1] * 8, embedding_size), nn.BatchNorm1d(embedding_size), nn.ReLU()
        )
        self.embedding_size = embedding_size

    def forward(self, images: Tensor) -> Tensor:
        """Return the embeddings of the images."""
        embeddings: Tensor = self.project(self.fields(self.body(images)))
        return embeddings


class BaselineCNN(Backbone):
    """Plain convolutions, each followed by pooling to half the size: the reference for every other network."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers = [
            layer
            for inputs, outputs in pairwise((3, *widths))
            for layer in (_convolution(inputs, outputs), nn.MaxPool2d(2))
        ]
        self.body = nn.Sequential(*layers)
        self.embedding_size = widths[-1]

    def forward(self, images: Tensor) -> Tensor:
        """Return the embeddings of the images."""
        features: Tensor = self.body(images)
        return features.mean((2, 3))


class _FieldMeans(nn.Module):
    """torch's adaptive average pooling as two matrix products, which ONNX has for every size of the input."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows = rows
        self.columns = columns

    def forward(self, images: Tensor) -> Tensor:
        down = _averaging(self.rows, int(images.shape[2])).to(images)
        across = _averaging(self.columns, int(images.shape[3])).to(images)
        return down @ images @ across.T


def _averaging(fields: int, size: int) -> Tensor:
    """Return the matrix, shape = (fields, size), that averages values over ``fields`` almost equal ranges."""
    matrix = torch.zeros(fields, size)
    for field in range(fields):
        start, stop = field * size // fields, -(-(field + 1) * size // fields)
        matrix[field, start:stop] = 1 / (stop - start)
    return matrix


def _convolution(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
