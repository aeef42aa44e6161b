"""Every image becomes a sample with its label, or is listed as unusable with a reason."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sightline import storage
from sightline.errors import InvalidInput, StorageError
from sightline.registry import ImageInput
from sightline.storage import Location
from sightline.training.common import UnsuitableData
from sightline.training.images import Preset, TrainingData, load_preset, open_source, read_training_data
from tests.images import image_file

SMALL = ImageInput(width=12, height=26, mean=(0, 0, 0), std=(1, 1, 1))


def read(folder: Location | str, preset: Preset, tmp_path: Path, **options: Any) -> TrainingData:
    pixels = tmp_path / "pixels"
    pixels.mkdir(exist_ok=True)
    return read_training_data(open_source(folder), preset, SMALL, pixels, **{"minimum": 1} | options)


def fill(folder: Location, files: dict[str, bytes]) -> Location:
    for name, data in files.items():
        storage.write_bytes(folder / name, data)
    return folder


GOOD = {
    f"{label}_s0{n}_1.png": image_file(10 * n + k) for n in range(1, 4) for k, label in enumerate(("left", "right"))
}


def test_unusable_images_are_listed_with_reasons_and_others_stored(
    bucket: Location, quick: Preset, tmp_path: Path
) -> None:
    fill(bucket / "maps", GOOD)
    complete = image_file(99)
    fill(
        bucket / "maps",
        {
            "left_s04_1.png": complete[: len(complete) // 2],
            "left_s05_1.png": b"",
            "left_s06_1.png": b"not an image",
            "standing_s07_1.png": image_file(7),
            "0815.png": image_file(8),
            "left_s08_1.png": image_file(77),
            "right_s08_2.png": image_file(77),
        },
    )
    data = read(bucket / "maps", quick, tmp_path)
    assert [sample.name for sample in data.manifest.samples] == sorted(GOOD)
    reasons = {image.name: image.reason for image in data.manifest.unusable}
    assert {name: next(word for word in why.split() if word in why) for name, why in reasons.items()}.keys() == {
        "left_s04_1.png", "left_s05_1.png", "left_s06_1.png", "standing_s07_1.png", "0815.png",
        "left_s08_1.png", "right_s08_2.png",
    }  # fmt: skip
    assert "truncated" in reasons["left_s04_1.png"]
    assert "0 bytes" in reasons["left_s05_1.png"]
    assert "not_an_image" in reasons["left_s06_1.png"]
    assert "label standing" in reasons["standing_s07_1.png"]
    assert "does not contain a label" in reasons["0815.png"]
    assert "left and right" in reasons["left_s08_1.png"]


def test_pixels_labels_and_hashes_match_the_files(quick: Preset, tmp_path: Path) -> None:
    folder = fill(tmp_path / "maps", GOOD | {"left_s09_1.png": b"broken", "prone_s00_1.png": image_file(5)})
    data = read(folder, quick, tmp_path)
    assert data.manifest.classes == ("left", "right", "prone")
    assert data.manifest.absent == ("supine", "outofbed")
    for sample, pixels, label in zip(data.manifest.samples, data.pixels, data.labels, strict=True):
        content = (folder / sample.name).read_bytes()
        assert sample.sha256 == hashlib.sha256(content).hexdigest()
        assert data.manifest.classes[label] == sample.name.partition("_")[0]
        expected = Image.open(io.BytesIO(content)).resize((12, 26), Image.Resampling.BICUBIC, reducing_gap=3.0)
        assert np.array_equal(pixels, np.asarray(expected))


def test_images_can_be_read_again_at_another_size(quick: Preset, tmp_path: Path) -> None:
    data = read(fill(tmp_path / "maps", GOOD), quick, tmp_path)
    other = ImageInput(width=5, height=7, mean=(0, 0, 0), std=(1, 1, 1))
    assert data.read([2, 0], other).shape == (2, 7, 5, 3)
    assert np.array_equal(data.read([2, 0], SMALL), data.pixels[[2, 0]])
    (tmp_path / "maps" / data.manifest.samples[0].name).unlink()
    with pytest.raises(UnsuitableData, match="was readable at first"):
        data.read([0], other)


def test_copied_data_has_the_same_version(quick: Preset, tmp_path: Path, s3_bucket: Location) -> None:
    original = read(fill(tmp_path / "maps", GOOD), quick, tmp_path)
    copy = read(fill(s3_bucket / "other" / "place", GOOD), quick, tmp_path)
    assert original.manifest.sha256 == copy.manifest.sha256


def test_duplicates_of_one_label_share_a_unit_with_their_groups(quick: Preset, tmp_path: Path) -> None:
    files = {**GOOD, "left_s01_9.png": image_file(50), "left_s02_9.png": image_file(50)}
    units = {s.name: s.unit for s in read(fill(tmp_path / "maps", files), quick, tmp_path).manifest.samples}
    assert units["left_s01_9.png"] == units["left_s02_9.png"]
    assert units["left_s01_1.png"] == units["left_s02_1.png"], "all images of both people"
    assert units["left_s03_1.png"] != units["left_s01_1.png"]


def noisy(pixels: NDArray[np.uint8], seed: int) -> bytes:
    noise = np.random.default_rng(seed).normal(0, 4, pixels.shape)
    buffer = io.BytesIO()
    Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_near_and_mirrored_duplicates_of_one_label_share_a_unit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    photos = [np.asarray(Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).resize((32, 32))) for _ in range(3)]
    files = {
        "bike_s_000001.png": noisy(photos[0], 1),
        "bike_s_000002.png": noisy(photos[0], 2),
        "bike_s_000003.png": noisy(photos[0][:, ::-1], 3),
        "bike_s_000004.png": noisy(photos[1], 4),
        "moped_s_000001.png": noisy(photos[2], 5),
        "moped_s_000002.png": noisy(photos[1], 6),
    }
    vehicles = load_preset("vehicles")
    units = [s.unit for s in read(fill(tmp_path / "photos", files), vehicles, tmp_path).manifest.samples]
    assert units[0] == units[1] == units[2]
    assert len(set(units)) == 4, "duplicates are only searched within a class"


def test_storage_failure_is_raised_instead_of_listed_as_unusable(
    quick: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(fill(tmp_path / "maps", GOOD))

    def unreachable(location: Location, limit: int | None = None) -> bytes:
        raise StorageError(f"{location}: timed out") from OSError("timed out")

    monkeypatch.setattr(storage, "read_bytes", unreachable)
    with pytest.raises(StorageError, match="timed out"):
        read_training_data(source, quick, SMALL, tmp_path)


def test_folder_without_images_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("nowhere", "empty"):
        with pytest.raises(InvalidInput, match=f"{name}: there is no"):
            open_source(tmp_path / name)


def test_requested_class_without_images_is_rejected_by_name(quick: Preset, tmp_path: Path) -> None:
    folder = fill(tmp_path / "maps", GOOD)
    with pytest.raises(UnsuitableData, match="prone has 0"):
        read(folder, quick, tmp_path, classes=["left", "prone"])


def test_real_maps_are_grouped_by_person(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    subset = tmp_path / "subset"
    subset.mkdir()
    for file in sorted(shared_data("pressure-maps").glob("*.jpg"))[::10]:
        shutil.copy(file, subset)
    data = read(subset, load_preset("posture"), tmp_path)
    assert data.manifest.classes == ("left", "right", "supine")
    assert data.manifest.absent == ("outofbed", "prone")
    assert data.manifest.groups == 10
    assert not data.manifest.unusable
    assert not data.manifest.synthetic
