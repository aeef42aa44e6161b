"""Reviewed images as class folders with a manifest: complete files, written once."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest

from sightline import storage
from sightline.errors import InvalidInput, StorageError
from sightline.reviews import Reviewed, export_images
from sightline.storage import Location
from sightline.training.images import load_preset, open_source
from sightline.training.images.manifest import ClassTable
from sightline.vision import Limits
from tests.images import image_file
from tests.reviewing import answer, question


@pytest.fixture
def images(tmp_path: Path) -> list[Reviewed]:
    """Three images: a bicycle, a motorcycle whose file name states otherwise, and one without a label."""
    reviewed = []
    for number, (name, label, kind) in enumerate(
        (("a.png", "bicycle", "PNG"), ("bicycle_1.jpeg", "motorcycle", "JPEG"), ("c.png", "cannot tell", "PNG"))
    ):
        file = tmp_path / name
        file.write_bytes(image_file(number, kind=kind))
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        reviewed.append(Reviewed(question=question(uri=str(file), sha256=sha256), answers=(answer(label),)))
    return reviewed


def files(folder: Location) -> list[str]:
    return [str(storage.key_under(file.location, folder)) for file in storage.walk(folder)]


def test_export_has_class_folders_and_manifests_with_sources(bucket: Location, images: list[Reviewed]) -> None:
    exported = export_images("vehicles", images, bucket, Limits())
    assert (exported.written, exported.found, exported.classes) == (2, 0, {"bicycle": 1, "motorcycle": 1})
    assert files(bucket) == sorted([*(row.file for row in exported.rows), "manifest.csv", "manifest.jsonl"])
    endings = [row.file.rpartition(".")[2] for row in exported.rows]
    assert endings == ["png", "jpg"], "the content determines the suffix, not the name"
    lines = [json.loads(line) for line in storage.read_bytes(bucket / "manifest.jsonl").splitlines()]
    rows = list(csv.DictReader(storage.read_bytes(bucket / "manifest.csv").decode().splitlines()))
    assert [row["uri"] for row in rows] == [line["uri"] for line in lines] == [item.question.uri for item in images[:2]]
    assert (rows[1]["label"], rows[1]["proposed"], rows[1]["reviewers"], rows[1]["model"]) == (
        "motorcycle", "bicycle", "kim", "vehicles/1",
    )  # fmt: skip
    for row in lines:
        assert hashlib.sha256(storage.read_bytes(bucket / row["file"])).hexdigest() == row["sha256"]


def test_second_export_reads_and_writes_missing_images_only(
    bucket: Location, images: list[Reviewed], monkeypatch: pytest.MonkeyPatch
) -> None:
    export_images("vehicles", images[:1], bucket, Limits())
    Path(images[0].question.uri).unlink()
    again = export_images("vehicles", images, bucket, Limits())
    assert (again.written, again.found, again.unusable) == (1, 1, {})
    assert len(again.rows) == 2


def test_interrupted_export_is_completed_by_the_next_one(
    bucket: Location, images: list[Reviewed], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = storage.write_bytes

    def fail(location: Location, data: bytes) -> None:
        if location.name == "manifest.csv":
            raise StorageError("the network is gone")
        write(location, data)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "write_bytes", fail)
        with pytest.raises(StorageError):
            export_images("vehicles", images, bucket, Limits())
    assert len(files(bucket)) == 2
    finished = export_images("vehicles", images, bucket, Limits())
    assert (finished.written, finished.found) == (0, 2)


def test_changed_answer_moves_the_image_of_its_model_only(bucket: Location, images: list[Reviewed]) -> None:
    of_posture = images[1].question.model_copy(update={"model": "posture/2"})
    export_images("posture", [images[1].model_copy(update={"question": of_posture})], bucket, Limits())
    export_images("vehicles", images[:1], bucket, Limits())
    changed = images[0].model_copy(update={"answers": (*images[0].answers, answer("motorcycle"))})
    exported = export_images("vehicles", [changed], bucket, Limits())
    assert exported.classes == {"motorcycle": 1}
    lines = [json.loads(line) for line in storage.read_bytes(bucket / "manifest.jsonl").splitlines()]
    assert sorted((line["model"], line["label"]) for line in lines) == [
        ("posture/2", "motorcycle"), ("vehicles/1", "motorcycle"),
    ]  # fmt: skip
    assert [name for name in files(bucket) if name.startswith("bicycle")] == []


def test_missing_and_replaced_images_are_named_and_others_exported(bucket: Location, images: list[Reviewed]) -> None:
    Path(images[0].question.uri).write_bytes(image_file(9))
    exported = export_images("vehicles", images, bucket, Limits())
    assert len(exported.rows) == 1
    assert "replaced by another one" in exported.unusable[images[0].question.uri]


def test_foreign_manifest_is_not_overwritten(bucket: Location, images: list[Reviewed]) -> None:
    storage.write_bytes(bucket / "manifest.jsonl", b'{"image": "x"}\n')
    with pytest.raises(InvalidInput, match=r"manifest\.jsonl: is damaged, or was not written by sightline"):
        export_images("vehicles", images, bucket, Limits())
    assert files(bucket) == ["manifest.jsonl"]


@pytest.mark.parametrize("preset", ["vehicles", "posture"])
def test_export_is_readable_as_training_data(preset: str, tmp_path: Path, images: list[Reviewed]) -> None:
    label = {"vehicles": "motorcycle", "posture": "outofbed"}[preset]
    asked = images[0].question.model_copy(update={"choices": (label,)})
    export_images(preset, [Reviewed(question=asked, answers=(answer(label),))], tmp_path / "out", Limits())
    [image] = open_source(tmp_path / "out").images
    table = ClassTable(load_preset(preset).labels)
    assert table.class_of(str(table.label(image.name))) == label
