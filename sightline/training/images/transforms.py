"""Augmentation: a preset's steps, torchvision's transforms or those for whole batches."""

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

_BATCHED = {each.__name__: each for each in (BatchAffine, BatchErasing, BatchJitter)}
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
_AFTER = ("BatchErasing", "GaussianNoise", "RandomErasing")  # made for normalised numbers; the others are for pixels


def augmentation(steps: Sequence[TransformSpec], size: ImageInput) -> Callable[[torch.Tensor], torch.Tensor]:
    """From pictures, uint8 (n, 3, h, w), to a model's augmented, normalised float32 input of the same shape.

    Each picture is augmented in its own way, by torch's global generator. The steps stand in the preset's order, save
    that erasing and noise come after normalisation.
    """
    import torch
    from torchvision.transforms import v2

    as_float = v2.ToDtype(torch.float32, scale=True)
    normalise = v2.Compose([as_float, v2.Normalize(size.mean, size.std)])
    before = [_transform(step) for step in steps if step.name not in _AFTER]
    after = [_transform(step) for step in steps if step.name in _AFTER]
    whole = (*_BATCHED.values(), *((v2.Compose,) if any(step.name in _BATCHED for step in steps) else ()))
    runs = [
        (batched, v2.Compose(list(run)))
        for batched, run in groupby([*before, normalise, *after], key=lambda each: isinstance(each, whole))
    ]

    def augment(pictures: torch.Tensor) -> torch.Tensor:
        for batched, run in runs:
            # torchvision's would draw one set of numbers for a whole batch.
            pictures = run(as_float(pictures)) if batched else torch.stack([run(picture) for picture in pictures])
        return pictures

    return augment


def mixing(spec: MixSpec, classes: int) -> Transform | None:
    """From a batch and its labels to the mixed batch and its labels' shares, float32 (n, classes)."""
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
        raise InvalidPreset(step.name, "is not a transform that presets may use", f"Take one of {', '.join(KNOWN)}")
    arguments = dict(step.arguments)
    if batched := _BATCHED.get(step.name):
        if step.probability is not None:
            raise InvalidPreset(step.name, "takes no probability: it is for whole batches", "Leave that out")
        return _made(step.name, batched, arguments, "Its arguments are those of sightline.training.batched")

    def single(**given: Any) -> Transform:
        if "interpolation" in given:
            given["interpolation"] = InterpolationMode(given["interpolation"])
        made: Transform = getattr(v2, step.name)(**given)
        return made

    made = _made(step.name, single, arguments, "Its arguments are those of torchvision.transforms.v2")
    return made if step.probability is None else v2.RandomApply([made], p=step.probability)


def _made(name: str, kind: Transform, arguments: dict[str, Any], mend: str) -> Transform:
    try:
        made: Transform = kind(**arguments)
    except (TypeError, ValueError) as error:
        raise InvalidPreset(name, str(error), mend) from error
    return made
