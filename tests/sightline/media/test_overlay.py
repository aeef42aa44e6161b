from __future__ import annotations

import threading
from time import sleep

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.media import FaceSeries, Heads, Overlay, PoseSeries, TimedLabel, palette
from sightline.media.banner import Banner
from sightline.media.planes import copy_planes, rgb_to_yuv


def poses() -> PoseSeries:
    series = PoseSeries(period=0.1)
    for time, point in ((1.0, (0, 0, 1)), (1.1, (10, 20, 0.6)), (3.0, (50, 50, 1))):
        series.add(time, np.array([point], np.float32))
    series.end()
    return series


@pytest.mark.parametrize(
    ("time", "expected"),
    [(1.0, (0, 0, 0.6)), (1.05, (5, 10, 0.6)), (1.1, (10, 20, 0.6)), (1.15, (10, 20, 0.6)), (3.05, (50, 50, 1))],
)
def test_points_are_interpolated_between_samples(time: float, expected: tuple[float, float, float]) -> None:
    points = poses().at(time)
    assert points is not None
    assert points[0] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("time", [0.5, 1.9, 2.9, 3.2])
def test_skeleton_is_hidden_while_the_person_is_not_detected(time: float) -> None:
    assert poses().at(time) is None


def heads(boxes: np.ndarray) -> Heads:
    return Heads(boxes, np.zeros(len(boxes), np.int64))


def test_face_missed_once_stays_blurred_until_its_reach_ends() -> None:
    box = np.array([[1, 2, 3, 4]], np.float32)
    faces = FaceSeries(reach=0.25)
    for time, boxes in ((0.0, box), (0.1, np.zeros((0, 4), np.float32)), (0.2, box), (0.3, None)):
        faces.add(time, None if boxes is None else heads(boxes))
    faces.end()
    assert len(faces.at(0.1)) == 2
    assert faces.at(0.9).shape == (0, 4)


def test_reader_waits_for_samples_that_are_not_added_yet() -> None:
    series, concurrent = PoseSeries(period=0.1), []
    times = [0.0, 0.04, 0.11, 0.52, 0.9]
    reader = threading.Thread(target=lambda: concurrent.extend(series.at(time) for time in times))
    reader.start()
    for index in range(10):
        sleep(0.01)
        series.add(index / 10, np.full((1, 3), index, np.float32) if index != 5 else None)
    series.end()
    reader.join(10)
    assert not reader.is_alive()
    for during, afterwards in zip(concurrent, [series.at(time) for time in times], strict=True):
        assert np.array_equal(during, afterwards)


def test_ended_series_releases_its_readers() -> None:
    series = PoseSeries(period=0.1)
    threading.Timer(0.05, series.end).start()
    assert series.at(3.0) is None


def test_palette_is_distinct_and_stable() -> None:
    names = ["happy", "sad", "surprised", "neutral", "angry"]
    assert len(set(palette(names).values())) == len(names)
    assert palette(names) == palette(names)


@pytest.mark.parametrize(
    ("rgb", "limited", "full"),
    [((255, 255, 255), 235, 255), ((0, 0, 0), 16, 0), ((255, 0, 0), 81, 76), ((0, 0, 255), 41, 29)],
)
def test_luma_follows_bt_601_in_both_ranges(rgb: tuple[int, int, int], limited: int, full: int) -> None:
    assert rgb_to_yuv(rgb, full_range=False)[0] == limited
    assert rgb_to_yuv(rgb, full_range=True)[0] == full


@settings(deadline=None, max_examples=30)
@given(
    width=st.integers(2, 400).map(lambda half: 2 * half),
    height=st.integers(2, 300).map(lambda half: 2 * half),
    text=st.text(max_size=400),
    time=st.floats(0, 1),
)
def test_any_text_is_drawn_on_a_frame_of_any_size(width: int, height: int, text: str, time: float) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 90, np.uint8), format="rgb24").reformat(
        format="yuv420p"
    )
    overlay = Overlay(1.0, [TimedLabel(0, 2, text[:20])], [TimedLabel(0, 2, text)], [text[:9]])
    planes = copy_planes(frame, av.VideoFrame(width, height, "yuv420p"))
    overlay.draw(planes, time, Banner(width, height))
    assert planes.y.min() != planes.y.max()


def test_long_caption_is_split_into_pages_without_loss() -> None:
    banner = Banner(320, 240)
    text = " ".join(f"word{number}" for number in range(60))
    pages = banner.pages(text)
    assert all(len(page) <= 2 for page in pages)
    assert " ".join(line for page in pages for line in page) == text
