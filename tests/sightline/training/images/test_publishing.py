"""Trained models become versions; a version becomes current only if it is at least as good as the last one."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sightline.registry import BASELINE, Baseline, ModelRecord, Promotion, Registry
from sightline.storage import Location
from sightline.training.common.manifest import read_manifest_csv
from sightline.training.images import (
    Assessed,
    Fitted,
    Preset,
    Splits,
    TrainingData,
    assess,
    fit,
    promote,
    publish,
    read_training_data,
    split,
)
from sightline.training.images import publishing as publishing_module
from sightline.training.images.fit import embed, fit_trees
from sightline.vision import load_classifier
from sightline.vision.labelled import ImageSource
from sightline.vision.precision import PrecisionAgreement
from tests.networks import Mixer


@pytest.fixture(scope="module")
def splits(data: TrainingData, quick: Preset) -> Splits:
    return split(data.manifest, quick.shares, 42)


def train(data: TrainingData, splits: Splits, preset: Preset, **changes: Any) -> Fitted:
    recipe = preset.recipe().model_copy(update=changes)
    labels = data.labels[splits.train]
    return fit(recipe, data.pixels[splits.train], labels, len(data.manifest.classes), seed=42)


@pytest.fixture(scope="module")
def good(data: TrainingData, splits: Splits, quick: Preset) -> Assessed:
    return assess(train(data, splits, quick), data, splits, quick.threshold, quick.false_alarms)


@pytest.fixture(scope="module")
def bad(data: TrainingData, splits: Splits, good: Assessed) -> Assessed:
    """The good model with its predictions shifted to the next class."""
    before, after = np.roll(good.before, 1, axis=1), np.roll(good.after, 1, axis=1)
    evaluation = publishing_module.evaluate(after, data.labels[splits.test], data.manifest.classes, 0.93)
    return replace(good, before=before, after=after, evaluation=evaluation)


@pytest.fixture(autouse=True)
def _without_plots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip drawing, which takes most of the time, in all tests except that of the plots."""
    if "plots" not in request.node.name:
        monkeypatch.setattr(publishing_module, "draw_plots", lambda *_, **__: [])


def put(
    registry: Registry, assessed: Assessed, data: TrainingData, splits: Splits, preset: Preset, tmp_path: Path
) -> tuple[ModelRecord, Promotion]:
    folder = tmp_path / f"version-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    record = publish(registry, "posture", preset, data, splits, assessed, folder, seed=42)
    return record, promote(registry, record, preset, data, splits, assessed, device="cpu")


def test_short_training_separates_synthetic_postures(good: Assessed) -> None:
    assert good.evaluation.macro_f1 > 0.8
    assert good.evaluation.ece < 0.25


def test_record_holds_provenance_and_metrics(
    data: TrainingData, splits: Splits, good: Assessed, quick: Preset, tmp_path: Path, bucket: Location
) -> None:
    registry = Registry(bucket / "models", builtin=tmp_path / "nothing", cache=tmp_path / "cache")
    record, promotion = put(registry, good, data, splits, quick, tmp_path)
    assert promotion.promoted
    assert registry.record("posture") == record
    assert record.classes == ("left", "right", "supine", "outofbed", "prone")
    assert record.architecture["backbone"] == "baseline_cnn"
    assert record.architecture["pretrained"] is False
    assert record.parameters["pretrained_asked_for"] is True
    assert record.parameters["recipe"]["epochs"] == 8
    assert (record.threshold, record.temperature) == (0.93, good.calibration.temperature)
    assert record.data.manifest_sha256 == data.manifest.sha256
    assert record.data.synthetic
    assert record.data.groups == 6
    assert record.data.train + record.data.validation + record.data.test == record.data.samples == 180
    for metric in ("accuracy", "macro_f1", "ece_before", "ece_after", "share_accepted"):
        assert 0 <= record.metrics[metric] <= 1
    assert sum(map(sum, record.metrics["confusion_matrix"])) == record.metrics["pictures"] == record.data.test
    assert set(record.libraries) >= {"torch", "xgboost"}
    assert record.code_version


def test_published_model_predicts_the_assessed_probabilities(
    data: TrainingData, splits: Splits, good: Assessed, quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    put(registry, good, data, splits, quick, tmp_path)
    classifier = load_classifier(registry, "posture", device="cpu", backend="torch")
    assert np.abs(classifier.predict(data.pixels[splits.test]) - good.after).max() < 1e-4


def test_record_holds_the_agreement_of_half_precision(
    data: TrainingData, splits: Splits, good: Assessed, quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    record, _ = put(registry, good, data, splits, quick, tmp_path)
    measured = record.metrics["half_precision"]
    assert measured.keys() == {"float16"}, "a plain convolutional network has no perceptrons for bfloat16"
    agreement = PrecisionAgreement(**measured["float16"])
    assert (agreement.images, agreement) == (record.data.test, good.half["float16"])
    assert agreement.same_class > 0.9


def test_bfloat16_is_measured_for_networks_with_perceptrons(
    data: TrainingData, splits: Splits, good: Assessed, quick: Preset
) -> None:
    """A precision without measurement is never used for prediction."""
    backbone, recipe = Mixer().eval(), good.fitted.recipe
    known = embed(backbone, data.pixels[splits.train], recipe.input)
    head = fit_trees(recipe, known, data.labels[splits.train], len(data.manifest.classes), seed=0)
    assessed = assess(
        replace(good.fitted, backbone=backbone, head=head), data, splits, quick.threshold, quick.false_alarms
    )
    assert assessed.half.keys() == {"bfloat16", "float16"}
    repeated = embed(backbone, data.pixels[splits.train], recipe.input)
    assert np.array_equal(repeated, known), "measuring does not change the model"


def test_half_precision_that_overflows_is_not_offered(
    data: TrainingData, splits: Splits, good: Assessed, quick: Preset
) -> None:
    """Embeddings exceed 65,504, the largest number of float16; trees would not notice the overflow."""
    backbone = copy.deepcopy(good.fitted.backbone)
    with torch.no_grad():
        last = [module for module in backbone.modules() if isinstance(module, torch.nn.BatchNorm2d)][-1]
        last.weight *= 1e6
        last.bias *= 1e6
    assert assess(replace(good.fitted, backbone=backbone), data, splits, quick.threshold, quick.false_alarms).half == {}


def test_version_stores_the_baseline_of_its_test_set(
    data: TrainingData, splits: Splits, good: Assessed, quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    record, _ = put(registry, good, data, splits, quick, tmp_path)
    content = registry.read(record, BASELINE)
    assert content
    baseline = Baseline.load(content)
    np.testing.assert_allclose(baseline.probabilities, good.after, atol=1e-6)
    assert baseline.accuracy == pytest.approx(record.metrics["accuracy"])
    assert baseline.embeddings is not None
    classifier = load_classifier(registry, "posture", device="cpu", backend="torch")
    np.testing.assert_allclose(classifier.embed(data.pixels[splits.test]), baseline.embeddings, rtol=0.01, atol=0.01)
    assert registry.read(record, "nothing.txt") is None


def test_version_stores_weights_plots_manifest_and_no_pickles(
    data: TrainingData, splits: Splits, good: Assessed, quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    record, _ = put(registry, good, data, splits, quick, tmp_path)
    names = set(record.files)
    assert names >= {"backbone.safetensors", "head.ubj", "manifest.csv", "confusion-matrix.png", "per-class.png"}
    assert {Path(name).suffix for name in names} == {".safetensors", ".onnx", ".ubj", ".csv", ".png"}
    files = registry.open("posture")
    for name in names:
        content = (files.folder / name).read_bytes()
        assert not content.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04"))
    parts = read_manifest_csv((files.folder / "manifest.csv").read_bytes())
    assert {part: len(hashes) for part, hashes in parts.items()} == {
        part: len(places) for part, places in splits.parts.items()
    }
    json.loads(record.model_dump_json())


def test_worse_model_is_published_but_not_promoted(
    data: TrainingData, splits: Splits, good: Assessed, bad: Assessed, quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    put(registry, good, data, splits, quick, tmp_path)
    _, promotion = put(registry, bad, data, splits, quick, tmp_path)
    assert not promotion.promoted
    assert "tested on the same" in promotion.why
    assert promotion.current_value == good.evaluation.macro_f1
    assert promotion.value == bad.evaluation.macro_f1
    assert registry.versions("posture") == [1, 2]
    assert registry.record("posture").version == 1


def test_better_or_equal_model_is_promoted_and_can_be_rolled_back(
    data: TrainingData, splits: Splits, good: Assessed, bad: Assessed, quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    put(registry, bad, data, splits, quick, tmp_path)
    for version in (2, 3):
        record, promotion = put(registry, good, data, splits, quick, tmp_path)
        assert (record.version, promotion.promoted, registry.record("posture").version) == (version, True, version)
    registry.rollback("posture")
    assert registry.record("posture").version == 2


def test_current_model_is_evaluated_on_test_images_new_to_it(
    data: TrainingData, splits: Splits, good: Assessed, quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    put(registry, good, data, splits, quick, tmp_path)
    # The next model's test set holds the first model's test set and half of its training set.
    known, unseen = np.array_split(splits.train, 2)[0], splits.test
    others = np.setdiff1d(splits.train, known)
    other = Splits(others, splits.validation, np.sort(np.concatenate([known, unseen])))
    assessed = assess(good.fitted, data, other, quick.threshold, quick.false_alarms)
    _, promotion = put(registry, assessed, data, other, quick, tmp_path)
    assert f"compared on {len(unseen)} of {len(other.test)} test images" in promotion.why
    assert promotion.value == promotion.current_value, "the models are equal"
    assert promotion.promoted


def test_promotion_reason_states_test_images_trained_on_before(
    data: TrainingData, splits: Splits, good: Assessed, quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    put(registry, good, data, splits, quick, tmp_path)
    other = Splits(splits.test, splits.validation, splits.train)
    _, promotion = put(registry, assess(good.fitted, data, other, 0.93, 0.01), data, other, quick, tmp_path)
    assert f"was trained on {len(other.test)} of them: its metric is too high" in promotion.why


def test_current_model_with_other_classes_is_compared_on_new_classes(
    data: TrainingData, splits: Splits, good: Assessed, quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    two = tmp_path / "two"
    two.mkdir()
    source = ImageSource(data.source.uri, data.source.name, data.source.images)
    subset = read_training_data(source, quick, data.input, two, classes=["prone", "left"])
    parts = split(subset.manifest, quick.shares, 1)
    put(registry, assess(train(subset, parts, quick), subset, parts, 0.93, 0.01), subset, parts, quick, tmp_path)
    registry.rollback("posture/1")
    _, promotion = put(registry, good, data, splits, quick, tmp_path)
    assert promotion.promoted
    assert promotion.current_value is not None
    assert promotion.current_value < promotion.value


def test_version_promoted_during_comparison_is_compared_too(
    data: TrainingData, splits: Splits, good: Assessed, bad: Assessed, quick: Preset, registry: Registry,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    put(registry, bad, data, splits, quick, tmp_path)
    registry.rollback("posture/1")
    compare = publishing_module.compare_with_current
    folder = tmp_path / "other"
    folder.mkdir()

    def promote_another_first(*arguments: Any, **options: Any) -> Any:
        comparison = compare(*arguments, **options)
        monkeypatch.setattr(publishing_module, "compare_with_current", compare)
        better = publish(registry, "posture", quick, data, splits, good, folder, seed=42)
        assert promote(registry, better, quick, data, splits, good, device="cpu").promoted
        return comparison

    monkeypatch.setattr(publishing_module, "compare_with_current", promote_another_first)
    _, promotion = put(registry, bad, data, splits, quick, tmp_path)
    assert not promotion.promoted, "the first current model was no better"
    assert promotion.current_value == good.evaluation.macro_f1
    assert registry.record("posture").version == 3


def test_first_version_that_is_no_better_than_a_guess_is_not_promoted(
    data: TrainingData, splits: Splits, bad: Assessed, good: Assessed, quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    """A model with the classes dsc and img was promoted at an accuracy of .50."""
    record, promotion = put(registry, bad, data, splits, quick, tmp_path)
    assert not promotion.promoted
    assert promotion.current_value is None
    assert "not above that of always the same class" in promotion.why
    assert registry.current("posture") is None
    assert registry.record("posture", record.version) == record, "it can be examined, and made current by hand"
    _, promotion = put(registry, good, data, splits, quick, tmp_path)
    assert promotion.promoted
    assert promotion.why == "there was no current model"


@pytest.mark.parametrize(
    ("right", "labels", "is_promoted"),
    [
        (50, [50, 50], False),
        (59, [50, 50], False),
        (61, [50, 50], True),
        (90, [90, 10], False),
        (95, [90, 10], False),
        (99, [90, 10], True),
        (40, [20, 20, 20, 20, 20], True),
        (6, [3, 3], True),
        (3, [2, 2], False),
    ],
)
def test_guess_is_the_most_frequent_class_and_chance_is_excluded(
    right: int, labels: list[int], is_promoted: bool
) -> None:
    """The bounds are those of scipy's Wilson interval."""
    from scipy.stats import binomtest

    interval = binomtest(right, sum(labels)).proportion_ci(method="wilson")
    truth = np.repeat(np.arange(len(labels)), labels)
    predicted = np.where(np.arange(len(truth)) < right, truth, (truth + 1) % len(labels))
    probabilities = np.eye(len(labels))[predicted]
    evaluation = publishing_module.evaluate(probabilities, truth, [f"c{n}" for n in range(len(labels))], 0.5)
    assert evaluation.accuracy_interval == pytest.approx((interval.low, interval.high))
    guess = publishing_module._guess(SimpleNamespace(evaluation=evaluation))  # type: ignore[arg-type]
    assert guess.guessed == max(labels) / sum(labels)
    assert (guess.objection is None) == is_promoted == (interval.low > guess.guessed)
