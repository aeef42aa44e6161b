"""A CSV file of labels is a source of labelled images; a table that is not clear is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline import storage
from sightline.registry import ImageInput
from sightline.storage import Location
from sightline.training.common import UnsuitableData
from sightline.training.images import load_preset, open_source, read_training_data
from tests.images import image_file

SMALL = ImageInput(width=12, height=12, mean=(0, 0, 0), std=(1, 1, 1))


def write(folder: Location, text: str | bytes, images: int = 6) -> Location:
    for number in range(images):
        storage.write_bytes(folder / "photos" / f"IMG {number}.png", image_file(number))
    storage.write_bytes(folder / "labels.csv", text if isinstance(text, bytes) else text.encode())
    return folder / "labels.csv"


@pytest.mark.parametrize(
    "table",
    [
        "image,label\n" + "".join(f"photos/IMG {n}.png,{'Scooter' if n % 2 else 'bike'}\n" for n in range(6)),
        "\ufefffilename;x;class\r\n"
        + "".join(f"photos/IMG {n}.png;;{'scooter' if n % 2 else 'bike'}\r\n" for n in range(6)),
        "LABEL\tPath\n" + "".join(f"{'scooter' if n % 2 else 'bike'}\t photos/IMG {n}.png \n\n" for n in range(6)),
    ],
)
def test_images_have_the_labels_of_the_table(table: str, bucket: Location, tmp_path: Path) -> None:
    source = open_source(write(bucket / "data", table))
    data = read_training_data(source, load_preset("images"), SMALL, tmp_path, minimum=1, classes=("Bike", "scooter"))
    assert data.manifest.classes == ("Bike", "scooter")
    assert [sample.label for sample in data.manifest.samples] == ["Bike", "scooter"] * 3
    assert not data.manifest.unusable


def test_groups_of_the_table_stay_together_and_missing_images_are_listed(bucket: Location, tmp_path: Path) -> None:
    rows = [f"photos/IMG {n}.png,{'a' if n < 3 else 'b'},{n % 3}" for n in range(6)] + ["photos/none.png,a,9"]
    source = open_source(write(bucket / "data", "image,label,group\n" + "\n".join(rows)))
    manifest = read_training_data(source, load_preset("images"), SMALL, tmp_path, minimum=1, classes="all").manifest
    units = [sample.unit for sample in manifest.samples]
    assert units[:3] == units[3:]
    assert len(set(units)) == 3
    [unusable] = manifest.unusable
    assert (unusable.name, unusable.reason.split(":")[0]) == ("none.png", "missing")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("", "has no columns"),
        ("image,colour\na.png,red\n", "has image, colour; it needs a column image and a column label"),
        ("image,label\n", "has no row below its header"),
        ("image,label\na.png,cat\nb.png,\n", "line 3 names no label"),
        ("image,label\n,cat\n", "line 2 names no image"),
        (b"image,label\n\xff.png,cat\n", "is not UTF-8"),
    ],
)
def test_unclear_table_is_refused_with_its_line(table: str | bytes, problem: str, tmp_path: Path) -> None:
    with pytest.raises(UnsuitableData, match=problem):
        open_source(write(tmp_path, table))


def test_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableData, match="there is no such file"):
        open_source(tmp_path / "labels.csv")
