"""The plan of a training, validated before any image is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from sightline.errors import InvalidModelName, InvalidSetting
from sightline.names import ModelName
from sightline.settings import settings
from sightline.training import images
from sightline.training.images import Classes, InvalidPreset, Preset, Recipe
from tasks.models import open_registry
from tasks.support.policy import ON_STORAGE, sightline_task

__all__ = ["TrainingPlan", "plan_training"]


class TrainingPlan(BaseModel):
    """The parameters of a training. ``pretrained``: whether pretrained weights were requested.

    ``white``: the setting IMAGE_WHITE, which the model's record keeps if the preset declares none.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    preset: Preset
    pretrained: bool
    classes: Classes
    threshold: float
    false_alarms: float
    seed: int
    white: float | None = None

    @property
    def recipe(self) -> Recipe:
        """The recipe of the preset for these parameters. ``white`` completes its input."""
        recipe = self.preset.recipe(self.pretrained)
        if self.white is None or recipe.input.white is not None:
            return recipe
        return recipe.model_copy(update={"input": recipe.input.model_copy(update={"white": self.white})})


@sightline_task(**ON_STORAGE)
def plan_training(
    name: str,
    preset: str | None,
    pretrained: bool,
    classes: str | Sequence[str] | None,
    threshold: float | None,
    seed: int | None,
    backbone: str | None = None,
    false_alarms: float | None = None,
) -> TrainingPlan:
    """Validate the parameters, check that the registry is reachable, and return the plan.

    The preset and the classes are by default those of the model's current version, so that a training after a drift, or
    with more images, has them too.
    """
    if ModelName.parse(name).is_of_patient:
        raise InvalidModelName(f"{name}: is the name of a patient's model. Give this one another name")
    preset, requested = _completed(name, preset, _listed(classes))
    loaded = images.load_preset(preset)
    if backbone is not None:
        loaded = loaded.with_backbone(backbone, pretrained)
    plan = TrainingPlan(
        name=name,
        preset=_ordered(loaded),
        pretrained=pretrained,
        classes=requested,
        threshold=loaded.threshold if threshold is None else threshold,
        false_alarms=loaded.false_alarms if false_alarms is None else false_alarms,
        seed=loaded.seed if seed is None else seed,
        white=settings().image_white,
    )
    # Called for its errors, before thousands of images are read.
    images.augmentation(plan.recipe.transforms, plan.recipe.input)
    return plan


def _completed(name: str, preset: str | None, classes: Classes) -> tuple[str, Classes]:
    """Return the preset and the classes, completed by those of the model's current version."""
    recorded = _recorded(name)
    known = images.preset_names()
    chosen = preset or (name if name in known else recorded.get("preset") or ("images" if classes else None))
    if chosen is None:
        raise InvalidSetting(
            f"{name} is not the name of a preset. Name the classes, as in --classes bicycle,motorcycle,scooter, which "
            f"trains with the preset images. Or add --preset, one of {', '.join(known)}, or a .toml file"
        )
    if classes is None and chosen == recorded.get("preset"):
        classes = recorded.get("classes")
    return chosen, classes


def _recorded(name: str) -> dict[str, Any]:
    """Return the parameters of the model's current version; none if there is no such model."""
    registry = open_registry()
    current = registry.current(name)
    return dict(registry.record(name, current.version).parameters) if current else {}


def _listed(classes: str | Sequence[str] | None) -> Classes:
    """Return ``all``, or the names in a list or a comma-separated text."""
    if classes is None or classes == "all" or list(classes) == ["all"]:
        return None if classes is None else "all"
    names = tuple(name.strip() for name in (classes.split(",") if isinstance(classes, str) else classes))
    labels = [name.casefold() for name in names]
    if "" in labels or len(set(labels)) < len(labels):
        raise InvalidSetting(f"--classes {','.join(names)}: a class is empty or repeated. Name each class once")
    return names


def _ordered(preset: Preset) -> Preset:
    """Return the preset; if it is posture and CLASSES is set, with those classes in that order."""
    selected = settings().classes
    if preset.name != "posture" or selected is None:
        return preset
    known = preset.labels.classes
    if unknown := [name for name in selected if name not in known]:
        raise InvalidPreset("CLASSES", f"{', '.join(unknown)} is not a class of posture", f"It has {', '.join(known)}")
    labels = preset.labels.model_copy(update={"classes": {name: known[name] for name in selected}})
    return preset.model_copy(update={"labels": labels})
