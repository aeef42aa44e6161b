"""What a :class:`PatchNet` compares pictures with: typical patches, learnt from pictures without their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from sightline.registry import ImageInput
    from sightline.vision.nets import PatchNet

__all__ = ["learn_patches"]

_SAMPLE = 60_000  # patches that are looked at
_ROUNDS = 8
_RIDGE = 0.1  # added to the variance along each axis, so that whitening does not blow up what is mere noise


def learn_patches(backbone: PatchNet, pixels: NDArray[np.uint8], size: ImageInput) -> None:
    """Set a backbone's patches to those typical of pictures, uint8, shape = (n, height, width, 3).

    Patches drawn by torch's generator are normalised, whitened and clustered on the sphere, a patch and its negative
    being alike: A. Coates and A. Ng, Learning Feature Representations with K-Means (2012).
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
    # More patches are asked for than there are only where the pictures are a handful.
    chosen = normalize(white[torch.randint(len(white), (count,))], dim=1)
    for _ in range(_ROUNDS):
        nearest = (white @ chosen.T).abs().argmax(1)
        weights = (white * chosen[nearest]).sum(1, keepdim=True)
        # One that nothing is nearest to stays as it is.
        chosen = normalize(torch.zeros_like(chosen).index_add_(0, nearest, white * weights) + 1e-6 * chosen, dim=1)
    filters = chosen @ whitening
    backbone.offsets.data = filters @ middle
    filters = filters - filters.mean(1, keepdim=True)
    backbone.filters.data = filters.view_as(backbone.filters).contiguous()


def _patches(pixels: NDArray[np.uint8], size: ImageInput, side: int) -> torch.Tensor:
    """Patches of normalised pictures, drawn by chance, shape = (n, 3 * side * side)."""
    import torch

    mean, std = (torch.tensor(each).view(3, 1, 1) * 255 for each in (size.mean, size.std))
    height, width = size.height - side + 1, size.width - side + 1
    picture = torch.randint(len(pixels), (_SAMPLE,)).numpy()
    row = torch.randint(height, (_SAMPLE,)).numpy()[:, None, None] + np.arange(side)[:, None]
    column = torch.randint(width, (_SAMPLE,)).numpy()[:, None, None] + np.arange(side)
    drawn = torch.from_numpy(pixels[picture[:, None, None], row, column]).permute(0, 3, 1, 2)
    return ((drawn.float() - mean) / std).flatten(1)


def _whitening(patches: torch.Tensor) -> torch.Tensor:
    """ZCA's matrix for patches of mean 0: it takes away what is common to all of them."""
    import torch

    variances, axes = torch.linalg.eigh(patches.T @ patches / len(patches))
    whitening: torch.Tensor = axes @ torch.diag((variances + _RIDGE).rsqrt()) @ axes.T
    return whitening
