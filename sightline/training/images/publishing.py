"""Publication of a trained classifier, and its promotion if it is at least as good as the current version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sightline.registry import DataVersion, ModelDraft, ModelRecord, Promotion, Registry
from sightline.registry.baseline import BASELINE, Baseline
from sightline.training.common.calibration import Calibration, calibrate, expected_calibration_error
from sightline.training.common.evaluation import Evaluation, evaluate, score
from sightline.training.common.manifest import MANIFEST
from sightline.training.common.publishing import (
    Guess,
    TestSet,
    VersionComparison,
    compare_with_current,
    promote_version,
    provenance,
)
from sightline.training.images.comparison import ComparisonRow
from sightline.training.images.cross_validation import CrossValidation
from sightline.training.images.data import TrainingData
from sightline.training.images.familiarity import fit_familiarity, measure_familiarity
from sightline.training.images.fit import Fitted, embed
from sightline.training.images.manifest import UNUSABLE, Classes
from sightline.training.images.plots import draw_plots
from sightline.training.images.preset import Preset
from sightline.training.images.splits import Indices, Splits
from sightline.vision import TASK, load_classifier, save_classifier
from sightline.vision.familiarity import FAMILIARITY, Familiarity, FamiliarityFigures
from sightline.vision.familiarity import METRIC as FAMILIARITY_METRIC
from sightline.vision.graph import save_graph
from sightline.vision.heads import probabilities
from sightline.vision.precision import HALF_PRECISIONS, METRIC, PrecisionAgreement, agreement

__all__ = ["Assessed", "assess", "promote", "publish"]

Device = Literal["auto", "cpu", "cuda"]

_LIBRARIES = ("numpy", "onnx", "openvino", "pillow", "scikit-learn", "torch", "torchvision", "xgboost")


@dataclass(frozen=True)
class Assessed:
    """A trained model with its calibration and its metrics on the test set.

    ``before`` and ``after``: the probabilities of the test set, shape = (n, classes), before and after temperature
    scaling, in float32. ``half``: the agreement of ``after`` with each half precision that the model supports.
    ``familiarity``: the measure of what the model knows, and ``false_alarms`` its errors on the test set.
    """

    fitted: Fitted
    calibration: Calibration
    evaluation: Evaluation
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    half: Mapping[str, PrecisionAgreement]
    familiarity: Familiarity
    false_alarms: FamiliarityFigures


def assess(fitted: Fitted, data: TrainingData, splits: Splits, threshold: float, false_alarms: float) -> Assessed:
    """Fit the temperature and the familiarity, and measure the model on the test set, also in half precision.

    The temperature and the limit of the familiarity are chosen on the validation set. ``false_alarms``: the share of
    images of its own kind that the model should refuse.
    """
    labels, test_pixels = data.labels, data.pixels[splits.test]
    validation = data.pixels[splits.validation]
    calibration = calibrate(fitted.logits(validation), labels[splits.validation])
    logits = fitted.logits(test_pixels)
    before, after = probabilities(logits), probabilities(logits, calibration.temperature)
    evaluation = evaluate(after, labels[splits.test], data.manifest.classes, threshold)
    half = dict(_in_half_precisions(fitted, test_pixels, calibration.temperature, after))
    backbone, size = fitted.backbone, fitted.recipe.input
    train, flip = data.pixels[splits.train], fitted.recipe.flip
    familiarity = fit_familiarity(backbone, size, train, validation, false_alarms, flip=flip)
    figures = measure_familiarity(familiarity, backbone, size, len(validation), test_pixels, false_alarms)
    return Assessed(fitted, calibration, evaluation, before, after, half, familiarity, figures)


def _in_half_precisions(
    fitted: Fitted, pixels: NDArray[np.uint8], temperature: float, expected: NDArray[np.float64]
) -> Iterator[tuple[str, PrecisionAgreement]]:
    """Measure the agreement in each half precision, except those in which the embeddings overflow."""
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
    classes: Classes = None,
    cross_validation: CrossValidation | None = None,
    comparison: Sequence[ComparisonRow] = (),
) -> ModelRecord:
    """Write weights, plots, manifest and baseline into the empty ``folder``, and publish them as a new version.

    ``pretrained``: whether pretrained weights were requested; the record also stores whether the preset has a recipe
    with them, and the ``classes`` that were requested. :func:`promote` makes the version current.
    """
    fitted, manifest = assessed.fitted, data.manifest
    recipe, threshold = fitted.recipe, assessed.evaluation.threshold
    weights, _ = save_classifier(folder, fitted.backbone, fitted.head, half=recipe.half)
    save_graph(weights, fitted.backbone, recipe.input)
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
        lambda indices: embed(fitted.backbone, data.pixels[test[indices]], recipe.input),
    ).save(folder / BASELINE)
    assessed.familiarity.save(folder / FAMILIARITY)
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
            "classes": classes if classes is None or classes == "all" else list(classes),
            "recipe": recipe.model_dump(mode="json"),
            "shares": preset.shares.model_dump(),
            "near_duplicates": preset.near_duplicates,
            "absent_classes": list(manifest.absent),
            "unusable": len(manifest.unusable),
            **({"reviews": dict(data.reviews)} if data.reviews else {}),
        },
        seed=seed,
        metrics=metrics,
        **provenance(_LIBRARIES),
    )
    return registry.publish(draft, folder)


def _metrics(assessed: Assessed, labels: NDArray[np.int64]) -> dict[str, Any]:
    """Return the metrics on the test set, and the calibration errors on the validation set."""
    return assessed.evaluation.model_dump(mode="json", exclude={"threshold", "ece"}) | {
        "ece_before": expected_calibration_error(assessed.before, labels),
        "ece_after": assessed.evaluation.ece,
        "validation": {
            "ece_before": assessed.calibration.ece_before,
            "ece_after": assessed.calibration.ece_after,
        },
        "training_seconds": assessed.fitted.seconds,
        "losses": list(assessed.fitted.losses),
        METRIC: {name: agreement.model_dump() for name, agreement in assessed.half.items()},
        FAMILIARITY_METRIC: assessed.false_alarms.model_dump(mode="json"),
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
    """Make a published version current if it is at least as good as the current one on the same test images.

    The preset names the metric. ``why``: the reason for the training, which precedes the reason for the decision in
    the result.
    """
    metric, classes = preset.promoted_by, len(data.manifest.classes)
    test, labels = splits.test, data.labels[splits.test]
    predicted = assessed.after.argmax(axis=1)

    def read_test_set() -> TestSet:
        return TestSet([data.manifest.samples[index].sha256 for index in test], labels)

    def measure(current: str, selected: NDArray[np.bool_]) -> tuple[float, float]:
        by_current = _predicted_classes(registry, current, data, test[selected], device)
        return (
            score(predicted[selected], labels[selected], classes, metric),
            score(by_current, labels[selected], classes, metric),
        )

    def compare() -> VersionComparison:
        return compare_with_current(registry, record, metric, read_test_set, measure, _guess(assessed))

    return promote_version(registry, record, metric, compare, why=why)


def _guess(assessed: Assessed) -> Guess:
    """Compare a model with the guess that every test image is of the most frequent class."""
    evaluation = assessed.evaluation
    most = max(sum(row) for row in evaluation.confusion_matrix)
    return Guess("accuracy", evaluation.accuracy_interval[0], most / evaluation.images, "always the same class")


def _predicted_classes(
    registry: Registry, model: str, data: TrainingData, indices: Indices, device: Device
) -> NDArray[np.int64]:
    """Return a model's predictions as indices of the data's classes, -1 for a class that the data does not have."""
    classifier = load_classifier(registry, model, device=device, half=False)
    index_of = {name: index for index, name in enumerate(data.manifest.classes)}
    indices_of_classes = np.array([index_of.get(name, -1) for name in classifier.classes], dtype=np.int64)
    probabilities_of_images = classifier.predict(data.read(indices.tolist(), classifier.input))
    return np.asarray(indices_of_classes[probabilities_of_images.argmax(axis=1)])
