"""Colour profiles are applied, as by LittleCMS; one that cannot be is a warning of that image."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from sightline.registry import ImageInput
from sightline.vision import Limits, decode
from tests.images import INPUT, encoded
from tests.sightline.vision.test_decode import scene

CASE = Path("../shared/data/cases/images/icc_rb_swapped.png")
PHOTO = scene(48, 32)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def swapped_profile() -> bytes:
    """Return the profile of sRGB with the primaries of red and blue exchanged."""
    profile = bytearray(SRGB.tobytes())
    tags = {
        bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12)
    }
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = profile[blue : blue + 4], profile[red : red + 4]
    return bytes(profile)


SWAPPED = swapped_profile()


def managed(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        converted = ImageCms.profileToProfile(image.convert("RGB"), profile, ImageCms.createProfile("sRGB"))
        assert converted is not None
        return np.asarray(converted, int)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_profile_is_applied(kind: str, mode: str) -> None:
    if (mode == "RGBA" and kind == "JPEG") or (mode == "P" and kind not in ("PNG", "TIFF")):
        pytest.skip(f"{kind} has no {mode}")
    source = PHOTO.convert("P", palette=Image.Palette.ADAPTIVE) if mode == "P" else PHOTO.convert(mode)
    data = encoded(source, kind, icc_profile=SWAPPED)
    decoded = decode(data, None, Limits())
    assert decoded.warnings == ()
    assert np.abs(decoded.pixels - managed(data)).max() <= 2
    plain = decode(encoded(source, kind), None, Limits()).pixels
    assert np.abs(decoded.pixels.astype(int) - plain[..., ::-1]).mean() < 3


def test_profile_of_srgb_changes_nothing() -> None:
    plain, tagged = (encoded(PHOTO, icc_profile=profile) for profile in (None, SRGB.tobytes()))
    assert np.array_equal(decode(plain, None, Limits()).pixels, decode(tagged, None, Limits()).pixels)


def test_grey_profile_is_applied() -> None:
    """Its curve is that of linear light, so that the middle becomes lighter."""
    profile = grey_profile()
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None].repeat(8, 0))
    data = encoded(ramp, icc_profile=profile)
    expected = ImageCms.profileToProfile(
        ramp, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    decoded = decode(data, None, Limits())
    assert np.abs(decoded.pixels - np.asarray(expected, int)).max() <= 1
    assert decoded.pixels[0, 55, 0] > 120


def grey_profile() -> bytes:
    """Return a profile of grey with a gamma of 1: sRGB's with its white point and one curve."""
    import struct

    def tag(kind: bytes, body: bytes) -> bytes:
        return kind + bytes(4) + body

    tags = {
        b"wtpt": tag(b"XYZ ", struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)),
        b"kTRC": tag(b"curv", struct.pack(">I", 0)),
        b"desc": tag(b"desc", struct.pack(">I", 2) + b"g\0" + bytes(78)),
        b"cprt": tag(b"text", b"CC0\0"),
    }
    place, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, place + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = bytearray(SRGB.tobytes()[:128])
    head[:4] = struct.pack(">I", place + len(body))
    head[8:12], head[16:20], head[20:24] = bytes([2, 0x10, 0, 0]), b"GRAY", b"XYZ "
    return bytes(head) + table + body


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    "profile",
    [b"no profile at all", SWAPPED[:200], grey_profile(), bytes(500)],
    ids=["text", "cut", "of grey", "zeros"],
)
def test_profile_that_cannot_be_applied_is_a_warning(kind: str, profile: bytes) -> None:
    decoded = decode(encoded(PHOTO, kind, icc_profile=profile), None, Limits())
    assert len(decoded.warnings) == 1
    assert "ICC profile is ignored" in decoded.warnings[0]
    assert np.array_equal(decoded.pixels, decode(encoded(PHOTO, kind), None, Limits()).pixels)


def test_profile_is_applied_to_a_reduced_and_turned_jpeg() -> None:
    size = ImageInput(width=24, height=48, mean=INPUT.mean, std=INPUT.std)
    metadata = Image.Exif()
    metadata[0x0112] = 6
    turned = [
        decode(encoded(scene(640, 320), "JPEG", quality=95, exif=metadata, icc_profile=profile), size, Limits()).pixels
        for profile in (None, SWAPPED)
    ]
    assert turned[0].shape == (48, 24, 3)
    assert np.abs(turned[1].astype(int) - turned[0][..., ::-1]).mean() < 2


@pytest.mark.skipif(not CASE.exists(), reason=f"{CASE} is not on this machine")
def test_reported_file_is_blue() -> None:
    pixels = decode(CASE.read_bytes(), None, Limits()).pixels
    assert np.abs(pixels - managed(CASE.read_bytes())).max() <= 1
    assert pixels[..., 2].mean() > pixels[..., 0].mean() + 100


class TestWarningsOfLibraries:
    DAMAGED = encoded(PHOTO, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\3\0\xff\xff\xff\0\xff\xff\xff\0")

    def test_they_are_those_of_their_image(self, recwarn: pytest.WarningsRecorder) -> None:
        images = [self.DAMAGED, encoded(PHOTO, "JPEG")] * 20
        with ThreadPoolExecutor(8) as pool:
            warnings = list(pool.map(lambda data: decode(data, None, Limits()).warnings, images))
        assert all(warning == ("Truncated File Read",) for warning in warnings[::2])
        assert not any(warnings[1::2])
        assert not list(recwarn)

    def test_warnings_of_others_are_shown(self) -> None:
        import warnings

        decode(self.DAMAGED, None, Limits())
        with pytest.warns(UserWarning, match="of somebody else"):
            warnings.warn("of somebody else", UserWarning, stacklevel=1)
