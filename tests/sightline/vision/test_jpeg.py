"""A JPEG that lost any part of its compressed data is rejected, even if its end is there."""

from __future__ import annotations

import io
import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightline.vision import Limits, Reason, Rejected, decode
from tests.images import INPUT, encoded
from tests.sightline.vision.test_decode import scene
from tests.tiffs import Tag, rows, tiff

CASE = Path("../shared/data/cases/images/jpeg_half_scan_lost_eoi_kept.jpg")
PHOTO = scene(320, 240)
SCANS = re.compile(rb"\xff\xda")

VARIANTS = {
    "baseline": encoded(PHOTO, "JPEG", quality=90),
    "grey": encoded(PHOTO.convert("L"), "JPEG", quality=90),
    "CMYK": encoded(PHOTO.convert("CMYK"), "JPEG", quality=90),
    "progressive": encoded(PHOTO, "JPEG", quality=90, progressive=True),
    "restart intervals": encoded(PHOTO, "JPEG", quality=90, restart_marker_rows=1),
    "MPO": encoded(PHOTO, "MPO", quality=90, save_all=True, append_images=[PHOTO.resize((32, 24))]),
}


def reason_of(data: bytes) -> Reason | None:
    try:
        decode(data, INPUT, Limits())
    except Rejected as rejected:
        return rejected.reason
    return None


@pytest.mark.parametrize("kind", VARIANTS)
def test_complete_file_is_read_without_a_warning(kind: str) -> None:
    decoded = decode(VARIANTS[kind], None, Limits())
    assert decoded.warnings == ()
    with Image.open(io.BytesIO(VARIANTS[kind])) as image:
        expected = np.asarray(image.convert("RGB"), int)
    assert np.abs(decoded.pixels - expected).max() <= 1


@pytest.mark.parametrize("kind", VARIANTS)
@pytest.mark.parametrize("replaced_by", ["nothing", "zeros", "noise"])
def test_file_that_lost_its_middle_is_truncated(kind: str, replaced_by: str) -> None:
    data = VARIANTS[kind]
    end = data.index(b"\xff\xd9")
    start = next(match.start() for match in SCANS.finditer(data)) + 20
    accepted = 0
    for seed in range(20):
        chance = random.Random(seed)
        first = chance.randrange(start, end - 600)
        count = chance.randrange(500, end - first)
        filler = {"nothing": b"", "zeros": bytes(count), "noise": chance.randbytes(count)}[replaced_by]
        accepted += reason_of(data[:first] + filler + data[first + count :]) is not Reason.TRUNCATED
    # Noise can contain markers, and damage in it may look like a picture to any decoder.
    assert accepted <= (1 if replaced_by == "noise" else 0)


def _segments(data: bytes) -> list[bytes]:
    """Return the head of a progressive JPEG, every scan with its tables, and the end marker."""
    starts = [match.start() for match in SCANS.finditer(data)]
    return [
        data[: starts[0]],
        *(data[a:b] for a, b in zip(starts, [*starts[1:], len(data) - 2], strict=True)),
        data[-2:],
    ]


@pytest.mark.parametrize("lost", range(1, 11))
def test_progressive_file_without_one_of_its_scans_is_truncated(lost: int) -> None:
    parts = _segments(VARIANTS["progressive"])
    assert len(parts) == 12
    # The tables of the next scan are at the end of this one.
    tables = parts[lost].find(b"\xff\xc4")
    parts[lost] = parts[lost][tables:] if tables >= 0 else b""
    data = b"".join(parts)
    with Image.open(io.BytesIO(data)) as image:
        image.load()  # Pillow reads it.
    assert reason_of(data) is Reason.TRUNCATED


@given(place=st.floats(0, 1), count=st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_lost_restart_interval_is_truncated(place: float, count: int) -> None:
    """Eight intervals are a full cycle of the numbers of restart markers, so that the numbers remain in order."""
    data = VARIANTS["restart intervals"]
    marks = [match.start() for match in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    first = round(place * (len(marks) - count - 1))
    assert reason_of(data[: marks[first]] + data[marks[first + count] :]) is Reason.TRUNCATED


def test_bytes_between_the_last_block_and_the_end_are_reported() -> None:
    """Zeros in place of lost data end in the same warning, so the picture is not known to be complete."""
    data = VARIANTS["baseline"]
    assert reason_of(data[:-2] + bytes(200) + data[-2:]) is Reason.TRUNCATED


def test_data_after_the_end_is_ignored() -> None:
    assert reason_of(VARIANTS["baseline"] + bytes(100)) is None


def test_oddity_of_the_header_is_a_warning() -> None:
    data = VARIANTS["baseline"].replace(b"JFIF\0\1", b"JFIF\0\7")
    decoded = decode(data, None, Limits())
    assert "not checked for lost data" in decoded.warnings[0]
    assert np.array_equal(decoded.pixels, decode(VARIANTS["baseline"], None, Limits()).pixels)


def test_damaged_jpeg_in_a_tiff_is_truncated() -> None:
    whole = encoded(scene(400, 300), "TIFF", compression="jpeg", quality=90)
    assert reason_of(whole) is None
    damaged = bytearray(whole)
    middle = len(whole) // 2
    damaged[middle : middle + 800] = bytes(800)
    with Image.open(io.BytesIO(bytes(damaged))) as image:
        image.load()  # Pillow reads it.
    assert reason_of(bytes(damaged)) is Reason.TRUNCATED


@pytest.mark.skipif(not CASE.exists(), reason=f"{CASE} is not on this machine")
def test_reported_file_is_truncated() -> None:
    assert reason_of(CASE.read_bytes()) is Reason.TRUNCATED


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["u2", "f4"])
@pytest.mark.parametrize("colour", [False, True])
def test_deep_tiff_is_turned_upright(colour: bool, kind: str, orientation: int) -> None:
    values = rows(65535 if kind == "u2" else 1, kind).copy()
    values[:8] = 0
    stored = np.stack([values] * 3, -1) if colour else values
    tag: Tag = (274, 3, [orientation])
    reference = tiff((stored / (257 if kind == "u2" else 1 / 255)).astype("u1"), 2 if colour else 1, "<", tag)
    decoded = decode(
        tiff(
            stored, 2 if colour else 1, "<", tag, (341, 12, [65535.0 if kind == "u2" else 1.0] * (3 if colour else 1))
        ),
        None,
        Limits(),
    )
    with Image.open(io.BytesIO(reference)) as image:
        image.load()  # This turns it.
        expected = np.asarray(image.convert("RGB"), int)
    assert decoded.pixels.shape == expected.shape
    assert np.abs(decoded.pixels - expected).max() <= 1
