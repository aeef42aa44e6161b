"""Answers become training labels of images and sessions."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from sightline.errors import StorageError
from sightline.registry import Registry
from sightline.reviews import CANNOT_TELL, NONE_OF_THESE, Reviewed, provenance, relabelled, with_reviews
from sightline.training.images import (
    Preset,
    TrainingData,
    assess,
    fit,
    load_preset,
    open_source,
    promote,
    publish,
    read_training_data,
    split,
    synthesize_pressure_maps,
)
from sightline.vision import Limits
from sightline.vision.labelled import ImageSource
from tests.emotions import record_of
from tests.reviewing import answer, question
from tests.training import QUICK

POSTURES = ("left", "right", "supine", "outofbed", "prone")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Preset:
    path = tmp_path_factory.mktemp("preset") / "quick.toml"
    path.write_text(QUICK)
    return load_preset(path)


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maps")
    synthesize_pressure_maps(folder, 180, people=6, seed=1)
    return folder


@pytest.fixture(scope="module")
def later_maps(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Maps of a later date without labels in their names; the last ten show a person of the training."""
    folder = tmp_path_factory.mktemp("later")
    synthesize_pressure_maps(folder, 20, people=2, seed=7)
    renamed = []
    for number, file in enumerate(sorted(folder.glob("*.jpg"))):
        name = f"visit-{number}.jpg" if number < 10 else f"unknown_synthetic-s01_{number}.jpg"
        renamed.append(file.rename(folder / name))
    return renamed


def reviewed(file: Path, label: str = "left") -> Reviewed:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    asked = question(uri=str(file), sha256=sha256, choices=POSTURES, proposed="right", model="posture/1")
    return Reviewed(question=asked, answers=(answer(label, model="posture/1"),))


def read(source: ImageSource, preset: Preset, folder: Path) -> TrainingData:
    return read_training_data(source, preset, preset.recipe().input, folder)


@pytest.mark.slow
def test_training_on_answers_records_them_and_keeps_the_test_set(
    maps: Path, later_maps: list[Path], quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    def train(source: ImageSource, name: str, reviewed_images: list[Reviewed]) -> None:
        (tmp_path / name / "files").mkdir(parents=True)
        answers = provenance(reviewed_images) if reviewed_images else None
        data = replace(read(source, quick, tmp_path / name), reviews=answers)
        splits = split(data.manifest, quick.shares, 42)
        labels = data.labels[splits.train]
        recipe = quick.recipe().model_copy(update={"epochs": 1})
        fitted = fit(recipe, data.pixels[splits.train], labels, len(data.manifest.classes), seed=42)
        assessed = assess(fitted, data, splits, quick.threshold, quick.false_alarms)
        record = publish(
            registry, "posture", quick, data, splits, assessed, tmp_path / name / "files", seed=42,
        )  # fmt: skip
        reasons_of_promotion.append(promote(registry, record, quick, data, splits, assessed, device="cpu").why)

    reasons_of_promotion: list[str] = []
    reviews = [reviewed(file) for file in later_maps]
    train(open_source(maps), "without", [])
    train(with_reviews(open_source(maps), reviews, Limits()), "with", reviews)
    first, second = (registry.record("posture", version) for version in (1, 2))
    assert (first.data.reviewed, second.data.reviewed) == (0, 20)
    assert second.data.samples == first.data.samples + 20
    assert second.parameters["reviews"]["reviewers"] == {"kim": 20}
    assert second.parameters["reviews"]["models"] == ["posture/1"]
    assert "reviews" not in first.parameters

    manifest = (tmp_path / "with" / "files" / "manifest.csv").read_text()
    rows = [row for row in csv.DictReader(manifest.splitlines()) if row["source"] == "review"]
    assert {row["label"] for row in rows} == {"left"}
    without_person = [row for row in rows if row["name"].startswith("visit-")]
    assert {row["part"] for row in without_person} == {"train"}
    reviewed_parts = {row["part"] for row in rows if row["group"] == "synthetic-s01"}
    parts = {row["part"] for row in csv.DictReader(manifest.splitlines()) if row["group"] == "synthetic-s01"}
    assert reviewed_parts == parts
    assert len(parts) == 1, "all maps of a person are in one part, whatever the source of their labels"
    if parts != {"test"}:
        assert first.data.test_sha256 == second.data.test_sha256
        assert "tested on the same" in reasons_of_promotion[1]


def test_answer_about_a_labelled_image_counts_once_or_excludes_both(maps: Path, quick: Preset, tmp_path: Path) -> None:
    labelled = sorted(maps.glob("left_*.jpg"))
    reviews = [reviewed(labelled[0], "left"), reviewed(labelled[1], "right")]
    data = read(with_reviews(open_source(maps), reviews, Limits()), quick, tmp_path)
    assert len(data.manifest.samples) == 179
    assert data.manifest.reviewed == 0
    reasons = [(image.uri, image.reason) for image in data.manifest.unusable]
    assert reasons.count((str(labelled[0]), "a labelled image with the same content has the same class")) == 1
    assert reasons.count((str(labelled[1]), "the same image has the labels left and right")) == 2


def test_unusable_reviewed_images_are_left_out_and_named(
    maps: Path, later_maps: list[Path], quick: Preset, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.jpg"
    changed.write_bytes(later_maps[0].read_bytes())
    reviews = [reviewed(changed), reviewed(later_maps[1])]
    changed.write_bytes(later_maps[2].read_bytes())
    asked = question(uri="/nowhere/3.jpg", choices=POSTURES, proposed="left")
    reviews.append(Reviewed(question=asked, answers=(answer("left"),)))
    other = question(uri=str(later_maps[3]), choices=("lying",), proposed="lying")
    reviews.append(Reviewed(question=other, answers=(answer("lying"),)))
    reviews.append(reviewed(later_maps[4], NONE_OF_THESE))
    data = read(with_reviews(open_source(maps), reviews, Limits()), quick, tmp_path)
    assert data.manifest.reviewed == 1
    reasons = {image.uri: image.reason for image in data.manifest.unusable}
    assert "replaced by another one" in reasons[str(changed)]
    assert "no such file" in reasons["/nowhere/3.jpg"]
    assert "belongs to none of the classes" in reasons[str(later_maps[3])]


def test_transient_fetch_failure_stops_the_training(maps: Path, quick: Preset, tmp_path: Path) -> None:
    reviews = [Reviewed(question=question(uri="http://127.0.0.1:9/1.png", choices=POSTURES), answers=(answer("left"),))]
    limits = Limits(hosts=frozenset({"127.0.0.1"}), seconds=1)
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:9"):
        read(with_reviews(open_source(maps), reviews, limits), quick, tmp_path)


def test_sessions_are_relabelled_by_agreed_answers() -> None:
    records = [record_of(number, "happy") for number in range(5)]

    def about(number: int, *answers: str) -> Reviewed:
        asked = question(
            kind="session", model="ana/1", sha256=records[number].sha256, choices=("happy", "sad"), proposed="sad"
        )
        return Reviewed(question=asked, answers=tuple(answer(text, f"p{n}") for n, text in enumerate(answers)))

    reviews = [about(0, "sad"), about(1, NONE_OF_THESE), about(2, "happy", "sad"), about(3, CANNOT_TELL)]
    relabelled_records, left_out, changes = relabelled(records, reviews)
    assert [(record.session, record.emotion) for record in relabelled_records] == [
        ("clip-0", "sad"), ("clip-3", "happy"), ("clip-4", "happy"),
    ]  # fmt: skip
    assert [(session.session, session.reason) for session in left_out] == [
        ("clip-1", "a person's answer: none of these (p0)"), ("clip-2", "a person's answer: contested (p0, p1)"),
    ]  # fmt: skip
    assert [(change["session"], change["said"], change["answer"]) for change in changes] == [("clip-0", "happy", "sad")]
    assert records[0].emotion == "happy"
