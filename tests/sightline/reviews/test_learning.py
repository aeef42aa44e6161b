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
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Maps of a later date without labels in their names; the last ten show a person of the training."""
    folder = tmp_path_factory.mktemp("seen")
    synthesize_pressure_maps(folder, 20, people=2, seed=7)
    made = []
    for number, file in enumerate(sorted(folder.glob("*.jpg"))):
        name = f"visit-{number}.jpg" if number < 10 else f"unknown_synthetic-s01_{number}.jpg"
        made.append(file.rename(folder / name))
    return made


def reviewed(file: Path, said: str = "left") -> Reviewed:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    asked = question(uri=str(file), sha256=sha256, choices=POSTURES, proposed="right", model="posture/1")
    return Reviewed(question=asked, answers=(answer(said, model="posture/1"),))


def read(source: ImageSource, preset: Preset, folder: Path) -> TrainingData:
    return read_training_data(source, preset, preset.recipe().input, folder)


@pytest.mark.slow
def test_training_on_answers_records_them_and_keeps_the_test_set(
    maps: Path, seen: list[Path], quick: Preset, registry: Registry, tmp_path: Path
) -> None:
    def make(source: ImageSource, name: str, reviews: list[Reviewed]) -> None:
        (tmp_path / name / "files").mkdir(parents=True)
        answers = provenance(reviews) if reviews else None
        data = replace(read(source, quick, tmp_path / name), reviews=answers)
        splits = split(data.manifest, quick.shares, 42)
        labels = data.labels[splits.train]
        recipe = quick.recipe().model_copy(update={"epochs": 1})
        fitted = fit(recipe, data.pixels[splits.train], labels, len(data.manifest.classes), seed=42)
        assessed = assess(fitted, data, splits, quick.threshold)
        record = publish(
            registry, "posture", quick, data, splits, assessed, tmp_path / name / "files", seed=42,
        )  # fmt: skip
        whys.append(promote(registry, record, quick, data, splits, assessed, device="cpu").why)

    whys: list[str] = []
    given = [reviewed(file) for file in seen]
    make(open_source(maps), "without", [])
    make(with_reviews(open_source(maps), given, Limits()), "with", given)
    first, second = (registry.record("posture", version) for version in (1, 2))
    assert (first.data.reviewed, second.data.reviewed) == (0, 20)
    assert second.data.samples == first.data.samples + 20
    assert second.parameters["reviews"]["reviewers"] == {"kim": 20}
    assert second.parameters["reviews"]["models"] == ["posture/1"]
    assert "reviews" not in first.parameters

    manifest = (tmp_path / "with" / "files" / "manifest.csv").read_text()
    rows = [row for row in csv.DictReader(manifest.splitlines()) if row["source"] == "review"]
    assert {row["label"] for row in rows} == {"left"}
    alone = [row for row in rows if row["name"].startswith("visit-")]
    assert {row["part"] for row in alone} == {"train"}
    of_a_person = {row["part"] for row in rows if row["group"] == "synthetic-s01"}
    sides = {row["part"] for row in csv.DictReader(manifest.splitlines()) if row["group"] == "synthetic-s01"}
    assert of_a_person == sides
    assert len(sides) == 1, "a person is on one side, whoever has labelled their maps"
    if sides != {"test"}:
        assert first.data.test_sha256 == second.data.test_sha256
        assert "tested on the same" in whys[1]


def test_answer_about_a_labelled_image_counts_once_or_excludes_both(maps: Path, quick: Preset, tmp_path: Path) -> None:
    labelled = sorted(maps.glob("left_*.jpg"))
    given = [reviewed(labelled[0], "left"), reviewed(labelled[1], "right")]
    data = read(with_reviews(open_source(maps), given, Limits()), quick, tmp_path)
    assert len(data.manifest.samples) == 179
    assert data.manifest.reviewed == 0
    reasons = [(each.uri, each.reason) for each in data.manifest.unusable]
    assert reasons.count((str(labelled[0]), "a labelled image with the same content has the same class")) == 1
    assert reasons.count((str(labelled[1]), "the same image has the labels left and right")) == 2


def test_unusable_reviewed_images_are_left_out_and_named(
    maps: Path, seen: list[Path], quick: Preset, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.jpg"
    changed.write_bytes(seen[0].read_bytes())
    given = [reviewed(changed), reviewed(seen[1])]
    changed.write_bytes(seen[2].read_bytes())
    asked = question(uri="/nowhere/3.jpg", choices=POSTURES, proposed="left")
    given.append(Reviewed(question=asked, answers=(answer("left"),)))
    other = question(uri=str(seen[3]), choices=("lying",), proposed="lying")
    given.append(Reviewed(question=other, answers=(answer("lying"),)))
    given.append(reviewed(seen[4], NONE_OF_THESE))
    data = read(with_reviews(open_source(maps), given, Limits()), quick, tmp_path)
    assert data.manifest.reviewed == 1
    reasons = {each.uri: each.reason for each in data.manifest.unusable}
    assert "replaced by another one" in reasons[str(changed)]
    assert "no such file" in reasons["/nowhere/3.jpg"]
    assert "of none of the classes" in reasons[str(seen[3])]


def test_transient_fetch_failure_stops_the_training(maps: Path, quick: Preset, tmp_path: Path) -> None:
    given = [Reviewed(question=question(uri="http://127.0.0.1:9/1.png", choices=POSTURES), answers=(answer("left"),))]
    limits = Limits(hosts=frozenset({"127.0.0.1"}), seconds=1)
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:9"):
        read(with_reviews(open_source(maps), given, limits), quick, tmp_path)


def test_sessions_are_relabelled_by_agreed_answers() -> None:
    records = [record_of(number, "happy") for number in range(5)]

    def about(number: int, *said: str) -> Reviewed:
        asked = question(
            kind="session", model="ana/1", sha256=records[number].sha256, choices=("happy", "sad"), proposed="sad"
        )
        return Reviewed(question=asked, answers=tuple(answer(each, f"p{n}") for n, each in enumerate(said)))

    given = [about(0, "sad"), about(1, NONE_OF_THESE), about(2, "happy", "sad"), about(3, CANNOT_TELL)]
    kept, left_out, changed = relabelled(records, given)
    assert [(each.session, each.emotion) for each in kept] == [
        ("clip-0", "sad"), ("clip-3", "happy"), ("clip-4", "happy"),
    ]  # fmt: skip
    assert [(each.session, each.reason) for each in left_out] == [
        ("clip-1", "a person's answer: none of these (p0)"), ("clip-2", "a person's answer: contested (p0, p1)"),
    ]  # fmt: skip
    assert [(each["session"], each["said"], each["answer"]) for each in changed] == [("clip-0", "happy", "sad")]
    assert records[0].emotion == "happy"
