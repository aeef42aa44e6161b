"""The images that a source names: a folder, a prefix, one image, a list, or JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from sightline import storage
from sightline.errors import InvalidInput
from sightline.storage import Location
from sightline.vision import ImageRef, Limits, Reason, Rejected, expand, fetch, list_source
from tests.images import image_file
from tests.tiffs import dng


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


PHOTO = image_file(kind="JPEG")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("photo.jfif", PHOTO, None),
        ("photo.jpe", PHOTO, None),
        ("photo", PHOTO, None),
        ("photo.jpg ", PHOTO, None),
        ("photo.JPG.bak", PHOTO, None),
        ("photo.jpg_large", PHOTO, None),
        ("photo.dat", image_file(kind="WEBP"), None),
        ("photo.HEIC", (Path(__file__).parent / "files" / "upright.heic").read_bytes(), None),
        ("photo.nef", dng(np.full((64, 64, 3), 99, np.uint8)), None),
        ("photo.jpg", b"<html>", None),  # It is named like an image, so that its record tells.
        ("labels.csv", b"a,b\n", Reason.NOT_AN_IMAGE),
        ("clip.mp4", b"\0\0\0\x18ftypmp42", Reason.NOT_AN_IMAGE),
        ("nothing", b"", Reason.EMPTY),
        (".photo.png", image_file(), Reason.HIDDEN),
        (".thumbnails/photo.png", image_file(), Reason.HIDDEN),
        ("c/.d/e/photo.png", image_file(), Reason.HIDDEN),
    ],
)
def test_every_file_is_an_image_or_skipped_for_a_reason(
    name: str, content: bytes, reason: Reason | None, bucket: Location
) -> None:
    storage.write_bytes(bucket / "first.png", image_file())
    storage.write_bytes(bucket / name, content)
    listing = list_source(storage.uri_of(bucket))
    assert names(listing.images, bucket) == ["first.png", *([name] if reason is None else [])]
    assert [skipped.reason for skipped in listing.skipped] == ([] if reason is None else [reason])
    root = storage.uri_of(bucket)
    assert all(f"{root}/{name}".startswith(skipped.uri) for skipped in listing.skipped)


@pytest.mark.parametrize("name", ["photo", "photo.jfif", "photo.jpg ", "set.png", "a/photo.unknown"])
def test_single_image_of_any_name_is_read(name: str, bucket: Location) -> None:
    storage.write_bytes(bucket / name, PHOTO)
    (ref,) = expand(storage.uri_of(bucket / name))
    assert fetch(ref, Limits()) == PHOTO


def test_prefix_named_like_an_image_is_a_folder(bucket: Location) -> None:
    storage.write_bytes(bucket / "set.png" / "a.png", PHOTO)
    assert names(expand(storage.uri_of(bucket / "set.png")), bucket) == ["set.png/a.png"]


def test_hidden_folder_is_skipped_as_one(bucket: Location) -> None:
    fill(bucket, "a.png", ".git/1", ".git/2/3", "b/.cache/x.png")
    skipped = list_source(storage.uri_of(bucket)).skipped
    assert [(item.uri.removeprefix(storage.uri_of(bucket)), item.detail) for item in skipped] == [
        ("/.git", "2 files"),
        ("/b/.cache", None),
    ]


def test_what_is_no_file_is_skipped_for_a_reason(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    fill(tmp_path / "elsewhere", "a.png")
    folder = tmp_path / "folder"
    fill(folder, "a.png", "below/b.png")
    (folder / "below" / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "photo.jpg").symlink_to(tmp_path / "elsewhere" / "a.png")
    (folder / ".linked").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "pipe.png")
    listing = list_source(folder)
    assert names(listing.images, folder) == ["a.png", "below/b.png", "photo.jpg"]
    reasons = {item.uri.rpartition("/")[2]: item.reason for item in listing.skipped}
    assert reasons == {
        "linked": Reason.LINKED_FOLDER, ".linked": Reason.HIDDEN, "pipe.png": Reason.UNSUPPORTED_URI
    }  # fmt: skip


def test_folder_without_images_counts_what_is_there(bucket: Location) -> None:
    fill(bucket, "readme.txt", "labels", ".a.png")
    with pytest.raises(InvalidInput, match=r"no image in it \(1 hidden, 2 not_an_image\)"):
        expand(storage.uri_of(bucket))
