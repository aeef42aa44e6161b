"""Presets: the training of a model as data. The built-in ones are the files in ``presets/``."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from sightline.errors import InvalidInput
from sightline.registry import ImageInput
from sightline.vision import BACKBONES
from sightline.vision.backbones import PRETRAINED

__all__ = [
    "InvalidPreset",
    "MixSpec",
    "OptimizerSpec",
    "Preset",
    "Recipe",
    "ScheduleSpec",
    "Shares",
    "TransformSpec",
    "load_preset",
    "preset_names",
]

_PRESETS = Path(__file__).with_name("presets")

Share = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(gt=0)]


class InvalidPreset(InvalidInput):
    """A preset that does not exist, or has an unknown key or an invalid value."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Labels(_Data):
    """The patterns of the class and the group in a file's name; case does not matter.

    The first group of the regular expression ``label`` matches the label. ``classes`` lists the labels of every class,
    in the model's order; without any, every label is a class. The first group of ``group`` matches the name of a group,
    for example a person, whose images stay on one side of every split.
    """

    label: str
    group: str | None = None
    classes: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @field_validator("label", "group")
    @classmethod
    def _one_group(cls, pattern: str | None) -> str | None:
        try:
            groups = 1 if pattern is None else re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        if groups != 1:
            raise ValueError(f"{pattern!r} must have exactly one group, which matches the label or the group")
        return pattern

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        labels = [label.casefold() for listed in self.classes.values() for label in listed]
        if repeated := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"{', '.join(repeated)} stands for more than one class")
        return self


class Shares(_Data):
    """The shares of the validation and the test set; the other images are the training set."""

    validation: Share = 0.1
    test: Share = 0.2

    @model_validator(mode="after")
    def _some_train(self) -> Self:
        if self.validation + self.test >= 0.8:
            raise ValueError("validation and test leave less than a fifth of the images for training")
        return self


class TransformSpec(BaseModel):
    """One step of augmentation: a transform of torchvision (``transforms.v2``) with its arguments.

    ``probability``: the share of the images that it is applied to, None for all.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    probability: Share | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the transform."""
        return self.model_extra or {}


class MixSpec(_Data):
    """Mixing within batches: ``mixup`` and ``cutmix`` are the alphas of their beta distributions, 0 for none.

    With both, one of them is drawn at random for every batch.
    """

    mixup: Annotated[float, Field(ge=0)] = 0.0
    cutmix: Annotated[float, Field(ge=0)] = 0.0


class OptimizerSpec(_Data):
    """The optimiser; biases and normalisation have no weight decay."""

    name: Literal["adamw", "sgd"]
    learning_rate: Rate
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9


class ScheduleSpec(_Data):
    """The learning rate over time.

    ``one_cycle`` rises during the share ``warm_up`` of the steps and then falls to 0. ``cosine_warm_restarts`` restarts
    every ``period`` epochs and falls to ``minimum``.
    """

    name: Literal["one_cycle", "cosine_warm_restarts"]
    warm_up: Share = 0.2
    period: PositiveInt = 5
    minimum: Annotated[float, Field(ge=0)] = 0.0


class XGBoostSpec(_Data):
    """The trees on the embeddings, with balanced sample weights."""

    trees: PositiveInt = 400
    learning_rate: Rate = 0.05
    depth: PositiveInt = 6
    subsample: Annotated[float, Field(gt=0, le=1)] = 0.8
    columns: Annotated[float, Field(gt=0, le=1)] = 0.8
    l2: Annotated[float, Field(ge=0)] = 1.0


class Recipe(_Data):
    """One way to train a preset's model, with pretrained weights or without them."""

    backbone: str
    input: ImageInput
    head: Literal["linear", "xgboost"]
    flip: bool = False
    """Whether the logits of an image are averaged with those of its mirror image."""
    half: bool = False
    """Whether the backbone's matrices are rounded to float16 and stored in half the space."""
    epochs: PositiveInt
    batch: Annotated[int, Field(ge=2)]
    balanced: bool = False
    """Whether every class is drawn equally often, with replacement, instead of every image once per epoch."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    average: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The decay per step of the moving average of the weights, which replaces the final weights."""
    optimizer: OptimizerSpec
    schedule: ScheduleSpec
    mix: MixSpec = MixSpec()
    transforms: tuple[TransformSpec, ...] = ()
    xgboost: XGBoostSpec = XGBoostSpec()

    @field_validator("backbone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in BACKBONES:
            raise ValueError(f"{name!r} is not a backbone. Use one of {', '.join(BACKBONES)}")
        return name


class Preset(_Data):
    """A kind of model: its classes, training, splits, metrics and promotion."""

    name: str
    description: str
    labels: Labels
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.93
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """The share of images of its own kind that the model should refuse as images of an unknown kind."""
    promoted_by: Literal["accuracy", "macro_f1"]
    minimum: PositiveInt = 30
    """The minimum number of images of a class."""
    near_duplicates: Annotated[float, Field(gt=0, le=1)] | None = None
    """Images whose thumbnails have at least this correlation stay on one side of every split."""
    shares: Shares = Shares()
    folds: Annotated[int, Field(ge=2)] = 5
    seed: Annotated[int, Field(ge=0)] = 42
    pretrained: Recipe | None = None
    scratch: Recipe | None = None
    _file: str | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _has_a_recipe(self) -> Self:
        if self.pretrained is None and self.scratch is None:
            raise ValueError("it has neither [pretrained] nor [scratch]")
        return self

    @property
    def reference(self) -> str:
        """The argument of :func:`load_preset` for it: its name, or its file if it is not a built-in one."""
        return self._file or self.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Every class the preset knows, in the model's order."""
        return tuple(self.labels.classes)

    def recipe(self, pretrained: bool = True) -> Recipe:
        """Return the recipe with pretrained weights if requested and available, otherwise the other one.

        Raises :class:`InvalidPreset` if pretrained weights are excluded and there is no recipe without them.
        """
        recipe = (self.pretrained if pretrained else None) or self.scratch
        if recipe is None:
            raise InvalidPreset(
                self.name, "this preset has no [scratch] recipe", "Train it without --no-pretrained, or add one"
            )
        return recipe

    def with_backbone(self, backbone: str, pretrained: bool = True) -> Preset:
        """Return the preset with another backbone in the recipe for ``pretrained``, and the normalisation it expects.

        Raises :class:`InvalidPreset` if there is no such backbone, or if it has no pretrained weights.
        """
        known = tuple(PRETRAINED) if self.starts_pretrained(pretrained) else BACKBONES
        if backbone not in known:
            kind = "is not a backbone with pretrained weights" if backbone in BACKBONES else "is not a backbone"
            raise InvalidPreset(backbone, kind, f"Use one of {', '.join(known)}")
        recipe = self.recipe(pretrained)
        update: dict[str, Any] = {"backbone": backbone}
        if self.starts_pretrained(pretrained):
            mean, std = PRETRAINED[backbone]
            update["input"] = recipe.input.model_copy(update={"mean": mean, "std": std})
        field = "pretrained" if self.starts_pretrained(pretrained) else "scratch"
        changed = self.model_copy(update={field: recipe.model_copy(update=update)})
        changed._file = self._file
        return changed

    def starts_pretrained(self, pretrained: bool = True) -> bool:
        """Return whether the recipe for ``pretrained`` starts from pretrained weights."""
        return pretrained and self.pretrained is not None


def preset_names() -> tuple[str, ...]:
    """Return the names of the built-in presets."""
    return tuple(sorted(file.stem for file in _PRESETS.glob("*.toml")))


def load_preset(name: str | Path) -> Preset:
    """Load the built-in preset of this name, or the preset in a TOML file.

    Raises :class:`InvalidPreset` if there is none, or if it has an unknown key or an invalid value.
    """
    known = preset_names()
    path = _PRESETS / f"{name}.toml" if name in known else Path(name).expanduser()
    if path.suffix != ".toml" or not path.is_file():
        fix = f"Use one of {', '.join(known)}, or a .toml file"
        raise InvalidPreset(str(name), "there is no such preset", fix)
    try:
        preset = Preset.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidPreset(str(path), f"is not TOML: {error}", "See presets/vehicles.toml for an example") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
        raise InvalidPreset(str(path), problems, "Correct the file") from error
    if name not in known:
        preset._file = str(path.absolute())
    return preset
