"""Small real files that failed once, with what FFmpeg shows of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sightline.media import Overlay, StreamReport, VideoInfo, annotate, decode, probe, sample_frames
from sightline.pose import detect_pose
from tests.sightline.media.ffmpeg import mean_power, mono
from tests.videos import annotated_copy, read_sound

Case = Callable[[str], Path]


@pytest.fixture
def case(shared_data: Callable[[str], Path]) -> Case:
    return lambda name: shared_data(f"cases/video/{name}")


@pytest.mark.parametrize(
    ("name", "seconds", "frames"),
    [
        ("pcm_stereo_in_avi.avi", 1.0, 10),
        ("mp3_11025hz.flv", 2.14, 50),
        ("edit_list_trim_end.mp4", 2.0, 50),
        ("subtitle_longer_than_video.mkv", 4.04, 97),
        ("resolution_shrinks.webm", 3.0, 75),
        ("display_matrix_hflip.mp4", 4.0, 97),
        ("anamorphic_sar_15_8.mp4", 3.02, 75),
        ("default_audio_is_second_track.mkv", 4.04, 97),
        ("one_bad_aac_packet.mp4", 4.0, 97),
    ],
)
def test_duration_and_frames_are_those_of_ffprobe(
    name: str, seconds: float, frames: int, case: Case, tmp_path: Path
) -> None:
    info = probe(case(name))
    assert info.duration == pytest.approx(seconds, abs=0.02)
    assert len(list(decode(info))) == frames
    copy = probe(annotated_copy(info, tmp_path))
    assert copy.duration == pytest.approx(seconds, abs=0.04)
    assert len(list(decode(copy))) == frames


@pytest.mark.parametrize("name", ["pcm_stereo_in_avi.avi", "mp3_11025hz.flv", "edit_list_trim_end.mp4"])
def test_sound_is_as_loud_as_that_of_ffmpeg(name: str, case: Case, tmp_path: Path) -> None:
    expected = mean_power(mono(case(name)))
    assert mean_power(read_sound(probe(case(name)))) == pytest.approx(expected, abs=1)
    assert mean_power(mono(annotated_copy(probe(case(name)), tmp_path))) == pytest.approx(expected, abs=1)


def first_pose(info: VideoInfo) -> np.ndarray:
    keypoints = detect_pose(next(sample_frames(info, 1, [])).rgb)
    assert keypoints is not None
    return keypoints


def test_mirrored_person_is_upright(case: Case) -> None:
    assert first_pose(probe(case("display_matrix_hflip.mp4")))[0, 1] == pytest.approx(128, abs=6), "y of the nose"


def test_person_in_non_square_pixels_has_natural_proportions(case: Case) -> None:
    info = probe(case("anamorphic_sar_15_8.mp4"))
    assert (info.width, info.height) == (270, 360)
    pose = first_pose(info)
    assert abs(pose[2, 0] - pose[5, 0]) == pytest.approx(146, abs=10), "between the shoulders"


def test_person_keeps_the_scale_when_the_picture_shrinks(case: Case) -> None:
    report = StreamReport()
    frames = list(sample_frames(probe(case("resolution_shrinks.webm")), 5, [], report))
    poses = [detect_pose(frame.rgb) for frame in frames]
    widths = [abs(pose[2, 0] - pose[5, 0]) for pose in poses if pose is not None]
    assert len(widths) > 12
    assert max(widths) < 1.25 * min(widths)
    assert report.scaled_frames == 37


def test_default_track_is_heard(case: Case) -> None:
    info = probe(case("default_audio_is_second_track.mkv"))
    assert info.audio
    assert info.audio.number == 1
    assert mean_power(read_sound(info)) > -40


def test_one_damaged_packet_costs_its_duration(case: Case) -> None:
    info = probe(case("one_bad_aac_packet.mp4"))
    [part] = info.audio_damage
    assert part.end - part.start == pytest.approx(1024 / 44_100, abs=1e-3)


def test_name_with_colons_is_a_file(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(case("12_30_05.mp4"), tmp_path / "12:30:05.mp4")
    monkeypatch.chdir(tmp_path)
    info = probe(Path("12:30:05.mp4"))
    assert len(list(decode(info))) == 15
    annotate(info, Overlay(duration=info.duration), Path("at 12:30:05.mp4"))
    assert os.path.getsize("at 12:30:05.mp4") > 1000  # noqa: PTH202
