"""Typical patches of images, learned without labels: the filters of a :class:`PatchNet`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from sightline.registry import ImageInput
    from sightline.vision.nets import PatchNet

__all__ = ["learn_patches"]

_SAMPLE = 60_000  # patches
_ROUNDS = 8
_RIDGE = 0.1  # added to the variance along every axis, so that whitening does not amplify noise


def learn_patches(backbone: PatchNet, pixels: NDArray[np.uint8], size: ImageInput) -> None:
    """Set a backbone's filters to typical patches of images, uint8, shape = (n, height, width, 3).

    Patches drawn by torch's generator are normalised, whitened and clustered on the sphere. A patch and its negative
    count as the same: A. Coates and A. Ng, Learning Feature Representations with K-Means (2012).
    """
    import torch
    from torch.nn.functional import normalize

    count, _, side, _ = backbone.filters.shape
    patches = _patches(pixels, size, side)
    patches = patches - patches.mean(1, keepdim=True)
    patches = patches / (patches.var(1, keepdim=True, correction=0) + backbone.NOISE).sqrt()
    middle = patches.mean(0)
    whitening = _whitening(patches - middle)
    white = (patches - middle) @ whitening
    # Drawn with replacement: a few images may have fewer patches than the backbone has filters.
    chosen = normalize(white[torch.randint(len(white), (count,))], dim=1)
    for _ in range(_ROUNDS):
        nearest = (white @ chosen.T).abs().argmax(1)
        weights = (white * chosen[nearest]).sum(1, keepdim=True)
        # A centre without patches stays unchanged.
        chosen = normalize(torch.zeros_like(chosen).index_add_(0, nearest, white * weights) + 1e-6 * chosen, dim=1)
    filters = chosen @ whitening
    backbone.offsets.data = filters @ middle
    filters = filters - filters.mean(1, keepdim=True)
    backbone.filters.data = filters.view_as(backbone.filters).contiguous()


def _patches(pixels: NDArray[np.uint8], size: ImageInput, side: int) -> torch.Tensor:
    """Draw random patches of normalised images, shape = (n, 3 * side * side)."""
    import torch

    mean, std = (torch.tensor(channels).view(3, 1, 1) * 255 for channels in (size.mean, size.std))
    height, width = size.height - side + 1, size.width - side + 1
    image = torch.randint(len(pixels), (_SAMPLE,)).numpy()
    row = torch.randint(height, (_SAMPLE,)).numpy()[:, None, None] + np.arange(side)[:, None]
    column = torch.randint(width, (_SAMPLE,)).numpy()[:, None, None] + np.arange(side)
    drawn = torch.from_numpy(pixels[image[:, None, None], row, column]).permute(0, 3, 1, 2)
    return ((drawn.float() - mean) / std).flatten(1)


def _whitening(patches: torch.Tensor) -> torch.Tensor:
    """Return the ZCA whitening matrix of patches of mean 0."""
    import torch

    variances, axes = torch.linalg.eigh(patches.T @ patches / len(patches))
    whitening: torch.Tensor = axes @ torch.diag((variances + _RIDGE).rsqrt()) @ axes.T
    return whitening
