"""Making a trained model a version of the registry, and current where it is at least as good as the current one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.clock import now_in_utc
from sightline.registry import (
    DataVersion,
    ModelDraft,
    ModelRecord,
    Promotion,
    Registry,
    code_version,
    versions_of_libraries,
)
from sightline.registry.baseline import BASELINE, Baseline
from sightline.training.common.calibration import Calibration, calibrate, expected_calibration_error
from sightline.training.common.current_model import Device, RivalChanged, compare_with_current
from sightline.training.common.evaluation import Evaluation, evaluate
from sightline.training.common.manifest import MANIFEST
from sightline.training.images.comparison import ComparisonRow
from sightline.training.images.cross_validation import CrossValidation
from sightline.training.images.data import TrainingData
from sightline.training.images.fit import Fitted, embed
from sightline.training.images.manifest import UNUSABLE
from sightline.training.images.plots import draw_plots
from sightline.training.images.preset import Preset
from sightline.training.images.splits import Splits
from sightline.vision import TASK, save_classifier
from sightline.vision.heads import probabilities
from sightline.vision.precision import HALF_PRECISIONS, METRIC, Agreement, agreement

__all__ = ["Assessed", "assess", "promote", "publish"]

_LIBRARIES = ("numpy", "pillow", "scikit-learn", "torch", "torchvision", "xgboost")


@dataclass(frozen=True)
class Assessed:
    """A trained model with its calibration and its figures on the test set.

    ``before`` and ``after``: the test set's probabilities, shape = (n, classes), without and with the temperature, in
    float32. ``half``: how those with it would be in each half precision that there is for the model.
    """

    fitted: Fitted
    calibration: Calibration
    evaluation: Evaluation
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    half: Mapping[str, Agreement]


def assess(fitted: Fitted, data: TrainingData, splits: Splits, threshold: float) -> Assessed:
    """Find the temperature on the validation set, then the figures on the test set, by half precisions too."""
    labels, unseen = data.labels, data.pixels[splits.test]
    calibration = calibrate(fitted.logits(data.pixels[splits.validation]), labels[splits.validation])
    logits = fitted.logits(unseen)
    before, after = probabilities(logits), probabilities(logits, calibration.temperature)
    evaluation = evaluate(after, labels[splits.test], data.manifest.classes, threshold)
    half = dict(_in_half_precisions(fitted, unseen, calibration.temperature, after))
    return Assessed(fitted, calibration, evaluation, before, after, half)


def _in_half_precisions(
    fitted: Fitted, pixels: NDArray[np.uint8], temperature: float, expected: NDArray[np.float64]
) -> Iterator[tuple[str, Agreement]]:
    """How pictures' probabilities would be in each half precision. One in which the embeddings overflow is left out."""
    from sightline.vision.half import emulate_precision

    for name in HALF_PRECISIONS:
        backbone = emulate_precision(fitted.backbone, name)
        if backbone is None:
            continue
        try:
            logits = replace(fitted, backbone=backbone).logits(pixels)
        except OverflowError:
            continue
        yield name, agreement(probabilities(logits, temperature), expected)


def publish(
    registry: Registry,
    name: str,
    preset: Preset,
    data: TrainingData,
    splits: Splits,
    assessed: Assessed,
    folder: Path,
    *,
    seed: int,
    pretrained: bool = True,
    cross_validation: CrossValidation | None = None,
    comparison: Sequence[ComparisonRow] = (),
    reviews: Mapping[str, Any] | None = None,
) -> ModelRecord:
    """Write weights, plots, manifest and baseline into ``folder``, an empty one, and publish them as a new version.

    ``pretrained``: whether pretrained weights were asked for; the record also tells whether the preset has a recipe
    with them. ``reviews``: whose answers are among the labels, for the record. The version is not current yet: that is
    :func:`promote`'s.
    """
    fitted, manifest = assessed.fitted, data.manifest
    recipe, threshold = fitted.recipe, assessed.evaluation.threshold
    save_classifier(folder, fitted.backbone, fitted.head, half=recipe.half)
    draw_plots(
        folder,
        before=assessed.before,
        after=assessed.after,
        labels=data.labels[splits.test],
        classes=manifest.classes,
        threshold=threshold,
        losses=fitted.losses,
    )
    test = np.asarray(splits.test)
    Baseline.of_test_set(
        assessed.after,
        data.labels[test],
        lambda places: embed(fitted.backbone, data.pixels[test[places]], recipe.input),
    ).save(folder / BASELINE)
    (folder / MANIFEST).write_bytes(manifest.csv(splits.parts))
    if manifest.unusable:
        (folder / UNUSABLE).write_bytes(manifest.unusable_csv())
    metrics = _metrics(assessed, data.labels[splits.test])
    if cross_validation:
        metrics["cross_validation"] = cross_validation.model_dump(mode="json")
    if comparison:
        metrics["comparison"] = [row.model_dump(mode="json") for row in comparison]
    draft = ModelDraft(
        name=name,
        created=now_in_utc(),
        task=TASK,
        architecture={
            "backbone": recipe.backbone,
            "embedding": fitted.head.embedding_size,
            "head": recipe.head,
            "flip": recipe.flip,
            "half": recipe.half,
            "pretrained": preset.starts_pretrained(pretrained),
        },
        classes=manifest.classes,
        input=recipe.input,
        threshold=threshold,
        temperature=assessed.calibration.temperature,
        data=_data_version(data, splits),
        parameters={
            "preset": preset.reference,
            "data": data.source.uri,
            "pretrained_asked_for": pretrained,
            "recipe": recipe.model_dump(mode="json"),
            "shares": preset.shares.model_dump(),
            "near_duplicates": preset.near_duplicates,
            "absent_classes": list(manifest.absent),
            "unusable": len(manifest.unusable),
            **({"reviews": dict(reviews)} if reviews else {}),
        },
        seed=seed,
        metrics=metrics,
        code_version=code_version(),
        libraries=versions_of_libraries(_LIBRARIES),
    )
    return registry.publish(draft, folder)


def _metrics(assessed: Assessed, labels: NDArray[np.int64]) -> dict[str, Any]:
    """The figures on the test set, and the calibration's on the validation set, where the temperature was found."""
    found = assessed.evaluation.model_dump(mode="json", exclude={"threshold", "ece"})
    return found | {
        "ece_before": expected_calibration_error(assessed.before, labels),
        "ece_after": assessed.evaluation.ece,
        "validation": {
            "ece_before": assessed.calibration.ece_before,
            "ece_after": assessed.calibration.ece_after,
        },
        "training_seconds": assessed.fitted.seconds,
        "losses": list(assessed.fitted.losses),
        METRIC: {name: found.model_dump() for name, found in assessed.half.items()},
    }


def _data_version(data: TrainingData, splits: Splits) -> DataVersion:
    manifest = data.manifest
    return DataVersion(
        manifest_sha256=manifest.sha256,
        test_sha256=manifest.sha256_of(splits.test),
        samples=len(manifest.samples),
        train=len(splits.train),
        validation=len(splits.validation),
        test=len(splits.test),
        groups=manifest.groups,
        source=data.source.name,
        synthetic=manifest.synthetic,
        reviewed=manifest.reviewed,
    )


def promote(
    registry: Registry,
    record: ModelRecord,
    preset: Preset,
    data: TrainingData,
    splits: Splits,
    assessed: Assessed,
    *,
    why: str | None = None,
    device: Device = "auto",
) -> Promotion:
    """Make a published version current where it is at least as good as the current one on the same test pictures.

    The preset says by which figure. The result's ``why`` says how the two were compared, and before that ``why`` the
    version was trained.
    """
    metric, said = preset.promoted_by, assessed.after.argmax(axis=1)
    while True:
        found = compare_with_current(registry, record.name, metric, data, splits.test, said, device=device)
        try:
            return registry.promote(
                record.name,
                record.version,
                metric=metric,
                value=found.value,
                rival=found.rival_is,
                why="; ".join(filter(None, (why, found.why))),
            )
        except RivalChanged:  # The pictures that are fair to the one that is current now may be others.
            continue
