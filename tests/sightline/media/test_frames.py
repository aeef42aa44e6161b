from __future__ import annotations

import itertools
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import InvalidMedia
from sightline.media import decode, probe, read_ahead, sample_frames
from tests.videos import FORMATS, damage, make_video


@pytest.mark.parametrize("name", FORMATS)
def test_frames_are_in_display_order_with_their_times(name: str, tmp_path: Path) -> None:
    info = probe(make_video(tmp_path / name, codec=FORMATS[name][0], frames=40))
    times = [time for _, time, _ in decode(info)]
    assert len(times) == 40
    assert np.diff(times) == pytest.approx([1 / 30] * 39, abs=0.0011)  # Matroska and FLV round to milliseconds


def test_rate_of_29_97_does_not_drift(tmp_path: Path) -> None:
    """The original used int(fps): 20 s of drift in 10 minutes."""
    rate = Fraction(30_000, 1001)
    info = probe(make_video(tmp_path / "ntsc.mp4", rate=rate, frames=300))
    times = [time for _, time, _ in decode(info)]
    assert times == pytest.approx([index / rate for index in range(300)], abs=1e-6)


def test_variable_rate_keeps_its_timestamps(tmp_path: Path) -> None:
    ticks = [0, 17, 18, 240, 241, 900, 1400, 1401]
    info = probe(make_video(tmp_path / "phone.mp4", frames=len(ticks), ticks=ticks, clock=Fraction(1, 1000)))
    assert [time for _, time, _ in decode(info)] == pytest.approx([tick / 1000 for tick in ticks], abs=1e-4)


def test_times_are_relative_to_the_start_of_the_container(tmp_path: Path) -> None:
    ticks = [5000 + 33 * index for index in range(20)]
    info = probe(make_video(tmp_path / "late.mkv", frames=20, ticks=ticks, clock=Fraction(1, 1000)))
    assert [time for _, time, _ in decode(info)] == pytest.approx([0.033 * index for index in range(20)], abs=1e-6)
    assert info.duration == pytest.approx(0.66, abs=0.05)


def test_frames_are_rotated_as_displayed(tmp_path: Path) -> None:
    info = probe(make_video(tmp_path / "phone.mp4", rotation=-90, frames=2))
    frame = next(iter(sample_frames(info, 10, [])))
    assert frame.rgb.shape == (96, 64, 3)
    red = np.argwhere((frame.rgb[..., 0] > 150) & (frame.rgb[..., 1] < 90))
    assert red.mean(axis=0) == pytest.approx((16, 53), abs=4), "the top left corner, turned clockwise, is top right"


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ticks = np.cumsum(np.random.default_rng(3).integers(1, 90, 60)).tolist()
    return make_video(
        tmp_path_factory.mktemp("uneven") / "v.mp4", frames=60, ticks=ticks, clock=Fraction(1, 1000), size=(32, 32)
    )


@settings(deadline=None, max_examples=40)
@given(rate=st.floats(0.2, 60), moments=st.lists(st.floats(-1, 5), max_size=8).map(sorted))
def test_sampling_selects_first_frame_of_period_and_frame_of_moment(
    uneven: Path, rate: float, moments: list[float]
) -> None:
    info = probe(uneven)
    times = [time for _, time, _ in decode(info)]
    frames = list(sample_frames(info, rate, moments))

    assert [frame.index for frame in frames] == sorted({frame.index for frame in frames}), (
        "in order, without duplicates"
    )
    periods = [int((time + 1e-4) * rate) for time in times]
    firsts = [periods.index(period) for period in dict.fromkeys(periods)]
    assert [frame.index for frame in frames if frame.sampled] == firsts

    shown = {moment: frame.index for frame in frames for moment in frame.moments}
    expected = [max([i for i, time in enumerate(times) if time <= moment + 1e-4], default=0) for moment in moments]
    assert [shown[index] for index in range(len(moments))] == expected


def test_damaged_file_is_rejected_with_the_time_of_the_damage(tmp_path: Path) -> None:
    path = damage(make_video(tmp_path / "v.mp4", frames=60, size=(320, 240)))
    with pytest.raises(InvalidMedia, match=r"v\.mp4: it is damaged: .* at \d\.\d\d-\d\.\d\d s.* The limit is 2\.0%"):
        list(decode(probe(path)))


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_invalid_sampling_rate_is_rejected(rate: float, uneven: Path) -> None:
    with pytest.raises(ValueError, match="rate must be over 0"):
        next(sample_frames(probe(uneven), rate, []))


def test_read_ahead_yields_the_same_items_and_error() -> None:
    def items() -> object:
        yield from range(10)
        raise InvalidMedia("clip.mp4", "it is damaged")

    ahead = read_ahead(items(), depth=2)
    assert list(itertools.islice(ahead, 10)) == list(range(10))
    with pytest.raises(InvalidMedia, match="damaged"):
        next(ahead)


def test_read_ahead_thread_ends_when_the_reader_stops_early() -> None:
    ahead = read_ahead(itertools.count(), depth=2)
    assert next(ahead) == 0
    ahead.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]
