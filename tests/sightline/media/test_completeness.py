"""Only direct evidence makes a file incomplete: its index, or bytes that it declares, are not there."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from sightline.media.completeness import missing_part
from tests.sightline.media.ffmpeg import run

CONTAINERS = {
    "mp4": ("-c:a", "aac"),
    "mov": ("-c:a", "aac"),
    "avi": ("-c:a", "libmp3lame"),
    "mkv": ("-c:a", "aac"),
    "webm": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"),
    "flv": ("-c:v", "flv", "-c:a", "libmp3lame"),
}


def write(path: Path, *options: str) -> Path:
    sound = ("-f", "lavfi", "-i", "sine=duration=2")
    picture = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=2")
    run(*picture, *sound, *CONTAINERS[path.suffix[1:]], *options, path)
    return path


@pytest.fixture(scope="module", params=CONTAINERS)
def complete(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete file in each container."""
    return write(tmp_path_factory.mktemp("complete") / f"v.{request.param}")


def test_complete_file_has_no_missing_part(complete: Path) -> None:
    assert missing_part(complete) is None


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_missing_bytes_are_counted(complete: Path, share: float, tmp_path: Path) -> None:
    data = complete.read_bytes()
    cut = tmp_path / f"cut{complete.suffix}"
    cut.write_bytes(data[: int(len(data) * share)])
    missing = missing_part(cut)
    assert missing is not None
    assert missing == "its index (moov) is not there" or missing.startswith(f"it has {cut.stat().st_size} of ")


def test_bytes_after_the_end_do_not_matter(complete: Path, tmp_path: Path) -> None:
    for rest in (bytes(100), b"\xff" * 100, b"a text that some recorders append" * 3):
        longer = tmp_path / f"longer{complete.suffix}"
        longer.write_bytes(complete.read_bytes() + rest)
        assert missing_part(longer) is None


def test_recording_without_an_index_is_incomplete(tmp_path: Path) -> None:
    data = write(tmp_path / "v.mp4").read_bytes()
    moov = data.index(b"moov") - 4
    path = tmp_path / "recording.mp4"
    path.write_bytes(data[:moov])
    assert missing_part(path) == "its index (moov) is not there"


def test_fragmented_file_needs_no_further_index(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mp4", "-movflags", "frag_keyframe+empty_moov")
    assert missing_part(path) is None
    path.write_bytes(path.read_bytes()[:-100])
    assert missing_part(path) is None or "bytes" in str(missing_part(path))


@pytest.mark.parametrize("options", [("-live", "1"), ("-live", "1", "-cluster_time_limit", "100")])
def test_streamed_matroska_is_complete_if_its_last_element_is(options: tuple[str, ...], tmp_path: Path) -> None:
    path = write(tmp_path / "v.mkv", *options)
    data = path.read_bytes()
    assert missing_part(path) is None
    missing = 0
    for end in range(len(data) - 400, len(data)):
        path.write_bytes(data[:end])
        missing += missing_part(path) is not None
    assert missing > 300, "few cuts are between two elements"


@pytest.mark.parametrize("declared", [0, 100, 0xFFFFFFFF])
def test_size_of_the_avi_file_that_a_recorder_did_not_correct_does_not_matter(declared: int, tmp_path: Path) -> None:
    path = write(tmp_path / "v.avi")
    data = bytearray(path.read_bytes())
    data[4:8] = struct.pack("<I", declared)
    path.write_bytes(data)
    assert missing_part(path) is None


@pytest.mark.parametrize("kind", [b"free", b"skip", b"uuid", b"udta"])
def test_incomplete_box_without_media_does_not_matter(kind: bytes, tmp_path: Path) -> None:
    path = write(tmp_path / "v.mp4")
    path.write_bytes(path.read_bytes() + struct.pack(">I", 5000) + kind + bytes(20))
    assert missing_part(path) is None
