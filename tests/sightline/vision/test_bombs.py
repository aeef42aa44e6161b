"""A small file that declares an enormous image is rejected before its pixels are decoded."""

from __future__ import annotations

import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image, ImageFile, TiffImagePlugin

from sightline.vision import Limits, Reason, Rejected, decode
from tests.images import INPUT, encoded, png_of_size


def gif(screen: tuple[int, int], frame: tuple[int, int]) -> bytes:
    data = bytearray(encoded(Image.new("P", (10, 10)), "GIF"))
    struct.pack_into("<HH", data, 6, *screen)
    struct.pack_into("<HH", data, data.index(b"\x2c") + 5, *frame)
    return bytes(data)


def bmp(width: int, height: int) -> bytes:
    data = bytearray(encoded(Image.new("RGB", (10, 10)), "BMP"))
    struct.pack_into("<ii", data, 18, width, height)
    return bytes(data)


def tiff(width: int, height: int, tile: tuple[int, int] | None = None, samples: int = 1) -> bytes:
    """Return a TIFF file of black pixels with only the first MiB of its data."""
    packed = zlib.compress(bytes(1 << 20), 9)
    tags = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 277: samples}
    tags |= {322: tile[0], 323: tile[1], 324: 0, 325: len(packed)} if tile else {273: 0, 278: height, 279: len(packed)}
    start = 8 + 2 + 12 * len(tags) + 4
    tags[324 if tile else 273] = start
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + packed


def webp(width: int, height: int) -> bytes:
    data = bytearray(encoded(Image.new("RGB", (10, 10)), "WEBP", lossless=True))
    place = data.index(b"VP8L") + 9
    (bits,) = struct.unpack_from("<I", data, place)
    struct.pack_into("<I", data, place, (bits & ~0xFFFFFFF) | (width - 1) | (height - 1) << 14)
    return bytes(data)


BOMBS = {
    "PNG of 50,000 x 50,000": png_of_size(50_000, 50_000),
    "PNG of 2^31 pixels in a row": png_of_size(2**31 - 1, 1),
    "PNG a little above the limit": png_of_size(10_000, 8_001),
    "GIF with a huge screen": gif((60_000, 60_000), (10, 10)),
    "GIF with a huge first frame": gif((10, 10), (60_000, 60_000)),
    "GIF with a frame above the limit": gif((10, 10), (9_000, 9_000)),
    "BMP of 100,000 x 100,000": bmp(100_000, 100_000),
    "BMP that stands upside down": bmp(20_000, -20_000),
    "TIFF of 60,000 x 60,000": tiff(60_000, 60_000),
    "TIFF with huge tiles of a small image": tiff(64, 64, tile=(32_768, 32_768)),
    "TIFF with tiles above the limit": tiff(64, 64, tile=(16_384, 16_384)),
    "WebP of 16,000 x 16,000": webp(16_000, 16_000),
}


@pytest.fixture
def nothing_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: Image.Image) -> Any:
        pytest.fail(f"{self.size} was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "load", load)


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.usefixtures("nothing_is_decoded")
def test_decompression_bomb_is_rejected_before_decoding(name: str) -> None:
    assert len(BOMBS[name]) < 50_000
    with pytest.raises(Rejected) as caught:
        decode(BOMBS[name], INPUT, Limits())
    assert caught.value.reason is Reason.TOO_MANY_PIXELS
    assert "limit" in caught.value.detail


def test_image_at_the_pixel_limit_is_read() -> None:
    data = encoded(Image.new("RGB", (100, 50)))
    assert decode(data, INPUT, Limits(pixels=5_000)).pixels.shape == (32, 32, 3)
    with pytest.raises(Rejected, match="100 x 50 pixels, the limit is 4999"):
        decode(data, INPUT, Limits(pixels=4_999))


def test_ordinary_tiles_are_read() -> None:
    assert decode(tiff(64, 64, tile=(1024, 1024)), None, Limits()).pixels.shape == (64, 64, 3)


@pytest.mark.parametrize("samples", [60_000, 2**31])
def test_excessive_samples_per_pixel_are_damage(samples: int) -> None:
    with pytest.raises(Rejected) as caught:
        decode(tiff(64, 64, samples=samples), INPUT, Limits())
    assert caught.value.reason in (Reason.TRUNCATED, Reason.NOT_AN_IMAGE)


def test_metadata_larger_than_memory_is_damage() -> None:
    file = encoded(Image.new("RGB", (8, 8)))
    text = b"Comment\0\0" + zlib.compress(bytes(80_000_000), 1)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    with pytest.raises(Rejected) as caught:
        decode(file[:33] + chunk + file[33:], INPUT, Limits())
    assert caught.value.reason is Reason.TRUNCATED


def test_large_images_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight threads that decode 80 million pixels at the same time would need about 10 GB."""
    decoding, most, lock = 0, 0, threading.Lock()
    real = ImageFile.ImageFile.load

    def load(self: ImageFile.ImageFile) -> Any:
        nonlocal decoding, most
        with lock:
            decoding += 1
            most = max(most, decoding)
        try:
            return real(self)
        finally:
            with lock:
                decoding -= 1

    data = encoded(Image.new("L", (4096, 4096)), "PNG")
    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with ThreadPoolExecutor(4) as pool:
        shapes = [decoded.pixels.shape for decoded in pool.map(lambda _: decode(data, INPUT, Limits()), range(4))]
    assert (shapes, most) == ([(32, 32, 3)] * 4, 1)


def test_large_jpeg_decoded_small_does_not_wait() -> None:
    """At an eighth of its size it is a small image."""
    from sightline.vision.decode import _large_image_lock

    with _large_image_lock:
        data = encoded(Image.new("L", (8192, 4096)), "JPEG")
        assert decode(data, INPUT, Limits()).pixels.shape == (32, 32, 3)
