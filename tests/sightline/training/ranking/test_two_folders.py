"""Photos in two folders are divided by source photo; near duplicates never are on both sides."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline import storage
from sightline.storage import Location
from sightline.training.common import UnsuitableData
from sightline.training.ranking import RankingData, open_two_folders


def scene(seed: int, size: int = 256, kind: str = "JPEG") -> bytes:
    """Return a photo of smooth random shapes; the same seed in another size is the same picture."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(file, kind)
    return file.getvalue()


def fill(root: Location, count: int = 15) -> tuple[str, str]:
    """Write photos of both kinds; of every third one a smaller copy too, in another format and under another name."""
    for label, offset in (("good", 0), ("bad", 1000)):
        for number in range(count):
            storage.write_bytes(root / label / f"{label} {number}.jpg", scene(offset + number))
            if number % 3 == 0:
                storage.write_bytes(root / label / "web" / f"x{number}.png", scene(offset + number, 120, "PNG"))
    return storage.uri_of(root / "good"), storage.uri_of(root / "bad")


def sides(data: RankingData) -> dict[str, str]:
    return {f"{photo.label}/{photo.name}": photo.split for photo in data.photos}


def test_copies_of_a_photo_are_on_one_side(bucket: Location) -> None:
    data = open_two_folders(*fill(bucket))
    side = sides(data)
    assert len(side) == 40
    for label in ("good", "bad"):
        evaluated = [
            name for name, split in side.items() if split == "evaluate" and name.startswith(f"{label}/{label}")
        ]
        assert len(evaluated) == 3
        for number in range(0, 15, 3):
            assert side[f"{label}/{label} {number}.jpg"] == side[f"{label}/web/x{number}.png"]
    assert len({photo.group for photo in data.photos}) == 30


def test_split_is_the_same_again_and_hardly_changes_with_more_photos(tmp_path: Path) -> None:
    good, bad = fill(tmp_path)
    before = open_two_folders(good, bad)
    again = open_two_folders(good, bad)
    assert sides(again) == sides(before)
    assert [again.version(split) for split in ("train", "evaluate")] == [
        before.version(split) for split in ("train", "evaluate")
    ]
    storage.write_bytes(tmp_path / "good" / "new.jpg", scene(77))
    after = sides(open_two_folders(good, bad))
    assert sum(after[name] != split for name, split in sides(before).items()) <= 2


def test_file_that_is_no_image_stays_and_is_counted_later(tmp_path: Path) -> None:
    good, bad = fill(tmp_path)
    (tmp_path / "good" / "broken.jpg").write_bytes(b"no image")
    assert "good/broken.jpg" in sides(open_two_folders(good, bad))


def test_too_few_different_photos_are_refused(tmp_path: Path) -> None:
    good, bad = fill(tmp_path, count=9)
    with pytest.raises(UnsuitableData, match="has 9 different photos, and a separate evaluation needs at least 10"):
        open_two_folders(good, bad)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnsuitableData, match="has no image"):
        open_two_folders(str(tmp_path / "empty"), bad)


def test_same_image_as_good_and_bad_is_refused(tmp_path: Path) -> None:
    good, bad = fill(tmp_path)
    (tmp_path / "bad" / "other.jpg").write_bytes(scene(1))
    with pytest.raises(UnsuitableData, match="has the same image in two places"):
        open_two_folders(good, bad)
