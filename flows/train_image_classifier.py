"""Labelled images → splits → training → calibration → metrics → registry → promotion."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sightline.registry import ModelRecord, Promotion
from sightline.storage import uri_of
from sightline.training.images import ComparisonRow, CrossValidation, Unusable
from tasks.models import open_registry
from tasks.support.flow import sightline_flow, skipped
from tasks.training import (
    assess_model,
    compare_models,
    cross_validate_recipe,
    find_cooldown,
    find_same_images,
    fit_model,
    promote_model,
    publish_comparison,
    publish_model,
    read_images,
    report_training,
    split_images,
)
from tasks.training_plan import plan_training


class ImageTrainingResult(BaseModel):
    """The new version, its metrics on the test set, and whether and why it is the current version."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    promoted: bool
    why: str
    backbone: str
    pretrained: bool
    head: str
    synthetic: bool
    classes: tuple[str, ...]
    images: int
    train: int
    validation: int
    test: int
    unusable: int
    reviewed: int
    threshold: float
    accuracy: float
    macro_f1: float
    ece_before: float
    ece_after: float
    share_accepted: float
    accuracy_accepted: float | None
    cross_validation: CrossValidation | None
    comparison: tuple[ComparisonRow, ...]
    seconds: float
    folder: str
    plots: tuple[str, ...]

    @classmethod
    def of(
        cls, record: ModelRecord, promotion: Promotion, unusable: list[Unusable], folder: str
    ) -> ImageTrainingResult:
        """Return the result for a published version."""
        architecture, metrics = record.architecture, record.metrics
        names = ("accuracy", "macro_f1", "ece_before", "ece_after", "share_accepted", "accuracy_accepted")
        return cls(
            name=record.name,
            version=record.version,
            promoted=promotion.promoted,
            why=promotion.why,
            **{name: architecture[name] for name in ("backbone", "pretrained", "head")},
            **record.data.model_dump(include={"synthetic", "train", "validation", "test", "reviewed"}),
            images=record.data.samples,
            classes=record.classes,
            unusable=len(unusable),
            threshold=record.threshold,
            **{name: metrics[name] for name in names},
            cross_validation=metrics.get("cross_validation"),
            comparison=metrics.get("comparison", ()),
            seconds=metrics["training_seconds"],
            folder=folder,
            plots=tuple(f"{folder}/{name}" for name in record.files if name.endswith(".png")),
        )


@sightline_flow(name="train-image-classifier", flow_run_name="train {name}", timeout="training_timeout_seconds")
def train_image_classifier(
    name: str,
    data: str,
    *,
    preset: str | None = None,
    pretrained: bool = True,
    backbone: str | None = None,
    classes: str | list[str] | None = None,
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None,
    false_alarms: Annotated[float, Field(gt=0, lt=1)] | None = None,
    seed: Annotated[int, Field(ge=0)] | None = None,
    cross_validate: bool = False,
    compare: bool = False,
    reviews: bool = True,
    why: str | None = None,
    cooldown_hours: Annotated[float, Field(ge=0)] | None = None,
) -> ImageTrainingResult | None:
    """Train and publish an image classifier; promote it if it is at least as good as the current version.

    Args:
        name: The model's name in the registry.
        data: Labelled images: a folder or an s3:// prefix with one folder per class, or with file names that contain
            the class; a .csv file with the columns image and label; or cifar10://FOLDER or cifar100://FOLDER.
        preset: The preset: posture, vehicles, images (any classes), cifar (any classes of 32x32 images), or the path of
            a .toml file. By default the preset with the model's name, that of its current version, or, with classes,
            images.
        pretrained: Start from ImageNet weights if the preset has a recipe with them; otherwise train from scratch.
        backbone: The network, for example efficientnet_lite0, efficientnet_lite2 or convnext_tiny. By default the
            preset's.
        classes: The classes, separated by commas, also ones that the preset does not know, or "all". By default those
            that the current version was trained with, or the preset's.
        threshold: The lowest probability at which a prediction is accepted. By default the preset's.
        false_alarms: The share of images of its own kind that the model should refuse as images of an unknown kind. By
            default the preset's.
        seed: The random seed of the splits and the training. By default the preset's.
        cross_validate: Also train and test a model on every fold of the preset, to measure the recipe.
        compare: Also compare backbones and heads on the validation set.
        reviews: Also train on the images of this model that have answers from people; few of them are used for testing.
        why: The reason for this training, for example drift; the record of a promotion states it.
        cooldown_hours: Train only if the newest version is older than this, and was trained on other images. By default
            train in any case.
    """
    plan = plan_training(name, preset, pretrained, classes, threshold, seed, backbone, false_alarms)
    if cooldown_hours is not None and (reason := find_cooldown(plan, cooldown_hours)):
        return skipped(reason, None)
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as folder:
        images = read_images(data, plan, Path(folder), reviews)
        if cooldown_hours is not None and (reason := find_same_images(plan, images)):
            return skipped(reason, None)
        splits = split_images(images, plan)
        rows = compare_models(images, splits, plan) if compare else []
        if rows:
            publish_comparison(rows)
        folds = cross_validate_recipe(images, plan) if cross_validate else None
        assessed = assess_model(fit_model(images, splits, plan), images, splits, plan)
        record = publish_model(assessed, images, splits, plan, folds, rows)
        promotion = promote_model(record, assessed, images, splits, plan, why)
    unusable = list(images.value.manifest.unusable)
    folder_uri = uri_of(open_registry().root / record.name / str(record.version))
    report_training(record, promotion, unusable, folder_uri)
    return ImageTrainingResult.of(record, promotion, unusable, folder_uri)
