"""The bundled vehicles model: its test images show no drift, blurred and darkened ones do."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from sightline.monitoring import Embedder, MonitoringReport, build_report, read_window, watch_model
from sightline.registry import Registry
from sightline.training.common.manifest import MANIFEST
from sightline.vision import ImageClassifier, Limits, decode, load_classifier
from tests.captures import capture

START, DAY = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
Edit = Callable[[Image.Image], Image.Image]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(tmp_path_factory.mktemp("registry") / "models")


@pytest.fixture(scope="module")
def classifier(registry: Registry) -> ImageClassifier:
    return load_classifier(registry, "vehicles", device="cpu", backend="torch")


@pytest.fixture(scope="module")
def photos(registry: Registry, shared_data: Callable[[str], Path]) -> Sequence[Path]:
    """The images of the model's test set."""
    folder, files = shared_data("vehicles"), registry.open("vehicles")
    rows = [row.split(",") for row in (files.folder / MANIFEST).read_text("utf-8").splitlines()[1:]]
    return [folder / row[4] for row in rows if row[3] == "test"]


def blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(1.6))


def darkened(image: Image.Image) -> Image.Image:
    return image.point(lambda value: value * 0.35)


def report(
    registry: Registry, classifier: ImageClassifier, photos: Sequence[Path], edit: Edit, root: Path
) -> MonitoringReport:
    """Return the report on captures of the edited photos."""
    images = []
    for path in photos:
        file = io.BytesIO()
        with Image.open(path) as image:
            edit(image.convert("RGB")).save(file, "PNG")
        images.append(file.getvalue())
    pixels = np.stack([decode(data, classifier.input, Limits()).pixels for data in images])
    capture(root, classifier.predict(pixels), START, span=DAY, images=images)
    model = watch_model(registry, "vehicles", root, START, START + DAY)
    embedder = Embedder(classifier.input, classifier.embed)
    return build_report(read_window(model, root, START, START + DAY, embedder=embedder))


def test_images_of_the_test_set_show_no_drift(
    registry: Registry, classifier: ImageClassifier, photos: Sequence[Path], tmp_path: Path
) -> None:
    result = report(registry, classifier, photos, lambda image: image, tmp_path)
    assert result.drift == ()
    assert {comparison.quantity for comparison in result.comparisons} == {"confidence", "classes", "embeddings"}
    assert result.baseline
    assert result.baseline.accuracy == pytest.approx(registry.record("vehicles").metrics["accuracy"])


@pytest.mark.parametrize("edit", [blurred, darkened])
def test_blurred_or_darkened_images_are_drift(
    edit: Edit, registry: Registry, classifier: ImageClassifier, photos: Sequence[Path], tmp_path: Path
) -> None:
    result = report(registry, classifier, photos, edit, tmp_path)
    assert "embeddings" in {comparison.quantity for comparison in result.drift}
    assert "the images look different" in result.headline
