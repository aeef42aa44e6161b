"""Augmentation of a whole batch at once, each picture in its own way: many times faster than picture by picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["BatchAffine", "BatchErasing", "BatchJitter"]


@dataclass(frozen=True)
class BatchAffine:
    """Turned, moved, scaled and mirrored pictures; what comes in from beyond an edge is the picture's reflection.

    ``degrees``: the most that one is turned, either way. ``translate``: the most that one is moved, as a share of its
    sides. ``scale``: the range of its size, evenly on a logarithmic scale. ``stretch``: the most that its sides' ratio
    changes, as a share. ``flip``: the share that is mirrored.
    """

    degrees: float = 0.0
    translate: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    stretch: float = 0.0
    flip: float = 0.0

    def __post_init__(self) -> None:
        _check_range("scale", self.scale)

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Augment pictures, float32, shape = (n, channels, height, width)."""
        import torch
        from torch.nn.functional import affine_grid, grid_sample

        count, _, height, width = pictures.shape
        angle = _between(-math.radians(self.degrees), math.radians(self.degrees), count)
        size = torch.exp(_between(math.log(self.scale[0]), math.log(self.scale[1]), count))
        ratio = torch.exp(_between(-math.log1p(self.stretch), math.log1p(self.stretch), count) / 2)
        mirror = 1 - 2 * (torch.rand(count) < self.flip).float()
        across, down = mirror / (size * ratio), ratio / size
        # Places are in halves of a side, so that turning takes the sides' ratio.
        rows = [
            [across * angle.cos(), -down * angle.sin() * height / width, _between(-2, 2, count) * self.translate],
            [across * angle.sin() * width / height, down * angle.cos(), _between(-2, 2, count) * self.translate],
        ]
        places = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
        grid = affine_grid(places, list(pictures.shape), align_corners=False)
        return grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


@dataclass(frozen=True)
class BatchJitter:
    """Pictures of changed brightness, contrast and saturation, each by up to this share; ``grey``: the share without
    any colour.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    grey: float = 0.0

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Augment pictures, float32 from 0 to 1, shape = (n, 3, height, width)."""
        import torch

        def factor(most: float) -> torch.Tensor:
            return _between(1 - most, 1 + most, len(pictures)).view(-1, 1, 1, 1)

        pictures = (pictures * factor(self.brightness)).clamp(0, 1)
        middle = _luminance(pictures).mean((2, 3), keepdim=True)
        pictures = (middle + (pictures - middle) * factor(self.contrast)).clamp(0, 1)
        grey = _luminance(pictures)
        coloured = (torch.rand(len(pictures), 1, 1, 1) >= self.grey).float() * factor(self.saturation)
        return (grey + (pictures - grey) * coloured).clamp(0, 1)


@dataclass(frozen=True)
class BatchErasing:
    """Pictures with a rectangle of noise in them. Z. Zhong et al., Random Erasing Data Augmentation (2017).

    ``p``: the share of the pictures that have one. ``scale``, ``ratio``: the ranges of its share of the picture and
    of its height over its width, the latter evenly on a logarithmic scale.
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)

    def __post_init__(self) -> None:
        _check_range("scale", self.scale)
        _check_range("ratio", self.ratio)

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Augment normalised pictures, float32, shape = (n, channels, height, width)."""
        import torch

        count, _, height, width = pictures.shape
        area = _between(*self.scale, count) * height * width
        ratio = torch.exp(_between(math.log(self.ratio[0]), math.log(self.ratio[1]), count))
        rows = _stretch((area * ratio).sqrt(), height)
        columns = _stretch((area / ratio).sqrt(), width)
        erased = rows[:, None, :, None] & columns[:, None, None, :] & (torch.rand(count, 1, 1, 1) < self.p)
        return torch.where(erased, torch.randn_like(pictures), pictures)


def _check_range(name: str, given: tuple[float, float]) -> None:
    if len(given) != 2 or not 0 < given[0] <= given[1]:
        raise ValueError(f"{name} is {given}; it takes the least and the most, both above 0")


def _between(low: float, high: float, count: int) -> torch.Tensor:
    """Evenly spread numbers from ``low`` to ``high``, shape = (count,)."""
    import torch

    return torch.rand(count) * (high - low) + low


def _stretch(lengths: torch.Tensor, side: int) -> torch.Tensor:
    """For each length, a stretch so long somewhere on a side: bool, shape = (n, side)."""
    import torch

    lengths = lengths.clamp(max=side)[:, None]
    start = torch.rand_like(lengths) * (side - lengths)
    middles = torch.arange(side) + 0.5
    return (middles >= start) & (middles < start + lengths)


def _luminance(pictures: torch.Tensor) -> torch.Tensor:
    """ITU-R BT.601's, shape = (n, 1, height, width)."""
    weights = pictures.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (pictures * weights).sum(1, keepdim=True)
