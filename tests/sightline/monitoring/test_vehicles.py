"""The vehicles model that comes along: real pictures are as its test set was, blurred and darkened ones are not."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from sightline.monitoring import Embedder, MonitoringReport, gather, report_on, watch_model
from sightline.registry import Registry
from sightline.training.manifest import MANIFEST
from sightline.vision import ImageClassifier, Limits, decode, load_classifier
from tests.captures import capture

START, DAY = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
Change = Callable[[Image.Image], Image.Image]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(tmp_path_factory.mktemp("registry") / "models")


@pytest.fixture(scope="module")
def classifier(registry: Registry) -> ImageClassifier:
    return load_classifier(registry, "vehicles", device="cpu", backend="torch")


@pytest.fixture(scope="module")
def pictures(registry: Registry, shared_data: Callable[[str], Path]) -> Sequence[Path]:
    """The pictures that the model has not learnt from."""
    folder, files = shared_data("vehicles"), registry.open("vehicles")
    rows = [row.split(",") for row in (files.folder / MANIFEST).read_text("utf-8").splitlines()[1:]]
    return [folder / row[4] for row in rows if row[3] == "test"]


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1.6))


def darkened(picture: Image.Image) -> Image.Image:
    return picture.point(lambda value: value * 0.35)


def report(
    registry: Registry, classifier: ImageClassifier, pictures: Sequence[Path], change: Change, root: Path
) -> MonitoringReport:
    """The report on captures of the pictures, each as it became."""
    images = []
    for path in pictures:
        file = io.BytesIO()
        with Image.open(path) as picture:
            change(picture.convert("RGB")).save(file, "PNG")
        images.append(file.getvalue())
    pixels = np.stack([decode(data, classifier.input, Limits()).pixels for data in images])
    capture(root, classifier.predict(pixels), START, span=DAY, images=images)
    watched = watch_model(registry, "vehicles", root, START, START + DAY)
    gathered = gather(watched, root, START, START + DAY, embedder=Embedder(classifier.input, classifier.embed))
    return report_on(watched, gathered, START, START + DAY)


def test_its_own_test_set_is_nothing_unusual(
    registry: Registry, classifier: ImageClassifier, pictures: Sequence[Path], tmp_path: Path
) -> None:
    found = report(registry, classifier, pictures, lambda picture: picture, tmp_path)
    assert found.drift == ()
    assert {each.what for each in found.looked_at} == {"confidence", "classes", "embeddings"}
    assert found.baseline
    assert found.baseline.accuracy == pytest.approx(registry.record("vehicles").metrics["accuracy"])


@pytest.mark.parametrize("change", [blurred, darkened])
def test_pictures_that_became_worse_are_a_drift(
    change: Change, registry: Registry, classifier: ImageClassifier, pictures: Sequence[Path], tmp_path: Path
) -> None:
    found = report(registry, classifier, pictures, change, tmp_path)
    assert "embeddings" in {each.what for each in found.drift}
    assert "the images look different" in found.headline
