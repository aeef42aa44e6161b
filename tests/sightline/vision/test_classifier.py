"""A model of the registry: calibrated, the same in every thread, for images of its own size only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.registry import ModelDamaged, ModelNotFound, Registry
from sightline.vision import (
    BackendUnavailable,
    EndpointClassifier,
    ImageClassifier,
    Limits,
    Outcome,
    Reason,
    Rejected,
    classify_chunk,
    decode,
    expand,
    load_classifier,
    record_of,
    serialize_chunk,
)
from sightline.vision.heads import LinearHead
from tests.images import CLASSES, INPUT, grey, image_file, publish_by_brightness


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    publish_by_brightness(registry)
    return registry


def pixels(*brightness: int) -> Any:
    return np.stack([decode(grey(level), INPUT, Limits()).pixels for level in brightness])


@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_model_predicts_its_classes(registry: Registry, backend: Any) -> None:
    classifier = load_classifier(registry, "vehicles", device="cpu", backend=backend)
    assert (classifier.name, classifier.classes, classifier.threshold) == ("vehicles/1", CLASSES, 0.93)
    assert classifier.backend.startswith(backend)
    black, middle, white = classifier.predict(pixels(0, 128, 255))
    assert black[0] > 0.99
    assert white[1] > 0.99
    assert abs(middle[0] - 0.5) < 0.05


@pytest.mark.parametrize(
    ("images", "same_class", "within", "precision"),
    [
        (200, 0.995, 0.995, "bfloat16"),
        (200, 0.99, 1.0, "float32"),
        (200, 1.0, 0.99, "float32"),
        (99, 1.0, 1.0, "float32"),
    ],
)
def test_half_precision_needs_a_measured_agreement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: int, same_class: float, within: float, precision: str
) -> None:
    monkeypatch.setattr("sightline.vision.backends.has_native_bfloat16", lambda: True)
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    measured = {"pictures": images, "same_class": same_class, "within": within, "largest_difference": 0.03}
    publish_by_brightness(registry, metrics={"accuracy": 1.0, "half_precision": {"bfloat16": measured}})
    assert load_classifier(registry, "vehicles", device="cpu").backend == f"openvino-{precision}"
    assert load_classifier(registry, "vehicles", device="cpu", half=False).backend == "openvino-float32"


def test_unmeasured_model_runs_in_float32(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline.vision.backends.has_native_bfloat16", lambda: True)
    assert load_classifier(registry, "vehicles", device="cpu").backend == "openvino-float32"


@pytest.mark.parametrize("metric", [{"float16": {"same_class": 2}}, {"float16": None}, 1])
def test_invalid_half_precision_metric_is_damage(tmp_path: Path, metric: Any) -> None:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    publish_by_brightness(registry, metrics={"half_precision": metric})
    with pytest.raises(ModelDamaged, match=r"vehicles/1: the metric half_precision .* is damaged: .*rollback-model"):
        load_classifier(registry, "vehicles")


def test_unknown_precision_in_a_record_is_ignored(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    publish_by_brightness(registry, metrics={"half_precision": {"int8": {"pictures": 0}}})
    assert load_classifier(registry, "vehicles", device="cpu").backend == "openvino-float32"


def test_probabilities_sum_to_one_for_any_number_of_images(registry: Registry) -> None:
    classifier = load_classifier(registry, "vehicles")
    for count in (0, 1, 33):
        predicted = classifier.predict(pixels(*range(count)) if count else np.empty((0, 32, 32, 3), np.uint8))
        assert predicted.shape == (count, 2)
        assert np.allclose(predicted.sum(1), 1)


def test_temperature_lowers_confidence_only(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    publish_by_brightness(registry)
    publish_by_brightness(registry, temperature=4.0)
    sure, unsure = (load_classifier(registry, f"vehicles/{version}").predict(pixels(60, 200)) for version in (1, 2))
    assert (unsure.argmax(1) == sure.argmax(1)).all()
    assert (unsure.max(1) < sure.max(1)).all()
    assert np.allclose(np.log(unsure / unsure[:, ::-1]) * 4, np.log(sure / sure[:, ::-1]), rtol=1e-4)


@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_flip_averaging_is_symmetric(tmp_path: Path, backend: Any) -> None:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    publish_by_brightness(
        registry, architecture={"backbone": "baseline_cnn", "head": "linear", "flip": True, "half": False}
    )
    classifier = load_classifier(registry, "vehicles", device="cpu", backend=backend)
    half = pixels(0, 128, 255)
    half[:, :, :10] = 90
    assert np.allclose(classifier.predict(half), classifier.predict(half[:, :, ::-1]), atol=1e-5)


def test_eight_threads_get_the_same_predictions(registry: Registry) -> None:
    classifier = load_classifier(registry, "vehicles")
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 255, (count, 32, 32, 3), np.uint8) for count in rng.integers(1, 40, 32)]
    expected = [classifier.predict(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        for predicted, alone in zip(pool.map(classifier.predict, parts), expected, strict=True):
            assert np.allclose(predicted, alone, atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 16, 32, 3), np.uint8),
        np.zeros((1, 3, 32, 32), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((1, 32, 32, 3), np.float32),
    ],
)
def test_images_of_another_shape_or_type_are_rejected(registry: Registry, wrong: Any) -> None:
    with pytest.raises(ValueError, match="; expected uint8"):
        load_classifier(registry, "vehicles").predict(wrong)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_overflow_is_an_error_not_an_uncertain_image(registry: Registry, value: float) -> None:
    """The largest float16 is 65,504."""

    class Overflowing:
        name = "torch-cuda-float16"

        def __call__(self, pixels: Any) -> Any:
            return np.full((len(pixels), 2), value, np.float32)

    classifier = ImageClassifier(registry.record("vehicles"), Overflowing(), LinearHead(np.eye(2), np.zeros(2)))
    with pytest.raises(BackendUnavailable, match=r"vehicles/1 on torch-cuda-float16: .* Set DEVICE=cpu"):
        classifier.predict(pixels(0))


def test_missing_or_damaged_model_is_reported(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        load_classifier(registry, "posture")
    path = tmp_path / "models" / "vehicles" / "1" / "backbone.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelDamaged, match="hash"):
        load_classifier(registry, "vehicles")


def test_unreadable_image_does_not_affect_its_chunk(registry: Registry, tmp_path: Path) -> None:
    for name, content in {
        "0": grey(0), "1": b"", "2": grey(130), "3": image_file()[:-40], "4": grey(255), "5": b"<html>",
    }.items():  # fmt: skip
        (tmp_path / f"{name}.png").write_bytes(content)
    chunk = serialize_chunk(expand([str(tmp_path / f"{name}.png") for name in range(6)]), INPUT, Limits(), tmp_path)
    predictions = classify_chunk(chunk, load_classifier(registry, "vehicles"))
    records = [record_of(prediction, CLASSES, "vehicles/1", 0.93) for prediction in predictions]
    assert [record.uri for record in records] == [image.uri for image in chunk.items]
    assert [(record.class_name, record.outcome, record.reason) for record in records] == [
        ("bicycle", Outcome.ACCEPTED, None),
        (None, Outcome.REJECTED, Reason.EMPTY),
        (records[2].class_name, Outcome.LOW_CONFIDENCE, "THRESHOLD_CONFIDENCE_NOT_MET"),
        (None, Outcome.REJECTED, Reason.TRUNCATED),
        ("motorcycle", Outcome.ACCEPTED, None),
        (None, Outcome.REJECTED, Reason.NOT_AN_IMAGE),
    ]
    for record in records:
        assert (record.probabilities is None) == (record.confidence is None) == (record.outcome is Outcome.REJECTED)
        assert record.timings.keys() == {"serialize", *([] if record.probabilities is None else ["classify"])}
        if record.probabilities:
            assert record.confidence == max(record.probabilities.values())
            assert record.probabilities[str(record.class_name)] == record.confidence


def test_chunk_without_readable_images_is_classified(registry: Registry, tmp_path: Path) -> None:
    chunk = serialize_chunk(expand({"images": ["", "x!"]}), INPUT, Limits(), tmp_path)
    predictions = classify_chunk(chunk, load_classifier(registry, "vehicles"))
    assert [prediction.reason for prediction in predictions] == [Reason.EMPTY, Reason.BAD_BASE64]


def test_endpoint_gets_images_with_types_and_may_reject_one(tmp_path: Path) -> None:
    class Endpoint(EndpointClassifier):
        def __init__(self) -> None:
            super().__init__("endpoint://vehicles", CLASSES, 0.93, client=object())
            self.received: list[tuple[bytes, str]] = []

        def predict(self, data: bytes, content_type: str) -> tuple[float, ...]:
            self.received.append((data, content_type))
            if content_type == "image/gif":
                raise Rejected(Reason.ENDPOINT_REFUSED, "no animations")
            return (0.959, 0.041)

    kinds = ("PNG", "JPEG", None, "GIF", "WEBP")
    contents = [image_file(number, kind=kind) if kind else b"" for number, kind in enumerate(kinds)]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.png").write_bytes(content)
    chunk = serialize_chunk(expand([str(tmp_path / f"{n}.png") for n in range(5)]), None, Limits(), tmp_path)
    endpoint = Endpoint()
    predictions = classify_chunk(chunk, endpoint)
    assert endpoint.received == [(contents[number], f"image/{str(kinds[number]).lower()}") for number in (0, 1, 3, 4)]
    assert [prediction.probabilities for prediction in predictions] == [
        (0.959, 0.041),
        (0.959, 0.041),
        None,
        None,
        (0.959, 0.041),
    ]
    assert [prediction.reason for prediction in predictions] == [
        None,
        None,
        Reason.EMPTY,
        Reason.ENDPOINT_REFUSED,
        None,
    ]
    assert predictions[3].detail == "no animations"
