"""The measure of familiarity: its parts against references, its file, and a classifier that uses it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageStat
from safetensors.numpy import load_file, save_file
from scipy import ndimage
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from sightline.registry import ModelDamaged, Registry
from sightline.training.images.familiarity import fit_familiarity
from sightline.training.images.fit import embed
from sightline.vision import (
    FAMILIARITY,
    OUT_OF_DISTRIBUTION,
    THRESHOLD_NOT_MET,
    ImageClassifier,
    ImagePrediction,
    Outcome,
    create_backbone,
    familiarity_figures,
    is_checked,
    judge_image,
    load_classifier,
    record_of,
)
from sightline.vision.familiarity import STATISTICS, Familiarity, describe
from tests.familiarity import bars, publish_with_familiarity
from tests.images import INPUT, draft, publish_by_brightness

Pixels = NDArray[np.uint8]


def _noise(random: np.random.Generator) -> Pixels:
    return random.integers(0, 256, (32, 32, 3), np.uint8)


def _gradient(random: np.random.Generator) -> Pixels:
    ramp = np.linspace(*random.uniform(0, 255, 2), 32)
    return np.broadcast_to(ramp[:, None, None], (32, 32, 3)).astype(np.uint8)


OTHERS: dict[str, Callable[[np.random.Generator], Pixels]] = {
    "black": lambda _: np.zeros((32, 32, 3), np.uint8),
    "white": lambda _: np.full((32, 32, 3), 255, np.uint8),
    "single colour": lambda random: np.broadcast_to(random.integers(0, 256, 3, np.uint8), (32, 32, 3)).copy(),
    "uniform noise": _noise,
    "Gaussian noise": lambda random: np.clip(random.normal(128, 50, (32, 32, 3)), 0, 255).astype(np.uint8),
    "coloured noise": lambda random: np.clip(
        ndimage.gaussian_filter(random.normal(128, 400, (32, 32, 3)), (2, 2, 0)), 0, 255
    ).astype(np.uint8),
    "gradient": _gradient,
    "negative": lambda random: 255 - bars(1, int(random.integers(1 << 30)))[0],
    "colours exchanged": lambda random: bars(1, int(random.integers(1 << 30)))[0][..., [2, 0, 1]],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("familiarity")
    registry = Registry(folder / "models", builtin=folder / "nothing")
    publish_with_familiarity(registry)
    return registry


@pytest.fixture(scope="module")
def classifier(models: Registry) -> ImageClassifier:
    return load_classifier(models, "vehicles", device="cpu", backend="torch")


def strangeness(classifier: ImageClassifier, pixels: Pixels) -> NDArray[np.float64]:
    return np.array([examination.strangeness for examination in classifier.examine(pixels)], np.float64)


@pytest.mark.parametrize("kind", OTHERS)
def test_images_of_other_kinds_are_strange(classifier: ImageClassifier, kind: str) -> None:
    random = np.random.default_rng(3)
    pixels = np.stack([OTHERS[kind](random) for _ in range(100)])
    # Of known images in other colours, the embeddings of an untrained network differ little.
    least = 0.7 if kind == "colours exchanged" else 0.99
    assert (strangeness(classifier, pixels) > 1).mean() >= least
    assert classifier.predict(pixels).max(1).min() > 0.99  # The confidence alone would accept all of them.


def test_few_images_of_the_own_kind_are_strange(classifier: ImageClassifier) -> None:
    assert (strangeness(classifier, bars(1000, 5)) > 1).mean() < 0.02
    figures = familiarity_figures(classifier.record)
    assert figures is not None
    assert figures.interval[0] < 0.02


@pytest.mark.parametrize("size", [(32, 32), (65, 29), (96, 96), (5, 7), (4, 4)])
def test_statistics_are_those_of_pillow(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, *size, 3), np.uint8)
    described = describe(pixels)
    assert described.shape == (3, STATISTICS)
    for image, row in zip(pixels, described, strict=True):
        whole = ImageStat.Stat(Image.fromarray(image))
        assert row[-5:-2] == pytest.approx(np.log(1e-3 + np.array(whole.stddev) / 255), abs=1e-3)
        red, green, blue = np.array(whole.mean) / 255
        assert row[-2:] == pytest.approx([red - green, green - blue], abs=1e-4)
        field = Image.fromarray(image).crop((0, 0, size[1] // 4, size[0] // 4))
        assert row[:3] == pytest.approx(np.array(ImageStat.Stat(field).mean) / 255, abs=1e-4)


@pytest.mark.parametrize("value", [0, 1, 127, 255])
def test_uniform_image_has_no_contrast(value: int) -> None:
    row = describe(np.full((1, 50, 70, 3), value, np.uint8))[0]
    assert row[:48] == pytest.approx(value / 255, abs=1e-6)
    assert row[48:-2] == pytest.approx(math.log(1e-3), abs=1e-5)


def test_statistics_of_an_empty_batch_and_of_too_small_images() -> None:
    assert describe(np.empty((0, 32, 32, 3), np.uint8)).shape == (0, STATISTICS)
    with pytest.raises(ValueError, match="at least 4x4"):
        describe(np.zeros((1, 3, 32, 3), np.uint8))


def test_distances_are_those_of_scikit_learn_and_scipy() -> None:
    backbone = create_backbone("baseline_cnn").eval()
    train, others = bars(300), np.stack([OTHERS["uniform noise"](np.random.default_rng(n)) for n in range(5)])
    familiarity = fit_familiarity(backbone, INPUT, train, bars(100, 1), 0.01)
    known, unknown = (normalize(embed(backbone, pixels, INPUT)) for pixels in (train, others))
    plane = PCA(len(familiarity.components), random_state=0).fit(known)
    residuals = np.linalg.norm(unknown - plane.inverse_transform(plane.transform(unknown)), axis=1)
    covariance = LedoitWolf().fit(describe(train)).covariance_
    inverse, centre = np.linalg.inv(covariance), describe(train).mean(axis=0)
    expected = [mahalanobis(row, centre, inverse) for row in describe(others)]
    scores = familiarity.scores(embed(backbone, others, INPUT), others)
    measured = np.exp(scores[:, :2])
    assert measured[:, 0] == pytest.approx(residuals, rel=1e-3)
    assert measured[:, 1] == pytest.approx(expected, rel=1e-2)
    first, second, third = familiarity.weights
    combined = measured[:, 0] ** first * measured[:, 1] ** second * np.exp(scores[:, 2]) ** third / familiarity.limit
    assert familiarity.strangeness(embed(backbone, others, INPUT), others) == pytest.approx(combined)


@pytest.fixture(scope="module")
def mirroring(tmp_path_factory: pytest.TempPathFactory) -> ImageClassifier:
    """A classifier that classifies mirror images too."""
    folder = tmp_path_factory.mktemp("mirroring")
    registry = Registry(folder / "models", builtin=folder / "nothing")
    architecture = draft().architecture | {"flip": True}
    publish_with_familiarity(registry, flip=True, architecture=architecture)
    return load_classifier(registry, "vehicles", device="cpu", backend="torch")


def test_scores_are_the_means_of_an_image_and_its_mirror_image(mirroring: ImageClassifier) -> None:
    familiarity, pixels = mirroring.familiarity, bars(20, 4)
    assert familiarity
    assert familiarity.mirrored
    single = replace(familiarity, mirrored=False)
    views = [single.strangeness(mirroring.embed(view), view) for view in (pixels, pixels[:, :, ::-1])]
    assert strangeness(mirroring, pixels) == pytest.approx(np.sqrt(views[0] * views[1]), rel=1e-4)


def test_mirror_image_is_as_strange_as_the_image(mirroring: ImageClassifier) -> None:
    pixels = np.concatenate([bars(10, 4), np.stack([draw(np.random.default_rng(2)) for draw in OTHERS.values()])])
    assert strangeness(mirroring, pixels[:, :, ::-1]) == pytest.approx(strangeness(mirroring, pixels), rel=1e-4)


@pytest.mark.parametrize("kind", ["black", "uniform noise", "gradient"])
def test_images_of_other_kinds_are_strange_in_both_views(mirroring: ImageClassifier, kind: str) -> None:
    random = np.random.default_rng(3)
    assert (strangeness(mirroring, np.stack([OTHERS[kind](random) for _ in range(50)])) > 1).all()


def test_embeddings_of_mirror_images_are_given_exactly_if_they_are_used(
    classifier: ImageClassifier, mirroring: ImageClassifier
) -> None:
    embeddings, pixels = classifier.embed(bars(2)), bars(2)
    assert classifier.familiarity
    assert mirroring.familiarity
    with pytest.raises(ValueError, match="does not use embeddings of the mirror images"):
        classifier.familiarity.strangeness(embeddings, pixels, embeddings)
    with pytest.raises(ValueError, match="needs embeddings of the mirror images"):
        mirroring.familiarity.strangeness(embeddings, pixels)


def test_mirroring_measure_of_a_model_that_does_not_mirror_is_damage(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "nothing")
    publish_with_familiarity(registry, flip=True)
    with pytest.raises(ModelDamaged, match="uses mirror images, which its model does not classify"):
        load_classifier(registry, "vehicles", device="cpu", backend="torch")


def test_file_of_an_earlier_release_is_read(classifier: ImageClassifier, tmp_path: Path) -> None:
    assert classifier.familiarity
    path = tmp_path / FAMILIARITY
    classifier.familiarity.save(path)
    arrays = load_file(path)
    save_file(arrays | {"combination": arrays["combination"][:4].copy()}, path)
    embeddings, pixels = classifier.embed(bars(5)), bars(5)
    loaded = Familiarity.load(path)
    assert not loaded.mirrored
    expected = classifier.familiarity.strangeness(embeddings, pixels)
    assert loaded.strangeness(embeddings, pixels) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_length_of_an_embedding_does_not_matter(classifier: ImageClassifier, scale: float) -> None:
    assert classifier.familiarity
    pixels = bars(10, 9)
    embeddings = classifier.embed(pixels)
    expected = classifier.familiarity.strangeness(embeddings, pixels)
    assert classifier.familiarity.strangeness(embeddings * np.float32(scale), pixels) == pytest.approx(
        expected, rel=1e-3
    )


def test_embedding_of_length_zero_is_measured(classifier: ImageClassifier) -> None:
    assert classifier.familiarity
    measured = classifier.familiarity.strangeness(np.zeros((1, 128), np.float32), bars(1))
    assert np.isfinite(measured).all()


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_backends_agree(models: Registry, classifier: ImageClassifier, backend: Any) -> None:
    random = np.random.default_rng(1)
    pixels = np.concatenate([bars(50, 8), np.stack([draw(random) for draw in OTHERS.values()])])
    measured = strangeness(load_classifier(models, "vehicles", device="cpu", backend=backend), pixels)
    assert measured == pytest.approx(strangeness(classifier, pixels), rel=1e-3)


def test_one_forward_pass_gives_probabilities_and_strangeness(
    classifier: ImageClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes, backend = [], classifier._backend

    class Counting:
        name = backend.name

        def __call__(self, pixels: Pixels) -> NDArray[np.float32]:
            passes.append(len(pixels))
            return backend(pixels)

    monkeypatch.setattr(classifier, "_backend", Counting())
    assert len(classifier.examine(bars(7))) == 7
    assert passes == [7]


def test_examination_has_the_predicted_probabilities(classifier: ImageClassifier) -> None:
    rows = [examination.probabilities for examination in classifier.examine(bars(9))]
    assert np.array(rows) == pytest.approx(classifier.predict(bars(9)))
    assert classifier.examine(np.empty((0, 32, 32, 3), np.uint8)) == []


def test_model_without_a_measure_checks_nothing(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "nothing")
    record = publish_by_brightness(registry)
    examined = load_classifier(registry, "vehicles", device="cpu", backend="torch").examine(bars(2))
    assert [examination.strangeness for examination in examined] == [None, None]
    assert not is_checked(record)
    assert familiarity_figures(record) is None


def _prediction(confidence: float, strange: float | None) -> ImagePrediction:
    return ImagePrediction.model_validate(
        {
            "uri": "a.png", "sha256": "a" * 64, "probabilities": (confidence, 1 - confidence), "strangeness": strange,
            "reason": None, "detail": None, "at": "2026-02-01T00:00:00Z", "timings": {},
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("confidence", "strange", "outcome", "reason"),
    [
        (0.99, None, Outcome.ACCEPTED, None),
        (0.99, 0.0, Outcome.ACCEPTED, None),
        (0.99, 1.0, Outcome.ACCEPTED, None),
        (0.99, math.nextafter(1, 2), Outcome.LOW_CONFIDENCE, OUT_OF_DISTRIBUTION),
        (0.60, 0.5, Outcome.LOW_CONFIDENCE, THRESHOLD_NOT_MET),
        (0.60, None, Outcome.LOW_CONFIDENCE, THRESHOLD_NOT_MET),
        (0.60, 7.0, Outcome.LOW_CONFIDENCE, OUT_OF_DISTRIBUTION),
    ],
)
def test_record_has_the_reason(confidence: float, strange: float | None, outcome: Outcome, reason: str | None) -> None:
    record = record_of(_prediction(confidence, strange), ("left", "right"), "posture/1", 0.93)
    assert (record.outcome, record.reason, record.strangeness) == (outcome, reason, strange)
    assert (record.class_name, record.confidence) == ("left", confidence)
    assert judge_image({"left": confidence}, 0.93, strange)[2:] == (outcome, reason)


def test_saved_measure_is_loaded_unchanged(classifier: ImageClassifier, tmp_path: Path) -> None:
    familiarity = classifier.familiarity
    assert familiarity
    familiarity.save(tmp_path / FAMILIARITY)
    embeddings, pixels = classifier.embed(bars(5)), bars(5)
    loaded = Familiarity.load(tmp_path / FAMILIARITY)
    assert loaded.strangeness(embeddings, pixels) == pytest.approx(
        familiarity.strangeness(embeddings, pixels), rel=1e-12
    )


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "lacks an array": (lambda arrays: {"centre": arrays["centre"]}, "contains centre; expected"),
    "has another array": (lambda arrays: arrays | {"more": arrays["centre"]}, "expected centre"),
    "is not finite": (lambda arrays: arrays | {"centre": arrays["centre"] * np.nan}, "not finite"),
    "has integers": (lambda arrays: arrays | {"centre": arrays["centre"].astype(np.int32)}, "not finite numbers"),
    "has another shape": (lambda arrays: arrays | {"whitening": arrays["whitening"][:9].copy()}, "whitening of shape"),
    "has other components": (lambda arrays: arrays | {"components": np.zeros((3, 7), np.float32)}, "components of"),
    "has another direction": (lambda arrays: arrays | {"direction": np.zeros(7, np.float32)}, "direction of shape"),
    "has another combination": (lambda arrays: arrays | {"combination": np.ones(3)}, "combination of shape"),
    "has no limit": (
        lambda arrays: arrays | {"combination": np.array([0.3, 0.3, 0.4, 0.0])},
        "limit that is not above 0",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_refused(classifier: ImageClassifier, tmp_path: Path, damage: str) -> None:
    assert classifier.familiarity
    path = tmp_path / FAMILIARITY
    classifier.familiarity.save(path)
    change, problem = DAMAGES[damage]
    save_file(change(load_file(path)), path)
    with pytest.raises(ValueError, match=problem):
        Familiarity.load(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"<html>"])
def test_file_of_another_format_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FAMILIARITY).write_bytes(content)
    with pytest.raises(ValueError, match="not a safetensors file"):
        Familiarity.load(tmp_path / FAMILIARITY)


@pytest.mark.parametrize("size", [64, 129])
def test_measure_for_another_backbone_is_damage(classifier: ImageClassifier, tmp_path: Path, size: int) -> None:
    from sightline.vision import save_classifier
    from sightline.vision.heads import LinearHead

    assert classifier.familiarity
    centre, components = np.zeros(size, np.float32), np.zeros((2, size), np.float32)
    direction = np.zeros(size + STATISTICS, np.float32)
    other = replace(classifier.familiarity, centre=centre, components=components, direction=direction)
    folder = tmp_path / "version"
    folder.mkdir()
    save_classifier(folder, create_backbone("baseline_cnn").eval(), LinearHead(np.zeros((2, 128)), np.zeros(2)))
    other.save(folder / FAMILIARITY)
    registry = Registry(tmp_path / "models", builtin=tmp_path / "nothing")
    registry.publish(draft(), folder)
    with pytest.raises(ModelDamaged, match=f"embeddings of {size}; expected 128"):
        load_classifier(registry, "vehicles/1", device="cpu", backend="torch")


def test_damaged_figures_in_the_record_are_reported(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "nothing")
    record = publish_with_familiarity(registry, metrics={"accuracy": 1.0, "familiarity": {"refused": -1}})
    with pytest.raises(ModelDamaged, match="metric familiarity"):
        familiarity_figures(record)
