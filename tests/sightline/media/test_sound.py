"""The right sound track at the right loudness, in every layout, as FFmpeg plays it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.errors import InvalidMedia
from sightline.media import probe
from tests.sightline.media.ffmpeg import mean_power, mono, run
from tests.videos import annotated_copy, read_sound

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=1")
FULL_SCALE = "sine=frequency=440:duration=1,volume=18dB,aformat=sample_fmts=fltp"
LAYOUTS = ["mono", "stereo", "2.1", "3.0", "quad", "4.0", "5.0", "5.1", "5.1(side)", "6.1", "7.1"]


def layouts(layout: str) -> str:
    """Return a filter that gives every channel the tone."""
    channels = {"mono": 1, "stereo": 2, "2.1": 3, "3.0": 3, "quad": 4, "4.0": 4, "5.0": 5, "6.1": 7, "7.1": 8}
    count = channels.get(layout, 6)
    return f"pan={layout}|" + "|".join(f"c{channel}=c0" for channel in range(count))


def clip(path: Path, filters: str, *options: str) -> Path:
    run(*PICTURE, "-f", "lavfi", "-i", filters, "-c:v", "mpeg4", *options, path)
    return path


@pytest.mark.parametrize("codec", ["pcm_s16le", "flac", "aac"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_downmix_is_normalised_as_by_ffmpeg(layout: str, codec: str, tmp_path: Path) -> None:
    path = clip(tmp_path / "v.mkv", f"{FULL_SCALE},{layouts(layout)}", "-c:a", codec, "-strict", "-2")
    info = probe(path)
    samples, expected = read_sound(info), mono(path)
    assert np.abs(samples).max() <= 1
    assert mean_power(samples) == pytest.approx(mean_power(expected), abs=1)
    assert len(samples) == pytest.approx(len(expected), abs=800)
    assert mean_power(mono(annotated_copy(info, tmp_path))) == pytest.approx(mean_power(expected), abs=1)


# All pairs of values: the container is read by FFmpeg, the codec and the number of channels by different code.
@pytest.mark.parametrize(
    ("container", "codec", "channels"),
    [
        (("avi", "mkv")[(row + column) % 2], codec, channels)
        for row, codec in enumerate(["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le"])
        for column, channels in enumerate([1, 2, 4, 6, 8, 10, 16])
    ],
)
def test_uncompressed_sound_without_a_layout_is_used(container: str, codec: str, channels: int, tmp_path: Path) -> None:
    raw = np.repeat((np.sin(np.arange(8000) / 3) * 20_000).astype("<i2")[:, None], channels, 1)
    (tmp_path / "raw").write_bytes(raw.tobytes())
    path = tmp_path / f"v.{container}"
    run(
        *PICTURE, "-f", "s16le", "-ar", "8000", "-ch_layout", f"{channels} channels", "-i", tmp_path / "raw",
        "-c:v", "mpeg4", "-c:a", codec, path,
    )  # fmt: skip
    info = probe(path)
    samples = read_sound(info)
    assert len(samples) == pytest.approx(16_000, abs=100)
    # The same tone in every channel: a normalised mix has at most its power, and not 12 dB less.
    assert -12 < mean_power(samples) - mean_power(raw[:, 0] / 32768) < 0.5
    copy = mono(annotated_copy(info, tmp_path))
    assert len(copy) == pytest.approx(16_000, abs=2100)
    assert -12 < mean_power(copy) - mean_power(raw[:, 0] / 32768) < 0.5


@pytest.mark.parametrize("container", ["avi", "mkv"])
@pytest.mark.parametrize("codec", ["adpcm_ms", "adpcm_ima_wav", "pcm_mulaw", "pcm_alaw"])
def test_telephone_and_recorder_codecs_are_converted(codec: str, container: str, tmp_path: Path) -> None:
    path = clip(tmp_path / f"v.{container}", "sine=frequency=440:duration=1:sample_rate=11025", "-c:a", codec)
    info = probe(path)
    assert mean_power(read_sound(info)) == pytest.approx(mean_power(mono(path)), abs=1)
    assert mean_power(mono(annotated_copy(info, tmp_path))) == pytest.approx(mean_power(mono(path)), abs=1)


@pytest.mark.parametrize("rate", [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("container", ["avi", "mkv"])
def test_mp3_of_every_rate_is_kept(container: str, rate: int, tmp_path: Path) -> None:
    path = clip(tmp_path / f"v.{container}", f"sine=frequency=440:duration=1:sample_rate={rate}", "-c:a", "libmp3lame")
    copy = annotated_copy(probe(path), tmp_path)
    assert mean_power(mono(copy)) == pytest.approx(mean_power(mono(path)), abs=1)


def test_format_that_changes_within_the_sound_is_followed(tmp_path: Path) -> None:
    for name, options in {"a": ("-ac", "1"), "b": ("-ac", "2")}.items():
        tone = "sine=frequency=440:duration=1:sample_rate=44100"
        run("-f", "lavfi", "-i", tone, *options, "-c:a", "aac", tmp_path / f"{name}.aac")
    (tmp_path / "joined.aac").write_bytes((tmp_path / "a.aac").read_bytes() + (tmp_path / "b.aac").read_bytes())
    path = tmp_path / "v.mkv"
    run(
        "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=2", "-i", tmp_path / "joined.aac",
        "-c:v", "mpeg4", "-c:a", "copy", path,
    )  # fmt: skip
    samples = read_sound(probe(path))
    assert len(samples) == pytest.approx(32_000, abs=2000)
    seconds = [mean_power(part) for part in np.array_split(samples, 8)]
    assert max(seconds[1:7]) - min(seconds[1:7]) < 4


class TestTracks:
    """Tracks of different frequencies show which one was used."""

    @staticmethod
    def write(path: Path, tracks: list[tuple[int | None, bool]]) -> Path:
        """Write a video whose tracks have a frequency in Hz, None for silence, and a default mark."""
        inputs: list[str] = []
        options: list[str] = ["-map", "0:v"]
        for number, (frequency, marked) in enumerate(tracks):
            source = f"sine=frequency={frequency}:duration=1" if frequency else "anullsrc=duration=1:sample_rate=44100"
            inputs += ["-f", "lavfi", "-i", source]
            options += ["-map", f"{number + 1}:a", f"-disposition:a:{number}", "default" if marked else "0"]
        run(*PICTURE, *inputs, *options, "-c:v", "mpeg4", "-c:a", "aac", path)
        return path

    @staticmethod
    def frequency(samples: np.ndarray) -> float:
        spectrum = np.abs(np.fft.rfft(samples[2000:14_000]))
        return float(spectrum.argmax()) * 16_000 / 12_000 if spectrum.max() > 10 else 0

    @pytest.mark.parametrize("container", ["mkv", "mp4"])
    @pytest.mark.parametrize(
        ("tracks", "expected"),
        [
            ([(None, False), (400, True)], 1),
            ([(800, False), (400, True)], 1),
            ([(None, False), (None, False), (400, False)], 2),
            ([(400, True), (800, True)], 0),
            ([(None, True), (800, True)], 1),
            ([(None, True), (800, False)], 1),
            ([(800, False), (None, True), (400, True)], 2),
            ([(None, True), (None, False)], 0),
        ],
        ids=str,
    )
    def test_marked_track_or_the_first_with_sound_is_used(
        self, tracks: list[tuple[int | None, bool]], expected: int, container: str, tmp_path: Path
    ) -> None:
        info = probe(self.write(tmp_path / f"v.{container}", tracks))
        assert info.audio
        assert info.audio.number == expected
        assert info.audio_tracks == len(tracks)
        others = ", ".join(str(number) for number in range(len(tracks)) if number != expected)
        assert info.warnings == (f"sound track {expected} is used; not used: {others}. --audio-track chooses",)
        for sound in (read_sound(info), mono(annotated_copy(info, tmp_path))):
            assert self.frequency(sound) == pytest.approx(tracks[expected][0] or 0, abs=5)

    def test_a_person_can_choose(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "v.mkv", [(400, True), (800, False)])
        info = probe(path, audio_track=1)
        assert self.frequency(read_sound(info)) == pytest.approx(800, abs=5)

    @pytest.mark.parametrize(
        ("options", "fix"),
        [(("-c:a", "aac"), r"sound track 1\. Choose one of 0 to 0"), (("-an",), r"sound track 1\. It has no sound")],
    )
    def test_missing_track_is_named(self, options: Any, fix: str, tmp_path: Path) -> None:
        path = clip(tmp_path / "v.mkv", "sine=duration=1", *options)
        with pytest.raises(InvalidMedia, match=rf"v\.mkv: it has no {fix}"):
            probe(path, audio_track=1)

    def test_single_track_needs_no_remark(self, tmp_path: Path) -> None:
        assert probe(self.write(tmp_path / "v.mkv", [(400, False)])).warnings == ()
