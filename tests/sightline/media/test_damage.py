"""Parts that cannot be decoded are skipped, measured and reported; too many are refused with their places."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import InvalidMedia
from sightline.media import Overlay, StreamReport, annotate, damaged_seconds, decode, probe
from tests.sightline.media.ffmpeg import run
from tests.videos import read_sound

SECONDS = 8


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of key frames, so that a damaged packet is one damaged frame, with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    run(
        "-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=25:duration={SECONDS}",
        "-f", "lavfi", "-i", f"sine=frequency=440:duration={SECONDS}:sample_rate=44100",
        "-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p", "-c:a", "aac", path,
    )  # fmt: skip
    return path


def packets(path: Path, kind: str) -> list[tuple[int, int, float]]:
    """Return the position, the size and the time in seconds of every packet."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        found = [(p.pos, p.size, float(p.pts * p.time_base)) for p in container.demux(stream) if p.size]
    return [(pos, size, time) for pos, size, time in found if pos is not None]


def overwrite(path: Path, target: Path, parts: Iterable[tuple[int, int]], byte: bytes = b"\xff") -> Path:
    data = bytearray(path.read_bytes())
    for start, size in parts:
        data[start : start + size] = byte * size
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("count", [1, 3])
def test_damaged_frames_are_skipped_and_counted(count: int, clip: Path, tmp_path: Path) -> None:
    chosen = packets(clip, "video")[50 : 50 + 20 * count : 20]
    path = overwrite(clip, tmp_path / "v.mp4", [(pos, size) for pos, size, _ in chosen])
    info, report = probe(path), StreamReport()
    frames = [time for _, time, _ in decode(info, report)]
    assert len(frames) == 25 * SECONDS - count
    assert report.damaged_seconds == pytest.approx(0.04 * count, abs=0.005)
    assert [part.start for part in report.damage] == pytest.approx([time for *_, time in chosen], abs=0.001)
    [warning] = report.warnings()
    assert warning.startswith(f"{0.04 * count:.2f} s of the picture cannot be decoded: at 2.00-2.04 s")
    annotate(info, Overlay(duration=info.duration), tmp_path / "copy.mp4")
    copied = [time for _, time, _ in decode(probe(tmp_path / "copy.mp4"))]
    assert copied == pytest.approx(frames, abs=0.001), "the frames after the damage keep their times"


def test_damaged_sound_is_silent_and_the_rest_keeps_its_time(clip: Path, tmp_path: Path) -> None:
    chosen = packets(clip, "audio")[100:104]
    path = overwrite(clip, tmp_path / "v.mp4", [(pos, size) for pos, size, _ in chosen])
    info = probe(path)
    lost = damaged_seconds(info.audio_damage)
    assert 0.02 < lost < 0.15
    assert info.warnings == (
        f"{lost:.2f} s of the sound cannot be decoded: "
        f"at {info.audio_damage[0].start:.2f}-{info.audio_damage[-1].end:.2f} s",
    )
    before, after = read_sound(probe(clip)), read_sound(info)
    assert len(after) == len(before)
    untouched = slice(round((chosen[-1][2] + 0.2) * 16_000), None)
    assert np.abs(after[untouched] - before[untouched]).max() < 0.03, "nothing moved by more than a sample"
    annotate(info, Overlay(duration=info.duration), tmp_path / "copy.mp4")
    copy = probe(tmp_path / "copy.mp4")
    assert copy.audio_damage == ()
    assert len(read_sound(copy)) == pytest.approx(len(before), abs=1700)


@pytest.mark.parametrize(("kind", "name"), [("video", "picture"), ("audio", "sound")])
def test_damage_above_the_limit_is_refused_with_its_places(kind: str, name: str, clip: Path, tmp_path: Path) -> None:
    every = packets(clip, kind)[10::20]
    path = overwrite(clip, tmp_path / "v.mp4", [(pos, size) for pos, size, _ in every])
    with pytest.raises(
        InvalidMedia, match=rf"v\.mp4: it is damaged: .* of its {name} cannot be decoded, at "
    ) as caught:
        list(decode(probe(path)))
    assert "Copy the file again from its source, or raise MAX_DAMAGE_SHARE" in str(caught.value)
    tolerant, report = probe(path, max_damage_share=0.5), StreamReport()
    assert len(list(decode(tolerant, report))) > 180
    damage = report.damage if kind == "video" else tolerant.audio_damage
    assert damaged_seconds(damage) / SECONDS == pytest.approx(0.05, abs=0.03)


def test_recording_that_begins_without_a_key_frame_starts_at_the_first_one(tmp_path: Path) -> None:
    complete, cut = tmp_path / "complete.mkv", tmp_path / "cut.mkv"
    run("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=4", "-g", "25", "-bf", "0", complete)
    with av.open(str(complete)) as source, av.open(str(cut), "w") as target:
        output = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if number >= 10 and packet.dts is not None:
                packet.stream = output
                target.mux(packet)
    report = StreamReport()
    frames = list(decode(probe(cut), report))
    assert len(frames) >= 75
    assert report.damage == []


CONTAINERS = {
    "mkv": ("-c:v", "mjpeg", "-cluster_time_limit", "500", "-c:a", "libmp3lame"),
    "webm": (
        "-c:v",
        "libvpx",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-g",
        "10",
        "-cluster_time_limit",
        "500",
        "-c:a",
        "libopus",
    ),
    "avi": ("-c:v", "mjpeg", "-c:a", "libmp3lame"),
    "flv": ("-c:v", "flv", "-g", "10", "-c:a", "libmp3lame"),
}


@pytest.fixture(scope="module", params=CONTAINERS)
def contained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds with sound in each container."""
    path = tmp_path_factory.mktemp("contained") / f"v.{request.param}"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=8")
    run(*picture, "-f", "lavfi", "-i", "sine=duration=8", *CONTAINERS[request.param], path)
    return path


def test_complete_file_has_no_damage(contained: Path) -> None:
    complete = probe(contained)
    assert (complete.picture_damage, complete.warnings) == ((), ())


@pytest.mark.parametrize("junk", ["zeros", "ones", "random"])
@pytest.mark.parametrize("part", [(0.5, 1.0), (0.4, 0.7)], ids=["end", "middle"])
def test_damage_that_the_demuxer_skips_is_found(
    contained: Path, part: tuple[float, float], junk: str, tmp_path: Path
) -> None:
    path = tmp_path / contained.name
    data = bytearray(contained.read_bytes())
    start, stop = (round(share * len(data)) for share in part)
    data[start:stop] = {
        "zeros": bytes(stop - start),
        "ones": b"\xff" * (stop - start),
        "random": random.Random(1).randbytes(stop - start),
    }[junk]
    path.write_bytes(data)
    with pytest.raises(InvalidMedia, match=r"v\.\w+: it is (damaged|incomplete): "):
        list(decode(probe(path)))


@given(
    parts=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5)), max_size=20).map(
        lambda parts: sorted((start, start + length) for start, length in parts)
    )
)
def test_overlapping_damage_counts_once(parts: list[tuple[float, float]]) -> None:
    report = StreamReport()
    for start, end in parts:
        report.add("picture", start, end)
    grid = np.arange(0, 110, 0.01)
    covered = np.zeros(len(grid), bool)
    for start, end in parts:
        covered |= (grid >= start) & (grid < end)
    assert report.damaged_seconds == pytest.approx(covered.sum() * 0.01, abs=0.02 * (len(parts) + 1))
    assert all(before.end < after.start for before, after in zip(report.damage, report.damage[1:], strict=False))
