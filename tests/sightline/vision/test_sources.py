"""The images that a source names: a folder, a prefix, one image, a list, or JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sightline import storage
from sightline.errors import InvalidInput
from sightline.storage import Location
from sightline.vision import ImageRef, Limits, Reason, Rejected, expand, fetch
from tests.images import image_file


def fill(folder: Location, *names: str) -> None:
    for name in names:
        storage.write_bytes(folder / name, b"x")


def names(refs: list[ImageRef], folder: Location) -> list[str]:
    root = storage.uri_of(folder)
    return [ref.uri.removeprefix(f"{root}/") for ref in refs]


def reason_of(ref: ImageRef) -> Reason:
    with pytest.raises(Rejected) as caught:
        fetch(ref, Limits())
    return caught.value.reason


def test_folder_and_prefix_are_listed_recursively_by_name(bucket: Location) -> None:
    fill(bucket, "b.png", "a.jpg", "c/a.webp", "c/a b ü.PNG", "B.JPEG", "10.tif", "9.gif", "z.bmp", "y.tiff", "x.AVIF")
    images = expand(storage.uri_of(bucket))
    assert names(images, bucket) == [
        "10.tif", "9.gif", "B.JPEG", "a.jpg", "b.png", "c/a b ü.PNG", "c/a.webp", "x.AVIF", "y.tiff", "z.bmp"
    ]  # fmt: skip
    assert all(ref.version and not ref.remote for ref in images)
    assert [fetch(ref, Limits()) for ref in images] == [b"x"] * len(images)


def test_hidden_and_other_files_are_skipped(bucket: Location) -> None:
    fill(bucket, "a.png", ".b.png", "._a.png", ".thumbnails/a.png", "c/.d/e/f.png", "labels.csv", "a.png.txt", "png")
    assert names(expand(storage.uri_of(bucket)), bucket) == ["a.png"]


def test_hidden_folder_may_be_named_explicitly(tmp_path: Path) -> None:
    fill(tmp_path / ".cache" / "images", "a.png")
    assert names(expand(tmp_path / ".cache" / "images"), tmp_path) == [".cache/images/a.png"]


def test_folder_without_images_is_rejected_with_the_suffixes(bucket: Location) -> None:
    fill(bucket, "readme.txt", ".a.png")
    with pytest.raises(InvalidInput, match=r"there is no image in it.*\.jpeg"):
        expand(storage.uri_of(bucket))


def test_missing_folder_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such folder"):
        expand(tmp_path / "nowhere")


def test_single_file_is_an_image_with_any_suffix(tmp_path: Path) -> None:
    fill(tmp_path, "photo.JPG", "scan")
    assert [names(expand(str(tmp_path / name)), tmp_path) for name in ("photo.JPG", "scan")] == [
        ["photo.JPG"],
        ["scan"],
    ]
    assert names(expand((tmp_path / "scan").as_uri()), tmp_path) == ["scan"]


def test_folder_named_like_an_image_is_a_folder(tmp_path: Path) -> None:
    fill(tmp_path / "set.png", "a.png")
    assert names(expand(tmp_path / "set.png"), tmp_path) == ["set.png/a.png"]


def test_missing_single_image_is_recorded(bucket: Location) -> None:
    storage.write_bytes(bucket / "other.png", b"x")
    (ref,) = expand(storage.uri_of(bucket / "gone.png"))
    assert reason_of(ref) is Reason.MISSING


def test_list_keeps_order_and_duplicates(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "b.png")
    uris = [str(tmp_path / "b.png"), str(tmp_path / "a.png"), str(tmp_path / "b.png"), "https://example.org/c.png"]
    assert [ref.uri for ref in expand(uris)] == uris
    assert [ref.uri for ref in expand(json.dumps(uris))] == uris
    assert [ref.uri for ref in expand([Path(uris[0])])] == uris[:1]


def test_version_changes_with_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    before = expand([str(path)])
    path.write_bytes(b"three")
    assert before != expand([str(path)])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("s3:/bucket/a.png", Reason.UNSUPPORTED_URI),  # a slash is missing
        ("ftp://example.org/a.png", Reason.UNSUPPORTED_URI),
        ("a\0.png", Reason.UNSUPPORTED_URI),
        ("~nobody-of-this-name/a.png", Reason.UNSUPPORTED_URI),
        ("\ud800.png", Reason.UNSUPPORTED_URI),
        ("https://[::1/a.png", Reason.UNSUPPORTED_URI),
        ("a" * 5000 + ".png", Reason.MISSING),
        ("", Reason.MISSING),
        (os.devnull, Reason.UNSUPPORTED_URI),
    ],
)
def test_invalid_name_in_a_list_does_not_affect_others(name: str, reason: Reason, tmp_path: Path) -> None:
    fill(tmp_path, "a.png")
    bad, good = expand([name, str(tmp_path / "a.png")])
    assert reason_of(bad) is reason
    assert fetch(good, Limits()) == b"x"
    assert ImageRef.model_validate_json(bad.model_dump_json()) == bad


def test_non_unicode_file_name_is_recorded(tmp_path: Path) -> None:
    fill(tmp_path, "b.png")
    Path(os.fsdecode(bytes(tmp_path) + b"/a\xff.png")).write_bytes(image_file())
    old, good = expand(tmp_path)
    assert reason_of(old) is Reason.UNSUPPORTED_URI
    assert old.uri.endswith(r"a\udcff.png")
    assert fetch(good, Limits()) == b"x"


def test_pipe_does_not_hang_the_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    (ref,) = expand([str(tmp_path / "a.png")])
    assert reason_of(ref) is Reason.UNSUPPORTED_URI


@pytest.mark.parametrize(
    "source", ["", "  ", [], [1], "[1]", "[]", '["a.png"', '{"images"', "[" * 100_000, 7, None, b"a.png", "x" * 5000]
)
def test_invalid_source_is_rejected_with_the_formats(source: object) -> None:
    with pytest.raises(InvalidInput, match=r"Give a folder, an s3:// prefix, .* or a payload"):
        expand(source)
