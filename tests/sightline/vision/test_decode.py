"""Every common kind of picture becomes the same upright RGB pixels; a damaged one is said to be damaged."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from sightline.registry import ImageInput
from sightline.vision import Decoded, Limits, Reason, Rejected, decode
from tests.images import INPUT, encoded, picture

KINDS = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif", "BMP": "image/bmp",
    "TIFF": "image/tiff", "AVIF": "image/avif",
}  # fmt: skip
TO_LAB = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
RED = Image.new("RGB", (40, 24), (200, 30, 20))


def read(data: bytes, size: ImageInput | None = None) -> Decoded:
    return decode(data, size, Limits())


def reason_of(data: bytes, limits: Limits | None = None) -> Reason:
    with pytest.raises(Rejected) as caught:
        decode(data, INPUT, limits or Limits())
    return caught.value.reason


def scene(width: int, height: int) -> Image.Image:
    """A smooth picture with edges and some noise, as a photo has."""
    y, x = np.mgrid[0:height, 0:width] / height
    layers = [
        np.sin(6 * x + 2 * k) * 60 + np.cos(9 * y - k) * 50 + 128 + 40 * ((x + y * k) % 1 > 0.5) for k in range(3)
    ]
    noise = np.random.default_rng(0).normal(0, 4, (height, width, 3))
    return Image.fromarray((np.stack(layers, -1) + noise).clip(0, 255).astype(np.uint8))


MODES = {
    "JPEG": "RGB L 1 CMYK YCbCr",
    "PNG": "RGB RGBA P L LA 1",
    "WEBP": "RGB RGBA",
    "GIF": "RGB P L 1",
    "BMP": "RGB RGBA P L 1",
    "TIFF": "RGB RGBA P L LA 1 CMYK LAB",
    "AVIF": "RGB RGBA L",
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes.split()])
def test_every_mode_of_every_kind_is_read_as_what_it_shows(kind: str, mode: str) -> None:
    source = RED.convert(mode) if mode != "LAB" else ImageCms.applyTransform(RED, TO_LAB)
    found = read(encoded(source, kind))
    assert (found.content_type, found.pixels.shape, found.pixels.dtype) == (KINDS[kind], (24, 40, 3), np.uint8)
    # From palettes, dithering and lossy kinds the mean comes out near.
    expected = np.asarray((source if mode != "LAB" else RED).convert("RGB")).mean((0, 1))
    assert np.allclose(found.pixels.mean((0, 1)), expected, atol=4)


def test_a_lossless_picture_is_read_bit_by_bit() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (9, 13, 3), np.uint8)
    for kind in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(read(encoded(Image.fromarray(pixels), kind)).pixels, pixels)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    found = read(encoded(Image.fromarray(ramp), kind)).pixels
    assert np.abs(found[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("top", [1.0, 65535.0])
def test_floats_are_scaled_and_what_is_no_number_is_black(top: float) -> None:
    values = np.array([[0, 0.5, 1.0, np.nan, np.inf, -1]], np.float32) * top
    if top == 1.0:
        values = values[:, :4]
    found = read(encoded(Image.fromarray(values), "TIFF")).pixels[0, :, 0]
    assert found.tolist() == [0, 127, 255, 0, 255, 0][: values.size]


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.new("RGBA", (8, 8), (200, 0, 0, 0))),
        encoded(Image.new("RGBA", (8, 8), (200, 0, 0, 0)), "WEBP", lossless=True),
        encoded(Image.new("LA", (8, 8), (0, 0))),
        encoded(RED.quantize(4), transparency=0),
        encoded(RED.quantize(4), "GIF", transparency=0),
        encoded(Image.new("L", (8, 8), 7), transparency=7),
        encoded(Image.new("1", (8, 8), 0), transparency=0),
        encoded(Image.new("RGB", (8, 8), (1, 2, 3)), transparency=(1, 2, 3)),
    ],
    ids=["RGBA", "WebP", "LA", "palette", "GIF", "L", "1", "RGB"],
)
def test_what_is_transparent_becomes_white_whatever_lies_beneath(data: bytes) -> None:
    assert (read(data).pixels == 255).all()


def test_half_transparent_is_half_white() -> None:
    found = read(encoded(Image.new("RGBA", (8, 8), (0, 100, 200, 128)))).pixels
    assert np.abs(found.astype(int) - [127, 177, 227]).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_pictures_the_first_one_counts(kind: str) -> None:
    data = encoded(RED, kind, save_all=True, append_images=[Image.new("RGB", RED.size, "blue")])
    assert np.abs(read(data).pixels[12, 20].astype(int) - (200, 30, 20)).max() <= 8


@pytest.mark.parametrize("size", [None, INPUT])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_however_the_camera_was_held(
    orientation: int, kind: str, size: ImageInput | None
) -> None:
    upright = Image.new("RGB", (64, 32), "black")
    upright.paste("white", (0, 0, 32, 16))  # the quarter at the top left
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = upright.transpose(turns[orientation]) if orientation > 1 else upright
    notes = Image.Exif()
    notes[0x0112] = orientation
    found = read(encoded(stored, kind, exif=notes), size).pixels
    height, width = found.shape[:2]
    assert (width, height) == ((64, 32) if size is None else (32, 32))
    corners = [found[y, x, 0] > 128 for y, x in ((2, 2), (2, -3), (-3, 2), (-3, -3))]
    assert corners == [True, False, False, False]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of the notes
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "notes",
    [b"garbage garbage", b"II*\0\xff\xff\xff\xff", b"", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\xff\xff\xff\xff\0\0\0\0"],
)
def test_damaged_notes_of_a_camera_do_not_make_a_damaged_picture(kind: str, notes: bytes) -> None:
    found = read(encoded(RED, kind, exif=b"Exif\0\0" + notes))
    assert np.abs(found.pixels[12, 20].astype(int) - (200, 30, 20)).max() <= 8


def test_a_jpeg_with_a_preview_beside_it_is_a_jpeg() -> None:
    """Phones write these; an endpoint would not take ``image/mpo``."""
    found = read(encoded(RED, "MPO", save_all=True, append_images=[RED.resize((8, 8))]))
    assert (found.content_type, found.pixels.shape) == ("image/jpeg", (24, 40, 3))


def test_the_type_is_that_of_the_content_and_no_name_plays_a_part() -> None:
    assert read(picture(kind="PNG")).content_type == "image/png"
    assert read(picture(kind="JPEG")).content_type == "image/jpeg"


@pytest.mark.parametrize("size", [(640, 480), (1600, 1200), (300, 2000), (224, 224)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_a_large_jpeg_decoded_small_looks_as_if_it_had_been_decoded_whole(
    size: tuple[int, int], options: dict[str, int]
) -> None:
    wanted = ImageInput(width=224, height=224, mean=INPUT.mean, std=INPUT.std)
    data = encoded(scene(*size), "JPEG", quality=90, **options)
    whole = Image.open(io.BytesIO(data)).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    difference = np.abs(read(data, wanted).pixels.astype(int) - np.asarray(whole, int))
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) < 8


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
@given(share=st.floats(0, 0.98))
@settings(max_examples=25, deadline=None)
def test_a_file_that_breaks_off_anywhere_is_never_taken_for_a_picture(kind: str, share: float) -> None:
    data = picture(kind=kind)
    reason = reason_of(data[: int(len(data) * share)])
    assert reason is Reason.TRUNCATED or (share < 0.1 and reason is Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_breaks_off_in_the_middle_is_truncated_not_something_else(kind: str) -> None:
    data = picture(kind=kind, size=(200, 200))
    assert reason_of(data[: len(data) // 2]) is Reason.TRUNCATED


@pytest.mark.parametrize(
    "data",
    [
        b"<html><body>404</body></html>", b"GIF", bytes(100), b"%PDF-1.7", b"PK\3\4", "text".encode("utf-16"),
        b'{"a": 1}', encoded(RED, "PPM"), encoded(RED, "ICO"), encoded(RED, "EPS"), encoded(RED, "TGA"),
    ],
)  # fmt: skip
def test_what_is_not_an_image_is_said_to_be_none(data: bytes) -> None:
    assert reason_of(data) is Reason.NOT_AN_IMAGE


def test_no_program_is_started_for_what_begins_like_postscript(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    assert reason_of(encoded(RED, "EPS")) is Reason.NOT_AN_IMAGE


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", [*KINDS, "MPO"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_is_damaged_in_a_file_it_is_rejected_or_read_and_nothing_else(kind: str, data: st.DataObject) -> None:
    notes = Image.Exif()
    notes[0x0112] = 6
    content = bytearray(encoded(scene(24, 16), kind, exif=notes) if kind not in ("GIF", "BMP") else picture(kind=kind))
    places = st.integers(0, len(content) - 1) | st.integers(0, min(len(content), 200) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8)):
        content[place] = value
    found: Decoded | Rejected
    try:
        found = decode(bytes(content), INPUT, Limits(pixels=1_000_000))
    except Rejected as rejected:
        found = rejected
    if isinstance(found, Rejected):
        assert found.reason in (Reason.TRUNCATED, Reason.NOT_AN_IMAGE, Reason.TOO_MANY_PIXELS)
    else:
        assert (found.pixels.shape, found.pixels.dtype) == ((32, 32, 3), np.uint8)


def test_a_rejection_passes_through_context_managers_and_between_processes() -> None:
    @contextmanager
    def nothing() -> Iterator[None]:
        yield

    with pytest.raises(Rejected, match="empty: 0 bytes"), nothing():
        raise pickle.loads(pickle.dumps(Rejected(Reason.EMPTY, "0 bytes")))
