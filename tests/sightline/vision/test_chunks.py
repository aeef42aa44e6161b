"""Images of a chunk have separate outcomes, and only the readable ones are stored."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightline import storage
from sightline.storage import Location
from sightline.vision import ImageRef, Limits, Reason, SerializedChunk, decode, expand, serialize_chunk
from tests.images import INPUT, encoded, image_file, png_of_size

LIMITS = Limits(bytes=50_000)

BROKEN: dict[str, tuple[bytes, Reason]] = {
    "empty.png": (b"", Reason.EMPTY),
    "page.png": (b"<html>not found</html>", Reason.NOT_AN_IMAGE),
    "cut.png": (image_file(1)[:-40], Reason.TRUNCATED),
    "cut.jpg": (image_file(2, kind="JPEG")[:-40], Reason.TRUNCATED),
    "cut.webp": (image_file(3, kind="WEBP")[:-40], Reason.TRUNCATED),
    "bomb.png": (png_of_size(50_000, 50_000), Reason.TOO_MANY_PIXELS),
    "large.png": (image_file(4, size=(200, 200)), Reason.TOO_LARGE),
}


def inline(*contents: bytes) -> list[ImageRef]:
    return expand({"images": [b64encode(data).decode() for data in contents]})


def test_broken_images_among_good_ones_have_their_own_reasons(s3_bucket: Location, tmp_path: Path) -> None:
    good = [image_file(number, kind=kind) for number, kind in enumerate(("PNG", "JPEG", "WEBP", "GIF"))]
    for number, content in enumerate(good):
        storage.write_bytes(s3_bucket / f"good{number}", content)
    for name, (content, _) in BROKEN.items():
        storage.write_bytes(s3_bucket / name, content)
    root = storage.uri_of(s3_bucket)
    refs = [
        ref
        for source in (
            [f"{root}/good0"],
            [f"{root}/{name}" for name in BROKEN],
            [f"{root}/good1", f"{root}/gone.png", f"{root}/good2"],
            {"image_urls": ["http://169.254.169.254/latest/meta-data", "file:///etc/passwd"]},
            {"images": ["not base64!", b64encode(good[3]).decode()]},
        )
        for ref in expand(source)
    ]
    chunk = serialize_chunk(refs, INPUT, LIMITS, tmp_path, 7)
    assert [image.reason for image in chunk.items] == [
        None, *(reason for _, reason in BROKEN.values()), None, Reason.MISSING, None, Reason.FORBIDDEN_ADDRESS,
        Reason.UNSUPPORTED_URI, Reason.BAD_BASE64, None,
    ]  # fmt: skip
    assert [image.uri for image in chunk.items] == [ref.uri for ref in refs]
    assert all((image.detail is None) == (image.reason is None) for image in chunk.items)
    assert all(image.seconds > 0 for image in chunk.items)
    assert [image.content_type for image in chunk.readable] == ["image/png", "image/jpeg", "image/webp", "image/gif"]
    assert list(chunk.contents()) == good
    assert np.array_equal(chunk.pixels(), np.stack([decode(data, INPUT, LIMITS).pixels for data in good]))


def test_hash_covers_the_bytes_even_if_undecodable(tmp_path: Path) -> None:
    contents = [image_file(), b"<html>", b""]
    chunk = serialize_chunk(inline(*contents), INPUT, LIMITS, tmp_path)
    hashes: list[str | None] = [hashlib.sha256(data).hexdigest() for data in contents[:2]]
    assert [image.sha256 for image in chunk.items] == [*hashes, None]


@given(contents=st.lists(st.sampled_from([image_file(0), image_file(1, kind="JPEG"), b"", b"damaged"]), max_size=9))
@settings(max_examples=30, deadline=None)
def test_scratch_file_contains_only_readable_images_in_order(
    contents: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("scratch")
    refs = inline(*contents) if contents else []
    chunk = serialize_chunk(refs, INPUT, LIMITS, folder, 3)
    good = [data for data in contents if data not in (b"", b"damaged")]
    assert list(chunk.contents()) == good
    assert chunk.pixels().shape == (len(good), 32, 32, 3)
    assert len(chunk.readable) == len(good)
    assert list(folder.iterdir()) == [chunk.path]
    chunk.discard()
    chunk.discard()
    assert list(folder.iterdir()) == []


def test_without_a_size_pixels_are_checked_and_not_stored(tmp_path: Path) -> None:
    """An endpoint receives the image files unchanged, in any size."""
    contents = [image_file(0, size=(20, 30)), image_file(1, size=(31, 7), kind="JPEG")]
    chunk = serialize_chunk(inline(*contents, image_file()[:-40]), None, LIMITS, tmp_path)
    assert [image.reason for image in chunk.items] == [None, None, Reason.TRUNCATED]
    assert list(chunk.contents()) == contents
    assert chunk.pixels().shape == (0, 0, 0, 3)


def test_chunk_survives_serialization(tmp_path: Path) -> None:
    chunk = serialize_chunk(inline(image_file(), b""), INPUT, LIMITS, tmp_path, 2)
    copy = SerializedChunk.model_validate_json(chunk.model_dump_json())
    assert copy == chunk
    assert np.array_equal(copy.pixels(), chunk.pixels())


def test_images_of_a_chunk_are_read_concurrently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Barrier

    together = Barrier(8, timeout=30)

    def fetch(ref: ImageRef, _: Limits) -> bytes:
        together.wait()
        return ref.data or b""

    monkeypatch.setattr("sightline.vision.chunks.fetch", fetch)
    chunk = serialize_chunk(inline(*[image_file()] * 8), INPUT, LIMITS, tmp_path)
    assert len(chunk.readable) == 8


def test_missing_scratch_folder_is_an_error_not_a_reason(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        serialize_chunk(inline(image_file()), INPUT, LIMITS, tmp_path / "gone")


def test_oriented_photo_in_a_data_url_is_read_upright(tmp_path: Path) -> None:
    upright: Any = Image.new("RGB", (40, 20), "black")
    upright.paste("white", (0, 0, 40, 5))
    metadata = Image.Exif()
    metadata[0x0112] = 6
    photo = encoded(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=metadata)
    (ref,) = expand({"images": f"data:image/jpeg;base64,{b64encode(photo).decode()}"})
    rows = serialize_chunk([ref], INPUT, LIMITS, tmp_path).pixels()[0].mean((1, 2))
    assert (rows[:6] > 200).all()
    assert (rows[10:] < 60).all()
