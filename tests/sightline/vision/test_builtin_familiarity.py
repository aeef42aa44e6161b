"""The bundled models accept at most 1 % of the images of every other kind, and refuse at most 2 % of their own."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks._strangers import KINDS, strangers
from sightline.registry import Registry
from sightline.training.common.manifest import MANIFEST
from sightline.training.images import synthesize_pressure_maps
from sightline.vision import ImageClassifier, Limits, Outcome, decode, judge_image, load_classifier
from sightline.vision.classifier import Examination

DATA = {"vehicles": "vehicles", "posture": "pressure-maps"}
GENERATED = tuple(kind for kind in KINDS if kind not in ("people (COCO)", "other photos", "faces"))
MODEL = pytest.mark.parametrize("name", DATA)

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(tmp_path_factory.mktemp("registry") / "models")


@pytest.fixture(scope="module")
def classifiers(registry: Registry) -> dict[str, ImageClassifier]:
    return {name: load_classifier(registry, name) for name in DATA}


def decoded(files: Sequence[bytes], classifier: ImageClassifier) -> Pixels:
    return np.stack([decode(file, classifier.input, Limits()).pixels for file in files])


@cache
def drawn_files(kind: str, count: int) -> tuple[bytes, ...]:
    files = []
    for image in strangers(kind, count):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG", compress_level=0)
        files.append(file.getvalue())
    return tuple(files)


def drawn(kind: str, count: int, classifier: ImageClassifier) -> Pixels:
    return decoded(drawn_files(kind, count), classifier)


def share_accepted(classifier: ImageClassifier, pixels: Pixels) -> float:
    return share_of_accepted(classifier, classifier.examine(pixels))


def share_of_accepted(classifier: ImageClassifier, examined: Iterable[Examination]) -> float:
    def accepted() -> Iterator[bool]:
        for probabilities, strangeness in examined:
            by_class = dict(zip(classifier.classes, probabilities, strict=True))
            yield judge_image(by_class, classifier.threshold, strangeness).outcome is Outcome.ACCEPTED

    return float(np.mean(list(accepted())))


@MODEL
@pytest.mark.parametrize("kind", GENERATED)
def test_generated_images_are_not_accepted(classifiers: dict[str, ImageClassifier], name: str, kind: str) -> None:
    assert share_accepted(classifiers[name], drawn(kind, 100, classifiers[name])) <= 0.01


@MODEL
def test_faces_are_not_accepted(classifiers: dict[str, ImageClassifier], name: str) -> None:
    pytest.importorskip("skimage")
    assert share_accepted(classifiers[name], drawn("faces", 150, classifiers[name])) <= 0.01


@MODEL
def test_people_are_not_accepted(
    classifiers: dict[str, ImageClassifier], name: str, shared_data: Callable[[str], Path]
) -> None:
    shared_data("people")
    assert share_accepted(classifiers[name], drawn("people (COCO)", 400, classifiers[name])) <= 0.01


@MODEL
def test_most_everyday_photos_are_not_accepted(classifiers: dict[str, ImageClassifier], name: str) -> None:
    pytest.importorskip("skimage")
    limit = {"vehicles": 0.04, "posture": 0.01}[name]
    assert share_accepted(classifiers[name], drawn("other photos", 200, classifiers[name])) <= limit


@MODEL
def test_images_of_the_other_model_are_not_accepted(
    classifiers: dict[str, ImageClassifier], name: str, shared_data: Callable[[str], Path]
) -> None:
    [other] = set(DATA) - {name}
    files = sorted(file for file in shared_data(DATA[other]).iterdir() if file.suffix in (".png", ".jpg"))
    chosen = np.random.default_rng(0).permutation(len(files))[:150]
    pixels = decoded([files[index].read_bytes() for index in chosen], classifiers[name])
    assert share_accepted(classifiers[name], pixels) <= 0.01


def test_synthetic_pressure_maps_are_no_vehicles(classifiers: dict[str, ImageClassifier], tmp_path: Path) -> None:
    synthesize_pressure_maps(tmp_path, 100, people=5, seed=1)
    files = [file.read_bytes() for file in sorted(tmp_path.rglob("*.jpg")) + sorted(tmp_path.rglob("*.png"))]
    assert len(files) == 100
    assert share_accepted(classifiers["vehicles"], decoded(files, classifiers["vehicles"])) <= 0.01


@MODEL
def test_few_images_of_the_own_kind_are_refused_and_most_are_accepted(
    registry: Registry, classifiers: dict[str, ImageClassifier], name: str, shared_data: Callable[[str], Path]
) -> None:
    rows = (registry.open(name).folder / MANIFEST).read_text("utf-8").splitlines()[1:]
    names = [row.split(",")[4] for row in rows if row.split(",")[3] == "test"]
    folder = shared_data(DATA[name])
    pixels = decoded([(folder / file).read_bytes() for file in names], classifiers[name])
    examined = list(classifiers[name].examine(pixels))
    strangeness = np.array([image.strangeness for image in examined], np.float64)
    assert (strangeness > 1).mean() <= 0.02
    assert share_of_accepted(classifiers[name], examined) >= 0.85
