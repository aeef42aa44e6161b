"""Photos of phones and cameras: HEIF, AVIF and raw files, upright, recognised by their content."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.registry import ImageInput
from sightline.vision import Limits, Reason, Rejected, decode
from tests.images import INPUT, encoded
from tests.tiffs import dng, rows, tiff

FILES = Path(__file__).parent / "files"
QUARTERS = np.full((128, 192, 3), 20, np.uint8)
QUARTERS[:64, :96] = 200
QUARTERS[64:, 96:, 0] = 200


def corners(pixels: np.ndarray) -> list[str]:
    names = []
    for y, x in ((9, 9), (9, -9), (-9, 9), (-9, -9)):
        red, green, _ = pixels[y, x] > 127
        names.append("white" if green else "red" if red else "black")
    return names


def reason_of(data: bytes, limits: Limits | None = None) -> Reason:
    with pytest.raises(Rejected) as caught:
        decode(data, INPUT, limits or Limits())
    return caught.value.reason


@pytest.mark.parametrize("name", ["upright", "turned-2", "turned-3", "turned-6", "ten-bits"])
def test_heic_is_read_upright(name: str) -> None:
    decoded = decode((FILES / f"{name}.heic").read_bytes(), None, Limits())
    assert (decoded.content_type, decoded.warnings) == ("image/heif", ())
    assert decoded.pixels.shape == (64, 96, 3)
    assert corners(decoded.pixels) == ["white", "black", "black", "red"]


def test_heic_is_colour_managed_and_its_transparency_is_white() -> None:
    swapped = decode((FILES / "profile.heic").read_bytes(), None, Limits()).pixels
    assert np.abs(swapped[-9, -9].astype(int) - (0, 0, 254)).max() <= 2
    blended = decode((FILES / "alpha.heic").read_bytes(), None, Limits()).pixels
    assert np.abs(blended[-9, 9].astype(int) - 127).max() <= 2


@pytest.mark.parametrize(
    "data", [(FILES / "upright.heic").read_bytes(), encoded(Image.fromarray(QUARTERS), "AVIF")], ids=["HEIC", "AVIF"]
)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_boxes_that_lost_a_part_are_truncated(data: bytes, share: float) -> None:
    cut = int(len(data) * share)
    assert reason_of(data[:cut]) is Reason.TRUNCATED
    media = data.rindex(b"mdat") + 4
    place = media + int((len(data) - media) * share * 0.8)
    assert reason_of(data[:place] + data[place + 20 :]) is Reason.TRUNCATED


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_raw_photo_is_developed_upright(orientation: int) -> None:
    stored = np.rot90(QUARTERS, {1: 0, 3: 2, 6: 1, 8: 3}[orientation])
    decoded = decode(dng(stored, orientation), None, Limits())
    assert decoded.content_type == "image/x-dcraw"
    assert decoded.pixels.shape == QUARTERS.shape
    assert corners(decoded.pixels) == ["white", "black", "black", "red"]


def test_raw_photo_is_resized_from_half_its_size() -> None:
    size = ImageInput(width=48, height=32, mean=INPUT.mean, std=INPUT.std)
    assert corners(decode(dng(QUARTERS), size, Limits()).pixels) == ["white", "black", "black", "red"]


def test_preview_of_a_raw_photo_is_not_the_photo() -> None:
    """Nikon's and Sony's files begin with a TIFF image of a few pixels; the photo is below it."""
    preview = tiff(np.zeros((4, 6, 3), np.uint8), 2, "<", (330, 4, [0]))
    sensor = dng(QUARTERS)
    start = len(preview)
    # Every offset of the second file moves by the length of the first.
    (directory,) = struct.unpack_from("<I", sensor, 4)
    (count,) = struct.unpack_from("<H", sensor, directory)
    moved = bytearray(sensor)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from("<HHI", sensor, entry)
        size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}[kind] * length
        if size > 4 or tag == 273:
            struct.pack_into("<I", moved, entry + 8, struct.unpack_from("<I", sensor, entry + 8)[0] + start)
    place = preview.index(struct.pack("<HHI", 330, 4, 1)) + 8
    data = preview[:place] + struct.pack("<I", start + directory) + preview[place + 4 :] + bytes(moved)
    decoded = decode(data, None, Limits())
    assert decoded.pixels.shape == QUARTERS.shape
    assert decoded.content_type == "image/x-dcraw"


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_truncated_raw_photo_is_rejected(share: float) -> None:
    data = dng(QUARTERS)
    assert reason_of(data[: int(len(data) * share)]) is Reason.TRUNCATED


def test_pixels_of_a_raw_photo_are_limited() -> None:
    assert reason_of(dng(QUARTERS), Limits(pixels=20_000)) is Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize(
    "header", [b"II*\0\x10\0\0\0CR\2\0", b"\0\0\0\x18ftypcrx ", b"IIU\0", b"FUJIFILMCCD-RAW ", b"IIRO"]
)
def test_damaged_file_of_a_camera_is_truncated(header: bytes) -> None:
    assert reason_of(header + bytes(400)) is Reason.TRUNCATED


def test_tiff_without_a_sensor_is_no_raw_photo() -> None:
    assert decode(tiff(rows(255, "u1")), None, Limits()).content_type == "image/tiff"


def test_unusual_sampling_of_colours_is_read_with_a_warning() -> None:
    """TurboJPEG, which finds lost data, does not know it."""
    data = (FILES / "sampling-3x1.jpg").read_bytes()
    decoded = decode(data, None, Limits())
    assert "not checked for lost data" in decoded.warnings[0]
    with Image.open(FILES / "sampling-3x1.jpg") as image:
        assert np.array_equal(decoded.pixels, np.asarray(image))


@pytest.mark.parametrize(
    ("kind", "chunk"),
    [("IDAT", b"IDAT"), ("IHDR", b"IHDR"), ("palette", b"PLTE"), ("end", b"IEND"), ("transparency", b"tRNS")],
)
def test_png_with_a_wrong_checksum_is_truncated(kind: str, chunk: bytes) -> None:
    image = Image.fromarray(QUARTERS).quantize(4)
    data = bytearray(encoded(image, "PNG", transparency=0))
    place = data.index(chunk)
    (length,) = struct.unpack_from(">I", data, place - 4)
    data[place + 4 + length] ^= 1
    assert reason_of(bytes(data)) is Reason.TRUNCATED


@pytest.mark.parametrize("kind", ["WEBP", "BMP"])
def test_more_bytes_than_the_file_states_are_a_warning(kind: str) -> None:
    data = encoded(Image.fromarray(QUARTERS), kind)
    assert decode(data, None, Limits()).warnings == ()
    decoded = decode(data + bytes(40), None, Limits())
    assert decoded.warnings == ("it has 40 more bytes than it states",)


@pytest.mark.parametrize("kind", ["WEBP", "BMP", "PNG", "GIF", "TIFF"])
@pytest.mark.parametrize("count", [1, 50, 400])
def test_file_that_lost_its_middle_is_truncated(kind: str, count: int) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    for place in range(200, len(data) - count - 20, len(data) // 7):
        # The bytes that follow the gap may be taken for a size.
        assert reason_of(data[:place] + data[place + count :]) in (Reason.TRUNCATED, Reason.TOO_MANY_PIXELS)
