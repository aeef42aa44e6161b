"""When a video was recorded: by the user, the container or the file's name, with the traps of each."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import av
import pytest

from sightline.errors import InvalidInput
from sightline.media import Recorded, parse_recorded, when_recorded
from sightline.media.recorded_names import time_in_name
from tests.videos import make_video

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
MP4_EPOCH = 2_082_844_800  # seconds from 1904 to 1970


def tagged(path: Path, **tags: str) -> Path:
    """Write a video whose container has these tags."""
    plain = make_video(path.with_name(f"plain{path.suffix}"), frames=3)
    options = {"movflags": "use_metadata_tags"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(plain)) as source, av.open(str(path), "w", options=options) as target:
        target.metadata.update({name.replace("__", "."): value for name, value in tags.items()})
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return path


def with_header_time(path: Path, seconds: int) -> Path:
    """Write the time of the movie, track and media headers of an MP4, in seconds since 1904."""
    data = bytearray(path.read_bytes())
    for box in (b"mvhd", b"tkhd", b"mdhd"):
        at = data.find(box)
        assert at > 0
        assert data[at + 4] == 0, "version 0 has 32 bits"
        data[at + 8 : at + 12] = struct.pack(">I", seconds)
    path.write_bytes(data)
    return path


def found(path: Path, name: str | None = None, zone: ZoneInfo = BERLIN, seconds: float = 10) -> Recorded | None:
    return when_recorded(path, name or path.name, seconds, zone, NOW)[0]


def text(recorded: Recorded | None) -> tuple[str, str, str] | None:
    return recorded and (recorded.at.isoformat(), recorded.source, recorded.zone)


class TestContainer:
    @pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
    def test_creation_time_is_utc_and_shown_in_the_zone(self, tmp_path: Path, suffix: str) -> None:
        path = tagged(tmp_path / f"clip.{suffix}", creation_time="2026-03-08T23:30:00Z")
        assert text(found(path)) == ("2026-03-09T00:30:00+01:00", "container", "assumed")

    def test_local_time_of_quicktime_precedes_the_time_of_the_export(self, tmp_path: Path) -> None:
        tags = {
            "com__apple__quicktime__creationdate": "2026-03-08T19:22:26-0600",
            "creation_time": "2026-05-01T08:00:00Z",
        }
        path = tagged(tmp_path / "IMG_0042.mov", **tags)
        assert text(found(path)) == ("2026-03-08T19:22:26-06:00", "container", "stated")

    def test_samsungs_key_is_the_zone(self, tmp_path: Path) -> None:
        tags = {"creation_time": "2025-07-04T23:14:40Z", "com__samsung__android__utc_offset": "-0500"}
        path = tagged(tmp_path / "20250704_181431.mp4", **tags)
        assert text(found(path)) == ("2025-07-04T18:14:40-05:00", "container", "stated")

    @pytest.mark.parametrize("seconds", [0, 1, MP4_EPOCH, 3_029_529_600])
    def test_clock_that_was_not_set_is_not_used(self, tmp_path: Path, seconds: int) -> None:
        """Zero is 1904; 1 counts from 1970; the next is 1970 itself, and the last one is the second of January 2000."""
        path = with_header_time(make_video(tmp_path / "clip.mp4", frames=3), seconds)
        recorded = found(path)
        assert recorded is None or recorded.at.year == 2000
        named = found(path, "VID_20260308_101500.mp4")
        assert named
        if seconds <= MP4_EPOCH:
            assert text(named) == ("2026-03-08T10:15:00+01:00", "file name", "assumed")

    def test_time_that_counts_from_1970_is_understood(self, tmp_path: Path) -> None:
        moment = int(datetime(2026, 3, 8, 9, 15, tzinfo=UTC).timestamp())
        path = with_header_time(make_video(tmp_path / "clip.mp4", frames=3), moment)
        assert text(found(path)) == ("2026-03-08T10:15:00+01:00", "container", "assumed")

    def test_new_years_clock_gives_way_to_the_name(self, tmp_path: Path) -> None:
        path = tagged(tmp_path / "clip.mp4", creation_time="2015-01-01T00:00:12Z")
        assert text(found(path, "VID_20260308_101500.mp4")) == ("2026-03-08T10:15:00+01:00", "file name", "assumed")
        recorded, [warning] = when_recorded(path, "clip.mp4", 10, BERLIN, NOW)
        assert recorded is not None
        assert "give --recorded" in warning

    def test_time_in_the_future_is_reported(self, tmp_path: Path) -> None:
        path = tagged(tmp_path / "clip.mp4", creation_time="2036-02-07T06:28:15Z")
        recorded, [warning] = when_recorded(path, "clip.mp4", 10, BERLIN, NOW)
        assert recorded is None
        assert "2036-02-07 07:28 UTC+0100 as the time of the recording, which cannot be" in warning

    def test_camera_that_writes_local_time_is_recognised_by_the_name(self, tmp_path: Path) -> None:
        path = tagged(tmp_path / "clip.mp4", creation_time="2026-03-08T23:30:08Z")
        assert text(found(path, "DJI_20260308233000_0001.MP4")) == ("2026-03-08T23:30:08+01:00", "container", "assumed")
        assert text(found(path, "PXL_20260308_233000123.mp4")) == ("2026-03-09T00:30:08+01:00", "container", "assumed")

    def test_year_of_a_film_is_no_time(self, tmp_path: Path) -> None:
        assert found(tagged(tmp_path / "clip.mp4", date="2026")) is None

    def test_nothing_states_a_time(self, tmp_path: Path) -> None:
        assert found(make_video(tmp_path / "IMG_0042.mp4", frames=3)) is None


NAMES: dict[str, tuple[Any, ...] | None] = {
    "VID_20260308_101500.mp4": (10, 15, False),
    "20260308_101500_1.mp4": (10, 15, False),
    "PXL_20260308_091500123.TS.mp4": (9, 15, True),
    "WIN_20260308_10_15_00_Pro.mp4": (10, 15, False),
    "Screen Recording 2026-03-08 at 10.15.00\u202fPM.mov": (22, 15, False),
    "2026-03-08 10-15-00.mkv": (10, 15, False),
    "WhatsApp Video 2026-03-08 at 9.15.00 AM (1).mp4": (9, 15, False),
    "VID-20260308-WA0003.mp4": (0, 0, False),
    "video_2026-03-08_10-15-00.mp4": (10, 15, False),
    "signal-2026-03-08-101500.mp4": (10, 15, False),
    "DJI_20260308101500_0001_D.MP4": (10, 15, False),
    "Screenrecorder-2026-03-08-10-15-00-123.mp4": (10, 15, False),
    "GMT20260308-091500_Recording.mp4": (9, 15, True),
    "IMG_0042.MOV": None,
    "GX010123.MP4": None,
    "20201234.mp4": None,
    "clip 1920x1080.mp4": None,
    "visit 2026-02-30.mp4": None,
    "0123420260308.mp4": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_cameras(name: str) -> None:
    named = time_in_name(name)
    assert (named and (named.clock.hour, named.clock.minute, named.is_utc)) == NAMES[name]
    if named:
        assert (named.clock.date().isoformat(), named.precision == "day") == ("2026-03-08", "WA" in name)


class TestGiven:
    @pytest.mark.parametrize(
        ("given", "at", "zone", "precision"),
        [
            ("2026-03-08", "2026-03-08T00:00:00+01:00", "assumed", "day"),
            ("2026-04-08T10:15", "2026-04-08T10:15:00+02:00", "assumed", "second"),
            ("2026-03-08 10:15:00-05:00", "2026-03-08T10:15:00-05:00", "stated", "second"),
        ],
    )
    def test_time_that_the_user_states(self, given: str, at: str, zone: str, precision: str) -> None:
        recorded = parse_recorded(given, BERLIN, NOW)
        assert (recorded.at.isoformat(), recorded.zone, recorded.precision) == (at, zone, precision)
        assert Recorded.model_validate_json(recorded.model_dump_json()).at.isoformat() == at

    @pytest.mark.parametrize("given", ["yesterday", "08.03.2026", "2026-13-01", "2030-01-01"])
    def test_other_texts_are_refused(self, given: str) -> None:
        with pytest.raises(InvalidInput, match="--recorded"):
            parse_recorded(given, BERLIN, NOW)
