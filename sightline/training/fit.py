"""Training: a backbone with a linear layer on it, and the head that is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sightline.training.data import Progress
from sightline.training.patches import learn_patches
from sightline.training.preset import Recipe
from sightline.training.transforms import augmentation, mixing
from sightline.vision.backbones import create_backbone
from sightline.vision.heads import Head, LinearHead, XGBoostHead

if TYPE_CHECKING:
    import torch
    from torch import nn

    from sightline.registry import ImageInput

__all__ = ["Fitted", "embed", "fit", "fit_trees"]

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]

_EMBEDDED = 64  # pictures a forward pass


@dataclass(frozen=True)
class Fitted:
    """A trained model. ``losses``: the mean training loss of each epoch. ``seconds``: what training it took."""

    recipe: Recipe
    backbone: nn.Module
    head: Head
    losses: tuple[float, ...]
    seconds: float

    def logits(self, pixels: Pixels) -> NDArray[np.float64]:
        """The classes' logits, shape = (n, classes), of pictures, uint8, shape = (n, height, width, 3), in float32."""
        found = self.head.logits(embed(self.backbone, pixels, self.recipe.input))
        if not self.recipe.flip:
            return found
        mirrored = self.head.logits(embed(self.backbone, pixels[:, :, ::-1], self.recipe.input))
        return (found + mirrored) / 2


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
    """Train by ``recipe`` on pictures, uint8, shape = (n, height, width, 3), and their classes' places.

    The number of epochs is the recipe's: nothing is chosen by how it goes. On one machine the same seed gives the same
    model. ``progress`` is told the share of the epochs that are done.
    """
    import torch

    from sightline.vision.nets import PatchNet

    started = time.monotonic()
    place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    with _seeded(seed):
        backbone = create_backbone(recipe.backbone, pretrained=pretrained)
        if isinstance(backbone, PatchNet):
            learn_patches(backbone, pixels, recipe.input)
        network = torch.nn.Sequential(backbone, torch.nn.Linear(backbone.embedding_size, classes))
        network = network.to(place, memory_format=torch.channels_last)
        losses, averaged = _train(network, recipe, pixels, labels, classes, progress)
    backbone, layer = averaged[0].cpu().eval(), averaged[1].cpu()
    if recipe.half:
        _round(backbone)
    if recipe.head == "xgboost":
        head: Head = fit_trees(recipe, embed(backbone, pixels, recipe.input), labels, classes, seed=seed)
    else:
        head = LinearHead(layer.weight.detach().numpy(), layer.bias.detach().numpy())
    return Fitted(recipe, backbone, head, losses, time.monotonic() - started)


def fit_trees(
    recipe: Recipe, embeddings: NDArray[np.float32], labels: Labels, classes: int, *, seed: int
) -> XGBoostHead:
    """XGBoost on embeddings, shape = (n, size), every class with the same weight in all."""
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


def embed(backbone: nn.Module, pixels: Pixels, size: ImageInput) -> NDArray[np.float32]:
    """The embeddings, shape = (n, size), of un-augmented pictures, uint8, shape = (n, height, width, 3)."""
    import torch

    mean, std = (torch.tensor(each).view(3, 1, 1) * 255 for each in (size.mean, size.std))
    found = []
    backbone.eval()
    with torch.inference_mode():
        for start in range(0, len(pixels), _EMBEDDED):
            block = torch.from_numpy(np.ascontiguousarray(pixels[start : start + _EMBEDDED])).permute(0, 3, 1, 2)
            found.append(backbone((block.float() - mean) / std).numpy())
    return np.concatenate(found) if found else np.empty((0, int(backbone.embedding_size)), np.float32)  # type: ignore[arg-type]


def _train(
    network: nn.Sequential, recipe: Recipe, pixels: Pixels, labels: Labels, classes: int, progress: Progress | None
) -> tuple[tuple[float, ...], Any]:
    """Train ``network`` in place; the losses, and the network to keep: itself, or its moving average."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    batch = min(recipe.batch, len(labels))
    steps = len(labels) // batch
    optimizer, schedule = _optimizer(network, recipe, steps)
    average = (
        AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.average), use_buffers=True)
        if recipe.average
        else None
    )
    device = next(network.parameters()).device
    mix = mixing(recipe.mix, classes)
    prepare = augmentation(recipe.transforms, recipe.input)
    losses = []
    for epoch in range(recipe.epochs):
        network.train()
        total = 0.0
        for places in _order(recipe, labels, classes)[: steps * batch].reshape(steps, batch):
            inputs = prepare(torch.from_numpy(pixels[places]).permute(0, 3, 1, 2))
            targets = torch.from_numpy(labels[places])
            if mix:
                inputs, targets = mix(inputs, targets)
            inputs = inputs.to(device, memory_format=torch.channels_last)
            loss = cross_entropy(network(inputs), targets.to(device), label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            if average:
                average.update_parameters(network)
            total += loss.item()
        losses.append(total / steps)
        if progress:
            progress((epoch + 1) / recipe.epochs)
    return tuple(losses), average.module if average else network


def _optimizer(
    network: nn.Module, recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    from torch import optim

    spec, plan = recipe.optimizer, recipe.schedule
    learnt = [each for each in network.parameters() if each.requires_grad]
    groups = [
        {"params": [each for each in learnt if each.ndim > 1], "weight_decay": spec.weight_decay},
        {"params": [each for each in learnt if each.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer: optim.Optimizer
    if spec.name == "sgd":
        optimizer = optim.SGD(groups, lr=spec.learning_rate, momentum=spec.momentum, nesterov=spec.momentum > 0)
    else:
        optimizer = optim.AdamW(groups, lr=spec.learning_rate)
    if plan.name == "one_cycle":
        return optimizer, optim.lr_scheduler.OneCycleLR(
            optimizer, spec.learning_rate, total_steps=recipe.epochs * steps, pct_start=plan.warm_up
        )
    return optimizer, optim.lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer, T_0=plan.period * steps, eta_min=plan.minimum
    )


def _order(recipe: Recipe, labels: Labels, classes: int) -> NDArray[np.int64]:
    """One epoch's pictures: each once, or as many with replacement, every class equally often."""
    import torch

    if not recipe.balanced:
        return np.asarray(torch.randperm(len(labels)).numpy())
    weights = 1 / np.bincount(labels, minlength=classes)
    drawn = torch.multinomial(torch.from_numpy(weights[labels]), len(labels), replacement=True)
    return np.asarray(drawn.numpy())


def _round(backbone: nn.Module) -> None:
    """Take the matrices that will be stored in float16 as they will be read, so that every figure is of those."""
    for each in backbone.parameters():
        if each.ndim > 1:
            each.data = each.data.half().float()


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Torch's global generator, which its augmentations and layers draw from, set to ``seed`` and put back after."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        deterministic = torch.backends.cudnn.deterministic
        torch.backends.cudnn.deterministic = True
        try:
            yield
        finally:
            torch.backends.cudnn.deterministic = deterministic
