"""Samples of more than 8 bits are scaled by what the file or the user declares, or the image is rejected."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from sightline.registry import ImageInput
from sightline.vision import Limits, Reason, Rejected, decode
from tests.images import encoded
from tests.tiffs import Tag, rows, tiff

CASES = Path("../shared/data/cases/images")
MAX, SMAX, SMIN = 281, 341, 340  # tags
RAMP = np.broadcast_to(np.linspace(0, 255, 64), (16, 64))


def grey(data: bytes, white: float | None = None) -> NDArray[np.uint8]:
    pixels = decode(data, None, Limits(white=white)).pixels
    assert (pixels[..., 0] == pixels[..., 1]).all()
    return pixels[..., 0]


def rejected(data: bytes, white: float | None = None) -> str:
    with pytest.raises(Rejected) as caught:
        decode(data, None, Limits(white=white))
    assert caught.value.reason is Reason.UNKNOWN_RANGE
    return caught.value.detail


def png16(values: NDArray[Any]) -> bytes:
    ok, data = cv2.imencode(
        ".png", values.astype(np.uint16)[..., ::-1] if values.ndim == 3 else values.astype(np.uint16)
    )
    assert ok
    return data.tobytes()


def with_significant_bits(png: bytes, *bits: int) -> bytes:
    chunk = b"sBIT" + bytes(bits)
    place = png.index(b"IHDR") + 4 + 13 + 4
    return png[:place] + struct.pack(">I", len(bits)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[place:]


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
@pytest.mark.parametrize("kind", ["PNG", "colour PNG", "TIFF", "colour TIFF", "big-endian TIFF", "negative TIFF"])
def test_few_bits_in_16_are_read_only_if_the_range_is_known(kind: str, bits: int) -> None:
    top = 2**bits - 1
    values = rows(top, "u2")
    colours = np.stack([values] * 3, -1)
    data = {
        "PNG": lambda: png16(values),
        "colour PNG": lambda: png16(colours),
        "TIFF": lambda: tiff(values),
        "colour TIFF": lambda: tiff(colours, 2),
        "big-endian TIFF": lambda: tiff(values, 1, ">"),
        "negative TIFF": lambda: tiff(values, 0),
    }[kind]()
    assert "IMAGE_WHITE" in rejected(data)
    expected = 255 - RAMP if "negative" in kind else RAMP
    assert np.abs(grey(data, top).astype(float) - expected).max() <= 1
    assert str(top) in rejected(data, top / 2)


@pytest.mark.parametrize(
    "tag", [(MAX, 3, [4095]), (SMAX, 3, [4095]), (SMAX, 12, [4095.0])], ids=["Max", "SMax", "SMax as double"]
)
@pytest.mark.parametrize("kind", ["u2", "i2", "i4", "u4", "f4", "f8"])
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_tiff_is_scaled_by_its_declared_maximum(photometric: int, kind: str, tag: Tag, share: float) -> None:
    data = tiff(rows(4095 * share, kind), photometric, "<", tag)
    if (kind, photometric) == ("u4", 0):
        with pytest.raises(Rejected, match="not supported"):
            decode(data, None, Limits())
        return
    expected = RAMP * share if photometric else 255 - RAMP * share
    assert np.abs(grey(data).astype(float) - expected).max() <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize(
    ("kind", "top"), [("u1", 255), ("u2", 65535), ("i2", 32767), ("i4", 2**31 - 1), ("f4", 1), ("f8", 1)]
)
def test_values_over_the_whole_range_need_no_declaration(kind: str, top: float, photometric: int, order: str) -> None:
    decoded = grey(tiff(rows(top, kind), photometric, order)).astype(float)
    assert np.abs(decoded - (RAMP if photometric else 255 - RAMP)).max() <= 1


def test_largest_value_of_the_image_is_no_range() -> None:
    """TIFF 6.0 defines MaxSampleValue as a statistic; a picture must not be brightened by its own maximum."""
    full = grey(tiff(rows(50_000, "u2"), 1, "<", (MAX, 3, [50_000])))
    assert full.max() == round(50_000 / 65535 * 255)
    rejected(tiff(rows(1000, "u2"), 1, "<", (MAX, 3, [1000])))


@pytest.mark.parametrize(
    ("kind", "top"),
    [("f4", 255), ("f8", 255), ("f4", 65535), ("f4", 0.4), ("i4", 255), ("i4", 65535), ("u4", 4095), ("i2", 4095)],
)
def test_wide_values_without_a_declaration_are_rejected(kind: str, top: float) -> None:
    data = tiff(rows(top, kind))
    rejected(data)
    assert np.abs(grey(data, top).astype(float) - RAMP).max() <= 1


@pytest.mark.parametrize("wrong", [-1.0, 2.0, np.inf, -np.inf])
def test_float_beyond_its_range_is_rejected(wrong: float) -> None:
    values = rows(1, "f4")
    values[3, 5] = wrong
    rejected(tiff(values))


def test_nan_is_black() -> None:
    values = rows(1, "f4")
    values[3, 60] = np.nan
    assert grey(tiff(values))[3, 60] == 0


def test_signed_values_start_at_the_declared_minimum() -> None:
    values = (rows(65535, "i4") - 32768).astype("i2")
    rejected(tiff(values))
    declared = tiff(values, 1, "<", (SMIN, 8, [-32768]), (SMAX, 8, [32767]))
    assert np.abs(grey(declared).astype(float) - RAMP).max() <= 1


@pytest.mark.parametrize("colour", [False, True])
def test_significant_bits_of_png_are_its_range_if_values_were_not_scaled(colour: bool) -> None:
    values, count = rows(4095, "u2"), 3 if colour else 1
    shaped = np.stack([values] * 3, -1) if colour else values
    unscaled = with_significant_bits(png16(shaped), *[12] * count)
    scaled = with_significant_bits(png16(shaped << 4 | shaped >> 8), *[12] * count)
    for data in (unscaled, scaled):
        assert np.abs(grey(data).astype(float) - RAMP).max() <= 1
    dark = with_significant_bits(png16((shaped // 20) << 4), *[12] * count)
    rejected(dark)


@pytest.mark.parametrize("kind", ["PNG", "colour PNG", "TIFF"])
@given(level=st.integers(0, 32767))
@settings(max_examples=20, deadline=None)
def test_one_dark_colour_of_16_bits_is_never_accepted(kind: str, level: int) -> None:
    values = np.full((8, 8, 3) if "colour" in kind else (8, 8), level, np.uint16)
    rejected(tiff(values) if kind == "TIFF" else png16(values))


@given(
    values=st.lists(st.integers(0, 65535), min_size=8, max_size=8).filter(lambda values: max(values) > 32767),
    colour=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_16_bits_are_the_high_bytes_of_the_values(values: list[int], colour: bool) -> None:
    row = np.array([values], np.uint16)
    shaped = np.stack([row] * 3, -1) if colour else row
    decoded = grey(png16(shaped))
    assert np.abs(decoded[0].astype(float) - row[0] / 257).max() <= 1


def test_model_declares_the_range_of_its_sensor() -> None:
    size = ImageInput(width=64, height=16, mean=(0, 0, 0), std=(1, 1, 1), white=4095)
    decoded = decode(png16(rows(4095, "u2")), size, Limits(white=255)).pixels[..., 0]
    assert np.abs(decoded.astype(float) - RAMP).max() <= 1


def test_transparent_grey_of_16_bits_becomes_white() -> None:
    values = rows(65535, "u2")
    data = encoded(Image.fromarray(values), transparency=int(values[0, 20]))
    decoded = grey(data)
    assert (decoded[:, 20] == 255).all()
    assert np.abs(np.delete(decoded.astype(float) - RAMP, 20, axis=1)).max() <= 1


@pytest.mark.skipif(not CASES.exists(), reason=f"{CASES} is not on this machine")
class TestReportedCases:
    def test_grey_of_12_bits_in_16_is_rejected_or_read_by_its_range(self) -> None:
        data = (CASES / "grey12in16.png").read_bytes()
        rejected(data)
        decoded, stored = grey(data, 4095), np.asarray(Image.open(CASES / "grey12in16.png")).astype(float)
        assert np.abs(decoded - stored / 4095 * 255).max() <= 1

    def test_white_is_zero_is_the_same_picture_with_8_and_16_bits(self) -> None:
        wide, narrow = (
            grey((CASES / f"tiff_whiteiszero_{name}.tif").read_bytes()).astype(float)
            for name in ("16bit", "8bit_same_picture")
        )
        assert np.abs(wide - narrow).max() <= 1
