"""Every common image format is decoded into the same upright RGB pixels; damage is reported."""

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
from tests.images import INPUT, encoded, image_file

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
    """Return a smooth image with edges and some noise, like a photo."""
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
def test_every_mode_of_every_format_is_decoded_correctly(kind: str, mode: str) -> None:
    source = RED.convert(mode) if mode != "LAB" else ImageCms.applyTransform(RED, TO_LAB)
    decoded = read(encoded(source, kind))
    assert (decoded.content_type, decoded.pixels.shape, decoded.pixels.dtype) == (KINDS[kind], (24, 40, 3), np.uint8)
    # Palettes, dithering and lossy formats preserve the mean approximately.
    expected = np.asarray((source if mode != "LAB" else RED).convert("RGB")).mean((0, 1))
    assert np.allclose(decoded.pixels.mean((0, 1)), expected, atol=4)


def test_lossless_image_is_decoded_exactly() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (9, 13, 3), np.uint8)
    for kind in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(read(encoded(Image.fromarray(pixels), kind)).pixels, pixels)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_values_are_scaled_not_clipped(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    decoded = read(encoded(Image.fromarray(ramp), kind)).pixels
    assert np.abs(decoded[0, :, 0].astype(int) - np.arange(256)).max() <= 1


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
def test_transparent_pixels_become_white(data: bytes) -> None:
    assert (read(data).pixels == 255).all()


def test_half_transparent_pixels_become_half_white() -> None:
    decoded = read(encoded(Image.new("RGBA", (8, 8), (0, 100, 200, 128)))).pixels
    assert np.abs(decoded.astype(int) - [127, 177, 227]).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_of_several_images_is_decoded(kind: str) -> None:
    data = encoded(RED, kind, save_all=True, append_images=[Image.new("RGB", RED.size, "blue")])
    assert np.abs(read(data).pixels[12, 20].astype(int) - (200, 30, 20)).max() <= 8


@pytest.mark.parametrize("size", [None, INPUT])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_image_is_rotated_upright(orientation: int, kind: str, size: ImageInput | None) -> None:
    upright = Image.new("RGB", (64, 32), "black")
    upright.paste("white", (0, 0, 32, 16))  # the top left quarter
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = upright.transpose(turns[orientation]) if orientation > 1 else upright
    metadata = Image.Exif()
    metadata[0x0112] = orientation
    decoded = read(encoded(stored, kind, exif=metadata), size).pixels
    height, width = decoded.shape[:2]
    assert (width, height) == ((64, 32) if size is None else (32, 32))
    corners = [decoded[y, x, 0] > 128 for y, x in ((2, 2), (2, -3), (-3, 2), (-3, -3))]
    assert corners == [True, False, False, False]


@pytest.mark.filterwarnings("ignore::UserWarning")  # from Pillow, about the metadata
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "metadata",
    [b"garbage garbage", b"II*\0\xff\xff\xff\xff", b"", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\xff\xff\xff\xff\0\0\0\0"],
)
def test_damaged_metadata_is_ignored(kind: str, metadata: bytes) -> None:
    decoded = read(encoded(RED, kind, exif=b"Exif\0\0" + metadata))
    assert np.abs(decoded.pixels[12, 20].astype(int) - (200, 30, 20)).max() <= 8


def test_jpeg_with_a_preview_is_a_jpeg() -> None:
    """Phones write such files; an endpoint would reject ``image/mpo``."""
    decoded = read(encoded(RED, "MPO", save_all=True, append_images=[RED.resize((8, 8))]))
    assert (decoded.content_type, decoded.pixels.shape) == ("image/jpeg", (24, 40, 3))


def test_content_type_depends_on_content_only() -> None:
    assert read(image_file(kind="PNG")).content_type == "image/png"
    assert read(image_file(kind="JPEG")).content_type == "image/jpeg"


@pytest.mark.parametrize("size", [(640, 480), (1600, 1200), (300, 2000), (224, 224)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpeg_decoded_small_matches_full_decoding(size: tuple[int, int], options: dict[str, int]) -> None:
    target = ImageInput(width=224, height=224, mean=INPUT.mean, std=INPUT.std)
    data = encoded(scene(*size), "JPEG", quality=90, **options)
    full = Image.open(io.BytesIO(data)).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    difference = np.abs(read(data, target).pixels.astype(int) - np.asarray(full, int))
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) < 8


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
@given(share=st.floats(0, 0.98))
@settings(max_examples=25, deadline=None)
def test_truncated_file_is_never_decoded(kind: str, share: float) -> None:
    data = image_file(kind=kind)
    reason = reason_of(data[: int(len(data) * share)])
    assert reason is Reason.TRUNCATED or (share < 0.1 and reason is Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("kind", KINDS)
def test_file_cut_in_the_middle_is_truncated(kind: str) -> None:
    data = image_file(kind=kind, size=(200, 200))
    assert reason_of(data[: len(data) // 2]) is Reason.TRUNCATED


@pytest.mark.parametrize(
    "data",
    [
        b"<html><body>404</body></html>", b"GIF", bytes(100), b"%PDF-1.7", b"PK\3\4", "text".encode("utf-16"),
        b'{"a": 1}', encoded(RED, "PPM"), encoded(RED, "ICO"), encoded(RED, "EPS"), encoded(RED, "TGA"),
    ],
)  # fmt: skip
def test_other_content_is_not_an_image(data: bytes) -> None:
    assert reason_of(data) is Reason.NOT_AN_IMAGE


def test_postscript_starts_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    assert reason_of(encoded(RED, "EPS")) is Reason.NOT_AN_IMAGE


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", [*KINDS, "MPO"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_file_is_either_rejected_or_read(kind: str, data: st.DataObject) -> None:
    metadata = Image.Exif()
    metadata[0x0112] = 6
    content = bytearray(
        encoded(scene(24, 16), kind, exif=metadata) if kind not in ("GIF", "BMP") else image_file(kind=kind)
    )
    places = st.integers(0, len(content) - 1) | st.integers(0, min(len(content), 200) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8)):
        content[place] = value
    result: Decoded | Rejected
    try:
        result = decode(bytes(content), INPUT, Limits(pixels=1_000_000))
    except Rejected as rejected:
        result = rejected
    if isinstance(result, Rejected):
        assert result.reason in (Reason.TRUNCATED, Reason.NOT_AN_IMAGE, Reason.TOO_MANY_PIXELS)
    else:
        assert (result.pixels.shape, result.pixels.dtype) == ((32, 32, 3), np.uint8)


def test_rejection_survives_context_managers_and_pickling() -> None:
    @contextmanager
    def nothing() -> Iterator[None]:
        yield

    with pytest.raises(Rejected, match="empty: 0 bytes"), nothing():
        raise pickle.loads(pickle.dumps(Rejected(Reason.EMPTY, "0 bytes")))
