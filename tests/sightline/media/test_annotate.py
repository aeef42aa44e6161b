from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sightline.errors import InvalidMedia
from sightline.media import (
    FaceSeries,
    Heads,
    Overlay,
    PeopleSeries,
    PersonSample,
    TimedLabel,
    VideoInfo,
    annotate,
    decode,
    probe,
    sample_frames,
)
from tests.videos import FORMATS, damage, make_video

PLAIN = Overlay(duration=1.0)


def annotated(source: Path, overlay: Overlay = PLAIN) -> VideoInfo:
    output = source.parent / "annotated.mp4"
    annotate(probe(source), overlay, output)
    return probe(output)


def first_frame(info: VideoInfo) -> np.ndarray:
    return next(iter(sample_frames(info, 1, []))).rgb.astype(int)


@pytest.mark.parametrize("name", FORMATS)
def test_every_container_becomes_h264_in_mp4_with_its_sound(name: str, tmp_path: Path) -> None:
    """The original wrote mp4v, dropped the sound, and could not process .webm and .flv."""
    codec, sound = FORMATS[name]
    source = make_video(tmp_path / name, codec=codec, sound=sound)
    info = annotated(source)
    assert info.video_codec == "h264"
    assert info.audio_codec == {None: None, "aac": "aac", "mp3": "mp3float", "libopus": "aac"}[sound]
    assert info.duration == pytest.approx(probe(source).duration, abs=0.03)


def test_mp4_index_precedes_the_data_for_streaming(tmp_path: Path) -> None:
    data = annotated(make_video(tmp_path / "clip.mp4")).path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_mp4_compatible_sound_is_copied_bit_by_bit(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 48_000)
    source = make_video(tmp_path / "clip.mov", sound="aac", samples=noise)

    def packets(path: Path) -> list[tuple[int, bytes]]:
        with av.open(str(path)) as container:
            return [(p.pts, bytes(p)) for p in container.demux(audio=0) if p.size]

    assert packets(annotated(source).path) == packets(source)


def test_variable_frame_times_are_preserved(tmp_path: Path) -> None:
    ticks = [0, 17, 18, 240, 241, 900, 1400, 1401]
    source = make_video(tmp_path / "phone.mkv", frames=len(ticks), ticks=ticks, clock=Fraction(1, 1000))
    times = [time for _, time, _ in decode(annotated(source))]
    assert times == pytest.approx([tick / 1000 for tick in ticks], abs=1e-6)


@pytest.mark.parametrize("rotation", [0, 90, -90, 180])
def test_rotated_recording_is_annotated_upright(rotation: int, tmp_path: Path) -> None:
    source = make_video(tmp_path / "phone.mp4", rotation=rotation, size=(160, 96))
    before, info = first_frame(probe(source)), annotated(source)
    after = first_frame(info)
    assert after.shape == before.shape
    upper = slice(0, before.shape[0] // 3)  # above the banner
    assert np.abs(after[upper] - before[upper]).mean() < 6


def test_odd_dimensions_are_padded_by_one_pixel(tmp_path: Path) -> None:
    source = make_video(tmp_path / "odd.webm", codec="libvpx-vp9", size=(161, 121))
    before, after = first_frame(probe(source)), first_frame(annotated(source))
    assert before.shape == (121, 161, 3)
    assert after.shape == (122, 162, 3)
    assert np.abs(after[:40, :161] - before[:40]).mean() < 6


def test_video_of_one_frame_is_annotated(tmp_path: Path) -> None:
    info = annotated(make_video(tmp_path / "one.mp4", frames=1), Overlay(duration=0.0))
    assert len(list(decode(info))) == 1


def test_banner_covers_only_the_lower_edge(tmp_path: Path) -> None:
    source = make_video(tmp_path / "clip.mp4", size=(320, 240))
    overlay = Overlay(1.0, [TimedLabel(0, 1, "happy", (240, 228, 66))], [TimedLabel(0, 1, "Anna is happy")], ["Anna"])
    change = np.abs(first_frame(annotated(source, overlay)) - first_frame(probe(source))).mean(axis=2)
    assert change[:170].mean() < 4
    assert change[190:].mean() > 15


def test_progress_bar_grows_from_left_to_right(tmp_path: Path) -> None:
    source = make_video(tmp_path / "clip.mp4", size=(320, 240), frames=30)
    info = annotated(source, Overlay(1.0, [TimedLabel(0, 2, "happy", (240, 228, 66))]))
    filled = [
        int((frame.rgb[-1, :, 0].astype(int) - frame.rgb[-1, :, 2] > 60).sum()) for frame in sample_frames(info, 4, [])
    ]
    assert filled == sorted(filled)
    assert filled[0] < 20
    assert filled[-1] == pytest.approx(320 * 0.75, abs=25)


def test_skeleton_is_drawn_in_its_colour_at_confident_points(tmp_path: Path) -> None:
    source = make_video(tmp_path / "clip.mp4", size=(320, 240))
    poses = PeopleSeries([(0, 1, (0, 114, 255)), (0, 2, (0, 255, 0))], period=1.0)
    poses.add(0.0, {1: PersonSample(np.array([[150, 20, 1], [150, 150, 1], [300, 20, 0.2]], np.float32))})
    poses.end()
    after = first_frame(annotated(source, Overlay(1.0, poses=poses)))
    red, green, blue = after[85, 150]
    assert blue > red + 60, "the line between the two confident points"
    assert green < 140, "no line to a point of low confidence"
    assert np.abs(after[20, 220] - first_frame(probe(source))[20, 220]).max() < 25


def test_blur_removes_features_inside_the_box_only(tmp_path: Path) -> None:
    board = (np.indices((240, 320)).sum(axis=0) // 8 % 2 * 200 + 20).astype(np.uint8)
    source = make_video(tmp_path / "clip.mp4", frames=[np.repeat(board[..., None], 3, 2)] * 10)
    faces = FaceSeries(reach=0.5)
    faces.add(0.0, Heads(np.array([[40, 40, 120, 120]], np.float32), np.zeros(1, np.int64)))
    faces.end()
    after = first_frame(annotated(source, Overlay(0.3, faces=faces)))
    assert after[48:112, 48:112].std() < 12
    assert after[130:180, 40:120].std() > 80


def test_damaged_video_raises_an_error(tmp_path: Path) -> None:
    """On any error, the original copied the raw video into annotated/."""
    source = damage(make_video(tmp_path / "v.mp4", frames=60, size=(320, 240)))
    with pytest.raises(
        InvalidMedia, match=r"it is damaged: \d\.\d\d of 2\.00 s of its picture cannot be decoded, at \d\.\d\d-"
    ):
        annotate(probe(source), PLAIN, tmp_path / "out.mp4")


def test_annotation_progress_rises_to_one(tmp_path: Path) -> None:
    shares: list[float] = []
    annotate(probe(make_video(tmp_path / "clip.mp4")), PLAIN, tmp_path / "out.mp4", shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0, abs=0.05)
