"""The training loop of one network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sightline.progress import Progress
from sightline.training.images.preset import Recipe
from sightline.training.images.transforms import augmentation, mixing

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["train"]

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


def train(
    network: nn.Sequential, recipe: Recipe, pixels: Pixels, labels: Labels, classes: int, progress: Progress | None
) -> tuple[tuple[float, ...], Any]:
    """Train ``network`` in place.

    Return the mean loss of every epoch, and the network to store: itself or its moving average.
    """
    import torch
    from torch.nn.functional import cross_entropy
    from torch.optim.swa_utils import AveragedModel

    batch = min(recipe.batch, len(labels))
    steps = len(labels) // batch
    optimizer, schedule = _optimizer(network, recipe, steps)
    average = (
        AveragedModel(network, multi_avg_fn=_averaging(recipe.average), use_buffers=True) if recipe.average else None
    )
    device = next(network.parameters()).device
    mix = mixing(recipe.mix, classes)
    prepare = augmentation(recipe.transforms, recipe.input)
    losses = []
    for epoch in range(recipe.epochs):
        network.train()
        total = 0.0
        for indices in _order(recipe, labels, classes)[: steps * batch].reshape(steps, batch):
            inputs = prepare(torch.from_numpy(pixels[indices]).permute(0, 3, 1, 2))
            targets = torch.from_numpy(labels[indices])
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


def _averaging(decay: float) -> Callable[..., None]:
    """Return the update of an exponential moving average, whose decay rises to ``decay``.

    The decay of step t is at most (1 + t) / (10 + t), as in TensorFlow's ExponentialMovingAverage: with few steps, the
    average would otherwise still be near the network's random beginning.
    """
    from torch.optim.swa_utils import get_ema_multi_avg_fn

    def update(averaged: Any, current: Any, steps: Any) -> None:
        reached = min(decay, (1 + int(steps)) / (10 + int(steps)))
        get_ema_multi_avg_fn(reached)(averaged, current, steps)  # type: ignore[no-untyped-call]

    return update


def _optimizer(
    network: nn.Module, recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    from torch import optim

    spec, plan = recipe.optimizer, recipe.schedule
    trainable = [tensor for tensor in network.parameters() if tensor.requires_grad]
    groups = [
        {"params": [tensor for tensor in trainable if tensor.ndim > 1], "weight_decay": spec.weight_decay},
        {"params": [tensor for tensor in trainable if tensor.ndim <= 1], "weight_decay": 0.0},
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
    """Return the indices of one epoch's images: all in random order, or a class-balanced sample with replacement."""
    import torch

    if not recipe.balanced:
        return np.asarray(torch.randperm(len(labels)).numpy())
    weights = 1 / np.bincount(labels, minlength=classes)
    drawn = torch.multinomial(torch.from_numpy(weights[labels]), len(labels), replacement=True)
    return np.asarray(drawn.numpy())
