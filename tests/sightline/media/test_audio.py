from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sightline.media import probe
from tests.videos import FORMATS, make_video, read_sound

BEEP_AT = 0.5


def beep() -> np.ndarray:
    """One second at 48 kHz: silence, then a tone from :data:`BEEP_AT` on."""
    time = np.arange(48_000) / 48_000
    return np.where(time >= BEEP_AT, 0.5 * np.sin(2 * np.pi * 440 * time), 0).astype(np.float32)


@pytest.mark.parametrize("name", [name for name, (_, sound) in FORMATS.items() if sound])
def test_sample_index_matches_its_time_for_every_codec(name: str, tmp_path: Path) -> None:
    codec, sound = FORMATS[name]
    samples = read_sound(probe(make_video(tmp_path / name, codec=codec, sound=sound, samples=beep())))
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(16_000, abs=1200)
    # MP3 in AVI and FLV has an undeclared encoder delay of about 50 ms.
    assert int(np.argmax(np.abs(samples) > 0.2)) / 16_000 == pytest.approx(BEEP_AT, abs=0.06)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.15)


def test_video_without_sound_has_no_samples(tmp_path: Path) -> None:
    assert read_sound(probe(make_video(tmp_path / "clip.mp4"))).shape == (0,)


def test_gap_in_the_sound_becomes_silence(tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    tone = 0.5 * np.sin(np.arange(4800) / 10).astype(np.float32)
    with av.open(str(path), "w") as target:
        video = target.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = target.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for index in range(60):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 30)
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        for start in (0, 48_000):  # a tenth of a second of tone, at 0 s and at 1 s
            block = av.AudioFrame.from_ndarray((tone[None] * 32767).astype(np.int16), format="s16", layout="mono")
            block.sample_rate, block.pts, block.time_base = 48_000, start, Fraction(1, 48_000)
            target.mux(audio.encode(block))
    samples = read_sound(probe(path))
    loud = np.flatnonzero(np.abs(samples) > 0.2) / 16_000
    assert loud[loud < 0.5].max() == pytest.approx(0.1, abs=0.01)
    assert loud[loud > 0.5].min() == pytest.approx(1.0, abs=0.01)
