"""Augmentation by the steps of a preset: transforms of torchvision, or of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sightline.training.images.batched import BatchAffine, BatchErasing, BatchJitter
from sightline.training.images.preset import InvalidPreset

if TYPE_CHECKING:
    import torch

    from sightline.registry import ImageInput
    from sightline.training.images.preset import MixSpec, TransformSpec

__all__ = ["KNOWN", "augmentation", "mixing"]

Transform = Callable[..., Any]

_BATCHED = {kind.__name__: kind for kind in (BatchAffine, BatchErasing, BatchJitter)}
KNOWN = (
    *_BATCHED,
    "CenterCrop",
    "ColorJitter",
    "GaussianBlur",
    "GaussianNoise",
    "Pad",
    "RandAugment",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "TrivialAugmentWide",
)
_AFTER = ("BatchErasing", "GaussianNoise", "RandomErasing")  # these work on normalised values, the others on pixels


def augmentation(steps: Sequence[TransformSpec], size: ImageInput) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function from images, uint8 (n, 3, h, w), to augmented, normalised float32 input of the same shape.

    Every image gets its own random numbers from torch's global generator. The steps keep the preset's order, except
    that erasing and noise come after normalisation.
    """
    import torch
    from torchvision.transforms import v2

    as_float = v2.ToDtype(torch.float32, scale=True)
    normalise = v2.Compose([as_float, v2.Normalize(size.mean, size.std)])
    before = [_transform(step) for step in steps if step.name not in _AFTER]
    after = [_transform(step) for step in steps if step.name in _AFTER]
    batch_kinds = (*_BATCHED.values(), *((v2.Compose,) if any(step.name in _BATCHED for step in steps) else ()))
    runs = [
        (batched, v2.Compose(list(run)))
        for batched, run in groupby([*before, normalise, *after], key=lambda step: isinstance(step, batch_kinds))
    ]

    def augment(images: torch.Tensor) -> torch.Tensor:
        for batched, run in runs:
            # torchvision draws one set of random numbers for a batch, so its transforms get one image at a time.
            images = run(as_float(images)) if batched else torch.stack([run(image) for image in images])
        return images

    return augment


def mixing(spec: MixSpec, classes: int) -> Transform | None:
    """Return a function from a batch and its labels to the mixed batch and its label shares, float32 (n, classes)."""
    from torchvision.transforms import v2

    ways: list[Transform] = [v2.MixUp(alpha=spec.mixup, num_classes=classes)] if spec.mixup else []
    ways += [v2.CutMix(alpha=spec.cutmix, num_classes=classes)] if spec.cutmix else []
    if not ways:
        return None
    chosen: Transform = v2.RandomChoice(ways)
    return chosen


def _transform(step: TransformSpec) -> Transform:
    from torchvision.transforms import InterpolationMode, v2

    if step.name not in KNOWN:
        raise InvalidPreset(step.name, "is not a transform that presets may use", f"Use one of {', '.join(KNOWN)}")
    arguments = dict(step.arguments)
    if batched := _BATCHED.get(step.name):
        if step.probability is not None:
            raise InvalidPreset(step.name, "takes no probability: it transforms batches", "Remove the probability")
        return _create(step.name, batched, arguments, "Its arguments are those of sightline.training.images.batched")

    def single(**options: Any) -> Transform:
        if "interpolation" in options:
            options["interpolation"] = InterpolationMode(options["interpolation"])
        transform: Transform = getattr(v2, step.name)(**options)
        return transform

    transform = _create(step.name, single, arguments, "Its arguments are those of torchvision.transforms.v2")
    return transform if step.probability is None else v2.RandomApply([transform], p=step.probability)


def _create(name: str, kind: Transform, arguments: dict[str, Any], fix: str) -> Transform:
    try:
        transform: Transform = kind(**arguments)
    except (TypeError, ValueError) as error:
        raise InvalidPreset(name, str(error), fix) from error
    return transform
