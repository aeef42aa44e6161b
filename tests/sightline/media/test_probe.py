from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from sightline.errors import InvalidMedia
from sightline.media import probe
from tests.videos import FORMATS, make_video


@pytest.fixture(scope="module", params=FORMATS)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    codec, sound = FORMATS[request.param]
    return make_video(tmp_path_factory.mktemp("formats") / request.param, codec=codec, sound=sound)


def test_every_container_is_read_with_any_extension_case(video: Path) -> None:
    info = probe(video)
    assert (info.width, info.height) == (96, 64)
    # AVI has no presentation times: its frames are later by the delay of the decoder.
    assert info.duration == pytest.approx(1.0, abs=0.09 if video.suffix == ".avi" else 0.06)
    assert info.frame_rate == pytest.approx(30, rel=0.01)
    assert (info.audio_codec is None) == (FORMATS[video.name][1] is None)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.97])
def test_truncated_video_is_rejected_at_any_length(video: Path, share: float, tmp_path: Path) -> None:
    data = video.read_bytes()
    broken = tmp_path / video.name
    broken.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InvalidMedia, match=r"incomplete|not a readable video|has no frames") as caught:
        probe(broken)
    assert caught.value.subject == str(broken)


def test_truncated_faststart_mp4_is_rejected(tmp_path: Path) -> None:
    complete = make_video(tmp_path / "clip.mp4", frames=60, options={"movflags": "+faststart"})
    data = complete.read_bytes()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data[:-200])
    with pytest.raises(InvalidMedia, match=rf"it is incomplete: it has {len(data) - 200} of {len(data)} bytes"):
        probe(broken)


def test_empty_file_is_rejected(tmp_path: Path) -> None:
    empty = tmp_path / "clip.mp4"
    empty.touch()
    with pytest.raises(InvalidMedia, match=r"clip\.mp4: the file is empty \(0 bytes\)"):
        probe(empty)


def test_missing_file_is_rejected_under_its_uri(tmp_path: Path) -> None:
    with pytest.raises(InvalidMedia, match=r"^s3://videos/ana/clip\.mp4: there is no such file"):
        probe(tmp_path / "clip.mp4", uri="s3://videos/ana/clip.mp4")


def test_other_file_types_named_mp4_are_rejected(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("Dear diary, " * 500)
    photo = tmp_path / "photo.mp4"
    Image.new("RGB", (64, 64)).save(photo, "JPEG")
    playlist = tmp_path / "playlist.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{text}\n")
    for path in (text, photo, playlist):
        with pytest.raises(InvalidMedia, match="it is not a readable video"):
            probe(path)


def test_unsupported_extension_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidMedia, match=r"its name ends in \.txt\. Provide an MP4"):
        probe(tmp_path / "clip.txt")


def test_sound_with_a_cover_image_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as target:
        audio = target.add_stream("aac", rate=48_000, layout="mono")
        cover = target.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48_000
        target.mux(audio.encode(frame))
        target.mux(audio.encode(None))
        target.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        target.mux(cover.encode(None))
    with pytest.raises(InvalidMedia, match="it has no video stream"):
        probe(path)


def test_video_over_the_limit_is_rejected_with_the_setting_to_raise(tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.mp4", frames=60)
    with pytest.raises(InvalidMedia, match=r"lasts 2 s, the limit is 1 s\. Cut it, or raise MAX_VIDEO_SECONDS"):
        probe(path, max_seconds=1.0)
    assert probe(path, max_seconds=2.0).duration == pytest.approx(2)


@pytest.mark.parametrize("name", ["one.mp4", "one.mkv", "one.avi"])
def test_video_of_one_frame_has_a_duration(name: str, tmp_path: Path) -> None:
    info = probe(make_video(tmp_path / name, frames=1))
    assert 0 < info.duration < 0.1


@pytest.mark.parametrize("turn", [90, -90, 180])
def test_rotated_video_has_its_displayed_size(turn: int, tmp_path: Path) -> None:
    info = probe(make_video(tmp_path / "phone.mp4", rotation=turn))
    assert (info.width, info.height) == ((96, 64) if turn == 180 else (64, 96))
