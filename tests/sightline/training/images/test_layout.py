"""Labels come from folders or from names; names that cameras choose are not classes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import storage
from sightline.storage import Location
from sightline.training.common import UnsuitableData
from sightline.training.images import Classes, Manifest, load_preset, open_source, read_training_data
from sightline.training.images.layout import labels_of
from sightline.training.images.manifest import ClassTable
from sightline.vision.labelled import LabelledImage
from tests.images import INPUT, image_file

VEHICLES = load_preset("vehicles")


def image(path: str) -> LabelledImage:
    *folders, name = path.split("/")
    return LabelledImage(name, path, lambda: b"", folders=tuple(folders))


def labels(*paths: str, classes: Classes = None, preset: str = "vehicles") -> list[str | None]:
    table = ClassTable(load_preset(preset).labels, classes)
    return [label.value for label in labels_of([image(path) for path in paths], table, "/here")]


def read(folder: Location, tmp_path: Path, classes: Classes) -> Manifest:
    pixels = tmp_path / "pixels"
    pixels.mkdir(exist_ok=True)
    return read_training_data(open_source(folder), VEHICLES, INPUT, pixels, classes=classes, minimum=1).manifest


@pytest.mark.parametrize("classes", [None, "all", ["bicycle", "motorcycle"]], ids=str)
def test_one_folder_per_class_is_read(bucket: Location, tmp_path: Path, classes: Classes) -> None:
    paths = ("bicycle/IMG_0001.jpg", "bicycle/DSC_0002.jpg", "motorcycle/IMG_0001.jpg", "motorcycle/0815.jpg")
    for number, path in enumerate(paths):
        storage.write_bytes(bucket / "data" / path, image_file(number))
    manifest = read(bucket / "data", tmp_path, classes)
    assert manifest.counts == {"bicycle": 2, "motorcycle": 2}
    assert not manifest.unusable


@pytest.mark.parametrize(
    ("paths", "classes", "expected"),
    [
        (["a/bicycle/1.jpg", "b/2024/moped/1.jpg"], None, ["bicycle", "moped"]),
        (["train/cat/IMG_1.jpg", "test/dog/IMG_2.jpg"], "all", ["cat", "dog"]),
        (["cat/2023/IMG_1.jpg", "dog/2024/IMG_2.jpg"], "all", ["cat", "dog"]),
        (["Cat/x.jpg", "DOG/y.jpg"], "all", ["cat", "dog"]),
        (["cats/tabby_1.jpg", "cats/siamese_2.jpg", "dogs/poodle_3.jpg"], "all", ["cats", "cats", "dogs"]),
        (["cat_1.jpg", "dog_2.jpg"], "all", ["cat", "dog"]),
        (["all/cat_1.jpg", "all/dog_2.jpg"], "all", ["cat", "dog"]),
        (["monday/bike_1.jpg", "tuesday/moped_2.jpg", "monday/moped_3.jpg"], "all", ["bike", "moped", "moped"]),
        (["IMG_1.jpg", "bike_2.jpg"], None, ["img", "bike"]),
        (["img/1.jpg", "dsc/2.jpg"], ["img", "dsc"], ["img", "dsc"]),
    ],
)
def test_label_is_that_of_the_layout(paths: list[str], classes: Classes, expected: list[str]) -> None:
    assert labels(*paths, classes=classes) == expected


@pytest.mark.parametrize(
    "name", ["IMG_0001", "DSC_0002", "_MG_0003", "P_20240101", "Screenshot_1", "image_7", "frame_12"]
)
def test_names_of_cameras_and_programs_are_no_classes(name: str) -> None:
    table = ClassTable(VEHICLES.labels, "all")
    (_, label) = labels_of([image("cat_1.jpg"), image(f"{name}.jpg")], table, "/here")
    assert label.value is None
    assert "cameras" in label.reason
    assert labels(f"{name}.jpg", "cat_1.jpg", classes=[name.rpartition("_")[0].lower(), "cat"])[0] is not None


def test_camera_names_alone_are_refused_with_the_layouts(tmp_path: Path) -> None:
    """They trained a model with the classes dsc and img."""
    for number, name in enumerate(("IMG_0001.jpg", "IMG_0002.jpg", "DSC_0001.jpg", "DSC_0002.jpg")):
        storage.write_bytes(tmp_path / "photos" / name, image_file(number))
    with pytest.raises(UnsuitableData, match=r"no labelled image.*4 others could not be used.*begins with dsc"):
        read(tmp_path / "photos", tmp_path, "all")


@pytest.mark.parametrize(
    "paths",
    [
        ("s01/left_1.jpg", "s01/right_2.jpg", "s02/left_3.jpg", "s02/right_4.jpg"),
        ("monday/cat_1.jpg", "tuesday/dog_2.jpg", "tuesday/cat_3.jpg"),
    ],
)
def test_folders_that_cross_the_names_are_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(UnsuitableData, match=r"/here.*classes are unclear.*--classes"):
        labels(*paths, classes="all")


def test_people_in_folders_are_no_classes_of_posture() -> None:
    paths = ("s01/left_s01_1.jpg", "s01/right_s01_2.jpg", "s02/left_s02_3.jpg")
    for classes in (None, "all", ["left", "right"]):
        assert labels(*paths, classes=classes, preset="posture") == ["left", "right", "left"]


def test_contradicting_folder_and_name_is_unusable() -> None:
    table = ClassTable(VEHICLES.labels)
    (label,) = labels_of([image("motorcycle/bicycle_s_000001.png")], table, "/here")
    assert label == (None, "its folder and its name contradict each other: motorcycle and bicycle")
    assert labels("motorcycle/moped_s_000001.png") == ["motorcycle"]


@given(
    st.lists(st.tuples(st.sampled_from(["cat", "dog", "newt"]), st.integers(1, 9999)), min_size=2, unique=True),
    st.sampled_from(["IMG_{}", "DSC_{:05}", "{}", "PXL_{}", "x{}"]),
)
def test_folders_decide_whatever_the_files_are_called(rows: list[tuple[str, int]], pattern: str) -> None:
    if len({folder for folder, _ in rows}) > 1:
        paths = [f"{folder}/{pattern.format(number)}.jpg" for folder, number in rows]
        assert labels(*paths, classes="all") == [folder for folder, _ in rows]


def test_answered_image_needs_no_folder() -> None:
    answered = LabelledImage("IMG_1.jpg", "/x", lambda: b"", answer="cat")
    table = ClassTable(VEHICLES.labels, "all")
    found = labels_of([image("cat/IMG_1.jpg"), answered, image("dog/IMG_1.jpg")], table, "/here")
    assert [label.value for label in found] == ["cat", None, "dog"]
