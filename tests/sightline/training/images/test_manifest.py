"""File names define class and group; labels and content define the data version."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.training.common import UnsuitableData
from sightline.training.common.manifest import read_manifest_csv
from sightline.training.images import Manifest, Preset, Sample, Unusable, load_preset
from sightline.training.images.manifest import ClassTable

POSTURE = load_preset("posture").labels
VEHICLES = load_preset("vehicles").labels


@pytest.mark.parametrize(
    ("name", "label", "group"),
    [
        ("left_15527489.jpg", "left", None),
        ("LEFT_15527489.JPG", "left", None),
        ("OutOfBed_1.jpg", "outofbed", None),
        ("supine_s07_01_008.jpg", "supine", "s07"),
        ("prone_synthetic-s01_0005.jpg", "prone", "synthetic-s01"),
        ("15527489.jpg", None, None),
        ("left.jpg", None, None),
    ],
)
def test_map_name_gives_posture_and_person(name: str, label: str | None, group: str | None) -> None:
    table = ClassTable(POSTURE)
    assert (table.label(name), table.group(name)) == (label, group)


@pytest.mark.parametrize(
    ("name", "class_name"),
    [
        ("bike_s_000051.png", "bicycle"),
        ("safety_bicycle_s_000017.png", "bicycle"),
        ("ordinary_bicycle_000012.png", "bicycle"),
        ("dirt_bike_s_000003.png", "motorcycle"),
        ("Motorbike_s_000009.png", "motorcycle"),
        ("tricycle_s_000001.png", None),
    ],
)
def test_vehicle_class_is_that_of_its_synset(name: str, class_name: str | None) -> None:
    table = ClassTable(VEHICLES)
    label = table.label(name)
    assert label is not None
    assert table.class_of(label) == class_name


def test_classes_outside_the_preset_are_selected_by_name_or_all() -> None:
    assert ClassTable(VEHICLES, ["aquarium_fish"]).class_of("aquarium_fish") == "aquarium_fish"
    assert ClassTable(VEHICLES, "all").class_of("aquarium_fish") == "aquarium_fish"
    assert ClassTable(VEHICLES, "all").class_of("minibike") == "motorcycle"
    assert ClassTable(VEHICLES, ["bicycle"]).class_of("minibike") is None


def test_classes_are_in_the_order_of_the_preset_or_request() -> None:
    assert ClassTable(POSTURE).order(["supine", "left"]) == ("left", "supine")
    assert ClassTable(POSTURE, ["supine", "left"]).order(["left"]) == ("supine", "left")
    assert ClassTable(POSTURE, "all").order(["supine", "left"]) == ("left", "supine")


def sample(content: int, label: str, name: str = "a.jpg") -> Sample:
    return Sample(name=name, uri=f"/x/{name}", sha256=f"{content:064x}", label=label, group=None, unit=content)


def manifest(*samples: Sample, source: str = "/here", unusable: tuple[Unusable, ...] = ()) -> Manifest:
    classes = tuple(sorted({sample.label for sample in samples}))
    return Manifest(source=source, classes=classes, absent=(), samples=samples, unusable=unusable)


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ab")), min_size=1, max_size=20), st.randoms())
def test_data_version_ignores_order_names_and_location(rows: list[tuple[int, str]], chance: random.Random) -> None:
    original = manifest(*(sample(*row) for row in rows))
    shuffled = chance.sample(rows, len(rows))
    shuffled_manifest = manifest(
        *(sample(*row, name=f"{n}.png") for n, row in enumerate(shuffled)), source="s3://elsewhere"
    )
    assert original.sha256 == shuffled_manifest.sha256


def test_data_version_depends_on_labels_and_content() -> None:
    versions = {
        manifest(*samples).sha256
        for samples in (
            [sample(1, "a"), sample(2, "b")],
            [sample(1, "b"), sample(2, "b")],
            [sample(1, "a"), sample(3, "b")],
            [sample(1, "a")],
            [sample(1, "a"), sample(1, "a"), sample(2, "b")],
        )
    }
    assert len(versions) == 5


def test_manifest_csv_assigns_hashes_to_parts_without_paths() -> None:
    built = manifest(sample(1, "a", 'a "quoted", name.jpg'), sample(2, "b"), sample(3, "b"))
    text = built.csv({"train": [0, 2], "test": [1]})
    assert read_manifest_csv(text) == {"train": {f"{1:064x}", f"{3:064x}"}, "test": {f"{2:064x}"}}
    assert b"/x/" not in text


def test_single_class_is_rejected_with_the_unusable_images() -> None:
    left_out = Unusable(name="b.jpg", uri="/x/b.jpg", reason="truncated: it breaks off")
    with pytest.raises(UnsuitableData, match=r"/here: has 1 of a; .* the first one is b\.jpg: truncated"):
        manifest(sample(1, "a"), unusable=(left_out,)).check(1)


def test_class_with_too_few_images_is_rejected_with_counts() -> None:
    with pytest.raises(UnsuitableData, match="at least 2 images, and b has 1"):
        manifest(sample(1, "a"), sample(2, "a"), sample(3, "b")).check(2)


def test_synthetic_data_is_recognised_by_file_name(quick: Preset, maps: Path) -> None:
    assert not manifest(sample(1, "a")).synthetic
    assert manifest(sample(1, "a"), sample(2, "a", "left_Synthetic-s01_1.jpg")).synthetic
