"""Augmentation of a batch in one operation, with separate random numbers for every image: faster than a loop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["BatchAffine", "BatchErasing", "BatchJitter"]


@dataclass(frozen=True)
class BatchAffine:
    """Rotate, translate, scale and mirror images, with reflection beyond their edges.

    ``degrees``: the largest rotation in either direction. ``translate``: the largest translation, as a share of the
    sides. ``scale``: the range of the size, uniform on a logarithmic scale. ``stretch``: the largest change of the
    aspect ratio, as a share. ``flip``: the share of images that is mirrored.
    """

    degrees: float = 0.0
    translate: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    stretch: float = 0.0
    flip: float = 0.0

    def __post_init__(self) -> None:
        _check_range("scale", self.scale)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Augment images, float32, shape = (n, channels, height, width)."""
        import torch
        from torch.nn.functional import affine_grid, grid_sample

        count, _, height, width = images.shape
        angle = _between(-math.radians(self.degrees), math.radians(self.degrees), count)
        size = torch.exp(_between(math.log(self.scale[0]), math.log(self.scale[1]), count))
        ratio = torch.exp(_between(-math.log1p(self.stretch), math.log1p(self.stretch), count) / 2)
        mirror = 1 - 2 * (torch.rand(count) < self.flip).float()
        across, down = mirror / (size * ratio), ratio / size
        # Coordinates are in halves of a side, so rotation depends on the aspect ratio.
        rows = [
            [across * angle.cos(), -down * angle.sin() * height / width, _between(-2, 2, count) * self.translate],
            [across * angle.sin() * width / height, down * angle.cos(), _between(-2, 2, count) * self.translate],
        ]
        matrices = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
        grid = affine_grid(matrices, list(images.shape), align_corners=False)
        return grid_sample(images, grid, padding_mode="reflection", align_corners=False)


@dataclass(frozen=True)
class BatchJitter:
    """Change brightness, contrast and saturation by up to these shares.

    ``grey``: the share of images that lose all colour.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    grey: float = 0.0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Augment images, float32 from 0 to 1, shape = (n, 3, height, width)."""
        import torch

        def factor(most: float) -> torch.Tensor:
            return _between(1 - most, 1 + most, len(images)).view(-1, 1, 1, 1)

        images = (images * factor(self.brightness)).clamp(0, 1)
        middle = _luminance(images).mean((2, 3), keepdim=True)
        images = (middle + (images - middle) * factor(self.contrast)).clamp(0, 1)
        grey = _luminance(images)
        coloured = (torch.rand(len(images), 1, 1, 1) >= self.grey).float() * factor(self.saturation)
        return (grey + (images - grey) * coloured).clamp(0, 1)


@dataclass(frozen=True)
class BatchErasing:
    """Replace a rectangle of images by noise. Z. Zhong et al., Random Erasing Data Augmentation (2017).

    ``p``: the share of images with a rectangle. ``scale``: the range of its share of the image. ``ratio``: the range of
    its height over its width, uniform on a logarithmic scale.
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)

    def __post_init__(self) -> None:
        _check_range("scale", self.scale)
        _check_range("ratio", self.ratio)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Augment normalised images, float32, shape = (n, channels, height, width)."""
        import torch

        count, _, height, width = images.shape
        area = _between(*self.scale, count) * height * width
        ratio = torch.exp(_between(math.log(self.ratio[0]), math.log(self.ratio[1]), count))
        rows = _stretch((area * ratio).sqrt(), height)
        columns = _stretch((area / ratio).sqrt(), width)
        erased = rows[:, None, :, None] & columns[:, None, None, :] & (torch.rand(count, 1, 1, 1) < self.p)
        return torch.where(erased, torch.randn_like(images), images)


def _check_range(name: str, limits: tuple[float, float]) -> None:
    if len(limits) != 2 or not 0 < limits[0] <= limits[1]:
        raise ValueError(f"{name} is {limits}; expected the minimum and the maximum, both above 0")


def _between(low: float, high: float, count: int) -> torch.Tensor:
    """Draw uniform random numbers from ``low`` to ``high``, shape = (count,)."""
    import torch

    return torch.rand(count) * (high - low) + low


def _stretch(lengths: torch.Tensor, side: int) -> torch.Tensor:
    """Draw an interval of every length at a random position on a side: bool, shape = (n, side)."""
    import torch

    lengths = lengths.clamp(max=side)[:, None]
    start = torch.rand_like(lengths) * (side - lengths)
    middles = torch.arange(side) + 0.5
    return (middles >= start) & (middles < start + lengths)


def _luminance(images: torch.Tensor) -> torch.Tensor:
    """Return the luminance by ITU-R BT.601, shape = (n, 1, height, width)."""
    weights = images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)
