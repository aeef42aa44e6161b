"""Training of a backbone with a linear layer, and of the head."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from sightline.progress import Progress
from sightline.training.common.seeding import seeded
from sightline.training.images.loop import train
from sightline.training.images.patches import learn_patches
from sightline.training.images.preset import Recipe
from sightline.vision.backbones import create_backbone
from sightline.vision.heads import Head, LinearHead, XGBoostHead

if TYPE_CHECKING:
    from torch import nn

    from sightline.registry import ImageInput
    from sightline.vision.nets import Backbone

__all__ = ["Fitted", "embed", "fit", "fit_trees"]

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]

_EMBEDDED = 64  # images per forward pass


@dataclass(frozen=True)
class Fitted:
    """A trained model. ``losses``: the mean training loss of every epoch. ``seconds``: the duration of the training."""

    recipe: Recipe
    backbone: Backbone
    head: Head
    losses: tuple[float, ...]
    seconds: float

    def logits(self, pixels: Pixels) -> NDArray[np.float64]:
        """Return the logits in float32, shape = (n, classes), of images, uint8, shape = (n, height, width, 3)."""
        logits = self.head.logits(embed(self.backbone, pixels, self.recipe.input))
        if not self.recipe.flip:
            return logits
        mirrored = self.head.logits(embed(self.backbone, pixels[:, :, ::-1], self.recipe.input))
        return (logits + mirrored) / 2


def fit(
    recipe: Recipe,
    pixels: Pixels,
    labels: Labels,
    classes: int,
    *,
    seed: int,
    pretrained: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> Fitted:
    """Train by ``recipe`` on images, uint8, shape = (n, height, width, 3), and the indices of their classes.

    The recipe sets the number of epochs: there is no early stopping. The members of an ensemble are trained separately,
    one after another, and a linear head takes the mean of their logits. On one machine the same seed gives the same
    model. ``progress`` is called with the share of the epochs that are done.
    """
    import torch

    from sightline.vision.nets import Ensemble, PatchNet

    started = time.monotonic()
    target = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    with seeded(seed):
        backbone = create_backbone(recipe.backbone, pretrained=pretrained)
        members = cast("list[Backbone]", list(backbone.members)) if isinstance(backbone, Ensemble) else [backbone]
        trained = []
        for number, member in enumerate(members):
            if isinstance(member, PatchNet):
                learn_patches(member, pixels, recipe.input)
            network = torch.nn.Sequential(member, torch.nn.Linear(member.embedding_size, classes))
            network = network.to(target).to(memory_format=torch.channels_last)
            share = _share_of(progress, number, len(members))
            trained.append(train(network, recipe, pixels, labels, classes, share))
    networks = [network.cpu().eval() for _, network in trained]
    losses = tuple(float(np.mean(epoch)) for epoch in zip(*(losses for losses, _ in trained), strict=True))
    backbone = Ensemble([network[0] for network in networks]) if isinstance(backbone, Ensemble) else networks[0][0]
    if recipe.half:
        _round(backbone)
    if recipe.head == "xgboost":
        head: Head = fit_trees(recipe, embed(backbone, pixels, recipe.input), labels, classes, seed=seed)
    else:
        head = _linear_head([network[1] for network in networks])
    return Fitted(recipe, backbone, head, losses, time.monotonic() - started)


def fit_trees(
    recipe: Recipe, embeddings: NDArray[np.float32], labels: Labels, classes: int, *, seed: int
) -> XGBoostHead:
    """Fit XGBoost on embeddings, shape = (n, size), with the same total weight for every class."""
    import xgboost
    from sklearn.utils.class_weight import compute_sample_weight

    spec = recipe.xgboost
    booster = xgboost.train(
        {
            "objective": "multi:softprob",
            "num_class": classes,
            "tree_method": "hist",
            "learning_rate": spec.learning_rate,
            "max_depth": spec.depth,
            "subsample": spec.subsample,
            "colsample_bytree": spec.columns,
            "reg_lambda": spec.l2,
            "seed": seed,
        },
        xgboost.DMatrix(embeddings, labels, weight=compute_sample_weight("balanced", labels)),
        num_boost_round=spec.trees,
    )
    return XGBoostHead(booster)


def embed(backbone: Backbone, pixels: Pixels, size: ImageInput) -> NDArray[np.float32]:
    """Return the embeddings, shape = (n, size), of images, uint8, shape = (n, height, width, 3), unaugmented."""
    import torch

    mean, std = (torch.tensor(channels).view(3, 1, 1) * 255 for channels in (size.mean, size.std))
    blocks = []
    backbone.eval()
    with torch.inference_mode():
        for start in range(0, len(pixels), _EMBEDDED):
            block = torch.from_numpy(np.ascontiguousarray(pixels[start : start + _EMBEDDED])).permute(0, 3, 1, 2)
            blocks.append(backbone((block.float() - mean) / std).numpy())
    return np.concatenate(blocks) if blocks else np.empty((0, backbone.embedding_size), np.float32)


def _linear_head(layers: Sequence[nn.Linear]) -> LinearHead:
    """Return one layer on the concatenated embeddings, whose logits are the mean of the layers' logits."""
    weights = np.concatenate([layer.weight.detach().numpy() for layer in layers], axis=1) / len(layers)
    return LinearHead(weights, np.mean([layer.bias.detach().numpy() for layer in layers], axis=0))


def _share_of(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return the progress callback of one of ``count`` equal parts."""
    return (lambda share: progress((number + share) / count)) if progress else None


def _round(backbone: Backbone) -> None:
    """Round the matrices that are stored in float16, so that every metric describes the stored model."""
    for tensor in backbone.parameters():
        if tensor.ndim > 1:
            tensor.data = tensor.data.half().float()
