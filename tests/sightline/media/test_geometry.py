"""Frames are shown as FFmpeg's command line shows them, with square pixels."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.media import Overlay, StreamReport, annotate, decode, probe, sample_frames
from sightline.media.geometry import upright_size
from tests.sightline.media.ffmpeg import run
from tests.videos import make_video

ONE = 1 << 16  # 1 in a display matrix
ORIENTATIONS = {
    f"{a}{b}{c}{d}": (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)
    for a, b, c, d in itertools.product((-1, 0, 1), repeat=4)
    if abs(a * d - b * c) == 1 and a * b == 0 == c * d
}


def scene(width: int, height: int) -> np.ndarray:
    """Return a picture without any symmetry."""
    y, x = np.indices((height, width))
    image = np.stack([x * 200 // width, y * 200 // height, (x + y) * 100 // (width + height)], 2).astype(np.uint8)
    image[height // 8 : height // 3, width // 8 : width // 4] = (255, 255, 255)
    return image


def write(path: Path, *, matrix: tuple[int, ...] | None = None, aspect: Fraction | None = None) -> Path:
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 240, 160, "yuv420p"
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        stream.set_display_matrix(matrix)
        for _ in range(3):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(scene(240, 160), format="rgb24")))
        target.mux(stream.encode(None))
    return path


def shown_by_ffmpeg(path: Path, width: int, height: int) -> np.ndarray:
    """Return the first frame as the command line shows it, scaled to square pixels."""
    scaled = ("-frames:v", "1", "-vf", f"scale={width}:{height}", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    raw = run("-i", path, *scaled)
    return np.frombuffer(raw, np.uint8).reshape(height, width, 3)


@pytest.mark.parametrize("aspect", [None, Fraction(15, 8), Fraction(8, 9)], ids=str)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_frames_are_upright_with_square_pixels(orientation: str, aspect: Fraction | None, tmp_path: Path) -> None:
    assert len(ORIENTATIONS) == 8
    path = write(tmp_path / "v.mp4", matrix=ORIENTATIONS[orientation], aspect=aspect)
    info = probe(path)
    long, short = 240 * (aspect or 1), 160
    displayed = Fraction(short) / long if ORIENTATIONS[orientation][0] == 0 else long / short
    assert info.width / info.height == pytest.approx(float(displayed), rel=0.01)
    assert info.width * info.height >= 240 * 160, "no detail is lost"
    expected = shown_by_ffmpeg(path, info.width, info.height).astype(int)
    frame = next(sample_frames(info, 100, []))
    assert frame.rgb.shape == expected.shape
    assert np.abs(frame.rgb - expected).mean() < 3
    annotate(info, Overlay(duration=0), tmp_path / "annotated.mp4")
    copy = shown_by_ffmpeg(tmp_path / "annotated.mp4", info.width, info.height)
    upper = slice(0, info.height // 3)  # above the banner
    assert np.abs(copy[upper].astype(int) - expected[upper]).mean() < 4


@pytest.mark.parametrize("degrees", [30, 200])
def test_oblique_rotation_is_that_of_ffmpeg(degrees: int, tmp_path: Path) -> None:
    c, s = round(ONE * math.cos(math.radians(degrees))), round(ONE * math.sin(math.radians(degrees)))
    path = write(tmp_path / "v.mp4", matrix=(c, s, 0, -s, c, 0, 0, 0, 1 << 30))
    frame = next(sample_frames(probe(path), 100, []))
    assert np.abs(frame.rgb.astype(int) - shown_by_ffmpeg(path, 240, 160)).mean() < 3


def test_empty_display_matrix_is_ignored(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mp4", matrix=(0, 0, 0, 0, 0, 0, 0, 0, 1 << 30))
    frame = next(sample_frames(probe(path), 100, []))
    assert np.abs(frame.rgb.astype(int) - scene(240, 160)).mean() < 5


def resized(path: Path, sizes: list[tuple[int, int]]) -> Path:
    """Write a recording whose picture size changes, as that of a video call: the segments of several files in one."""
    parts = []
    for number, (width, height) in enumerate(sizes):
        frames = [scene(width, height)] * 5
        parts.append(make_video(path.parent / f"{number}.webm", frames=frames, codec="libvpx"))
    with av.open(str(path), "w") as target:
        output = None
        for number, part in enumerate(parts):
            with av.open(str(part)) as source:
                output = output or target.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.dts is not None:
                        shift = round(Fraction(number, 6) / packet.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = output
                        target.mux(packet)
    return path


def test_later_frames_are_scaled_to_the_first_size(tmp_path: Path) -> None:
    info, report = probe(resized(tmp_path / "call.webm", [(120, 80), (60, 40), (180, 120)])), StreamReport()
    assert (info.width, info.height) == (120, 80)
    frames = list(sample_frames(info, 100, [], report))
    assert len(frames) == 15
    for frame in frames:
        assert np.abs(frame.rgb.astype(int) - scene(120, 80)).mean() < 8
    assert report.scaled_frames == 10
    assert list(report.warnings()) == ["10 frames have another size than the first one; they were scaled"]


def test_frames_of_another_shape_are_not_distorted(tmp_path: Path) -> None:
    info = probe(resized(tmp_path / "call.webm", [(120, 80), (80, 120)]))
    turned = list(sample_frames(info, 100, []))[-1].rgb.astype(int)
    width = round(80 * 80 / 120)
    left = (120 - width) // 2
    assert turned[:, : left - 2].max() < 20, "black bars"
    assert turned[:, left + width + 2 :].max() < 20
    inside = turned[:, left + 2 : left + width - 2]
    assert inside.mean() == pytest.approx(scene(80, 120).mean(), abs=8)


def test_annotated_copy_of_a_recording_with_several_sizes_has_one(tmp_path: Path) -> None:
    info = probe(resized(tmp_path / "call.webm", [(120, 80), (60, 40)]))
    annotate(info, Overlay(duration=0), tmp_path / "annotated.mp4")
    assert {(frame.width, frame.height) for _, _, frame in decode(probe(tmp_path / "annotated.mp4"))} == {(120, 80)}


@given(
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    aspect=st.none() | st.fractions(min_value=-1, max_value=200, max_denominator=200),
)
def test_square_size_has_the_displayed_shape_and_fits_the_encoder(
    width: int, height: int, aspect: Fraction | None
) -> None:
    frame = av.VideoFrame(16, 16)

    class Sized:
        def __init__(self) -> None:
            self.width, self.height, self.side_data = width, height, frame.side_data

    size = upright_size(Sized(), aspect)
    assert 1 <= size.width <= 16_384
    assert 1 <= size.height <= 16_384
    shape = Fraction(width, height) * (aspect if aspect and aspect > 0 else 1)
    assert abs(size.width - size.height * shape) <= 0.5 * (1 + shape) or min(size.width, size.height) == 1
