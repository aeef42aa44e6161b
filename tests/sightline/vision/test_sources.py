"""Which images a source names: a folder, a prefix, one, a list, or JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sightline import storage
from sightline.errors import InvalidInput
from sightline.storage import Location
from sightline.vision import ImageRef, Limits, Reason, Rejected, expand, fetch
from tests.images import picture


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


def test_a_folder_and_a_prefix_give_their_images_by_name_with_what_is_below(bucket: Location) -> None:
    fill(bucket, "b.png", "a.jpg", "c/a.webp", "c/a b ü.PNG", "B.JPEG", "10.tif", "9.gif", "z.bmp", "y.tiff", "x.AVIF")
    found = expand(storage.uri_of(bucket))
    assert names(found, bucket) == [
        "10.tif", "9.gif", "B.JPEG", "a.jpg", "b.png", "c/a b ü.PNG", "c/a.webp", "x.AVIF", "y.tiff", "z.bmp"
    ]  # fmt: skip
    assert all(ref.version and not ref.remote for ref in found)
    assert [fetch(ref, Limits()) for ref in found] == [b"x"] * len(found)


def test_what_is_hidden_or_no_image_is_left_alone(bucket: Location) -> None:
    fill(bucket, "a.png", ".b.png", "._a.png", ".thumbnails/a.png", "c/.d/e/f.png", "labels.csv", "a.png.txt", "png")
    assert names(expand(storage.uri_of(bucket)), bucket) == ["a.png"]


def test_a_hidden_folder_may_be_named_itself(tmp_path: Path) -> None:
    fill(tmp_path / ".cache" / "pictures", "a.png")
    assert names(expand(tmp_path / ".cache" / "pictures"), tmp_path) == [".cache/pictures/a.png"]


def test_a_folder_without_an_image_is_refused_and_says_what_an_image_is(bucket: Location) -> None:
    fill(bucket, "readme.txt", ".a.png")
    with pytest.raises(InvalidInput, match=r"there is no image in it.*\.jpeg"):
        expand(storage.uri_of(bucket))


def test_a_folder_that_is_not_there_is_refused_as_such(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such folder"):
        expand(tmp_path / "nowhere")


def test_a_single_image_is_one_whatever_its_suffix(tmp_path: Path) -> None:
    fill(tmp_path, "photo.JPG", "scan")
    assert [names(expand(str(tmp_path / name)), tmp_path) for name in ("photo.JPG", "scan")] == [
        ["photo.JPG"],
        ["scan"],
    ]
    assert names(expand((tmp_path / "scan").as_uri()), tmp_path) == ["scan"]


def test_a_folder_that_is_called_like_an_image_is_a_folder(tmp_path: Path) -> None:
    fill(tmp_path / "set.png", "a.png")
    assert names(expand(tmp_path / "set.png"), tmp_path) == ["set.png/a.png"]


def test_a_single_image_that_is_missing_is_recorded_as_missing(bucket: Location) -> None:
    storage.write_bytes(bucket / "other.png", b"x")
    (ref,) = expand(storage.uri_of(bucket / "gone.png"))
    assert reason_of(ref) is Reason.MISSING


def test_a_list_keeps_its_order_and_what_is_in_it_twice(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "b.png")
    asked = [str(tmp_path / "b.png"), str(tmp_path / "a.png"), str(tmp_path / "b.png"), "https://example.org/c.png"]
    assert [ref.uri for ref in expand(asked)] == asked
    assert [ref.uri for ref in expand(json.dumps(asked))] == asked
    assert [ref.uri for ref in expand([Path(asked[0])])] == asked[:1]


def test_the_version_of_a_file_is_another_once_its_content_is(tmp_path: Path) -> None:
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
def test_an_impossible_name_in_a_list_is_its_own_problem_alone(name: str, reason: Reason, tmp_path: Path) -> None:
    fill(tmp_path, "a.png")
    bad, good = expand([name, str(tmp_path / "a.png")])
    assert reason_of(bad) is reason
    assert fetch(good, Limits()) == b"x"
    assert ImageRef.model_validate_json(bad.model_dump_json()) == bad


def test_a_file_whose_name_is_not_unicode_is_recorded_and_the_rest_of_the_folder_read(tmp_path: Path) -> None:
    fill(tmp_path, "b.png")
    Path(os.fsdecode(bytes(tmp_path) + b"/a\xff.png")).write_bytes(picture())
    old, good = expand(tmp_path)
    assert reason_of(old) is Reason.UNSUPPORTED_URI
    assert old.uri.endswith(r"a\udcff.png")
    assert fetch(good, Limits()) == b"x"


def test_a_pipe_does_not_hang_the_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    (ref,) = expand([str(tmp_path / "a.png")])
    assert reason_of(ref) is Reason.UNSUPPORTED_URI


@pytest.mark.parametrize(
    "source", ["", "  ", [], [1], "[1]", "[]", '["a.png"', '{"images"', "[" * 100_000, 7, None, b"a.png", "x" * 5000]
)
def test_what_names_no_images_is_refused_with_what_would(source: object) -> None:
    with pytest.raises(InvalidInput, match=r"Give a folder, an s3:// prefix, .* or a payload"):
        expand(source)
