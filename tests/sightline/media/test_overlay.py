from __future__ import annotations

import threading
from time import sleep

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.media import (
    FaceSeries,
    Heads,
    Hiding,
    Outline,
    Overlay,
    PeopleSeries,
    PersonSample,
    PoseSeries,
    TimedLabel,
    colour_of,
    palette,
)
from sightline.media.banner import Banner
from sightline.media.planes import copy_planes, rgb_to_yuv

VIEWS = {
    "normal": np.eye(3),
    "protanope": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    "deuteranope": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
}
"""Linear RGB as seen."""


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


def test_sound_is_named_in_the_banner_while_it_is_heard() -> None:
    overlay = Overlay(1.0, sounds=[TimedLabel(0.0, 0.5, "voice without words"), TimedLabel(0.7, 0.9, "bell")])
    plain = drawn(Overlay(1.0))
    changed = np.abs(drawn(overlay) - plain).max(axis=2) > 40
    rows, columns = np.nonzero(changed)
    assert rows.min() > 360 * 0.8, "in the banner"
    assert columns.min() > 640 * 0.5, "on the right, beside the emotion"
    assert np.array_equal(drawn(overlay, 0.6), drawn(Overlay(1.0), 0.6))


LIMBS = [(0, 1, (230, 159, 0)), (0, 2, (86, 180, 233)), (0, 3, (247, 247, 247))]


def body(x: float) -> PersonSample:
    return PersonSample(np.array([[x, 60, 1], [x - 30, 120, 1], [x + 30, 120, 1], [x, 160, 1]], np.float32))


def people_at(*places: float) -> PeopleSeries:
    series = PeopleSeries(LIMBS, 0.1)
    series.add(0.0, {number: body(x) for number, x in enumerate(places, start=1)})
    series.end()
    return series


def drawn(overlay: Overlay, time: float = 0.0) -> np.ndarray:
    frame = av.VideoFrame.from_ndarray(np.full((360, 640, 3), 90, np.uint8), format="rgb24")
    shown = av.VideoFrame(640, 360, "yuv420p")
    overlay.draw(copy_planes(frame, shown), time, Banner(640, 360))
    return shown.to_ndarray(format="rgb24").astype(int)


def never() -> int | None:
    raise AssertionError("the patient is not needed for this frame")


class TestPeople:
    def test_frame_with_one_person_does_not_wait_for_the_patient(self) -> None:
        alone = drawn(Overlay(1.0, poses=people_at(100), patient=never))
        assert np.array_equal(alone, drawn(Overlay(1.0, poses=people_at(100))))

    def test_one_person_has_two_colours_and_no_tag(self) -> None:
        rgb = drawn(Overlay(1.0, poses=people_at(100)))
        orange, blue = rgb[90, 85], rgb[90, 115]
        assert orange[0] > orange[2] + 80
        assert blue[2] > blue[0] + 80
        assert np.abs(rgb[:50] - 90).max() <= 2

    def test_first_person_keeps_their_colours_when_others_come(self) -> None:
        alone, together = (drawn(Overlay(1.0, poses=people_at(*places))) for places in ((100,), (100, 400)))
        assert np.array_equal(alone[70:170, 60:140], together[70:170, 60:140])

    def test_everyone_has_a_tag_and_the_patients_is_the_largest(self) -> None:
        rgb = drawn(Overlay(1.0, poses=people_at(100, 320, 540), patient=lambda: 2))
        tags = [(np.abs(rgb[:56, x - 70 : x + 70] - 90).max(axis=2) > 8).sum() for x in (100, 320, 540)]
        assert min(tags) > 100
        assert tags[1] > 1.2 * max(tags[0], tags[2])

    def test_people_at_one_place_have_separate_tags(self) -> None:
        one, two = (drawn(Overlay(1.0, poses=people_at(*places), patient=lambda: 1)) for places in ((300,), (300, 302)))
        assert (np.abs(one[:56] - 90).max(axis=2) > 8).sum() == 0
        rows = (np.abs(two[:60] - 90).max(axis=2) > 8).any(axis=1).sum()
        assert rows > 20, "two tags, one above the other"

    def test_left_and_right_of_others_differ_in_brightness(self) -> None:
        rgb = drawn(Overlay(1.0, poses=people_at(100, 400)))
        right, left = rgb[90, 385], rgb[90, 415]
        assert right.sum() > left.sum() + 120
        assert right[1] == max(right)
        assert left[1] == max(left)

    def test_hidden_people_have_no_skeleton(self) -> None:
        series = people_at(100, 400)
        series.outline = lambda points: Outline(
            np.array([[points[0, 0], 60, points[0, 0], 160, 60]], np.float32), np.zeros((0, 2), np.float32)
        )
        rgb = drawn(Overlay(1.0, poses=series, hiding=Hiding(series, lambda: 1)))
        assert rgb[70:150, 360:440].std(axis=(0, 1)).max() < 3
        assert rgb[70:150, 60:140].std() > 10

    @settings(deadline=None, max_examples=20)
    @given(
        st.lists(st.tuples(st.floats(-300, 900), st.floats(-300, 700)), min_size=2, max_size=6),
        st.text(min_size=1, max_size=60),
    )
    def test_tags_are_drawn_at_any_place_and_with_any_name(self, places: list[tuple[float, float]], name: str) -> None:
        series = PeopleSeries(LIMBS, 0.1)
        series.add(0.0, {
            number: PersonSample(body(x).keypoints + np.array([0, y, 0], np.float32))
            for number, (x, y) in enumerate(places, start=1)
        })  # fmt: skip
        series.end()
        rgb = drawn(Overlay(1.0, poses=series, patient=lambda: 1, patient_name=name))
        assert (rgb[:280] != 90).any()


@pytest.mark.parametrize("view", VIEWS)
def test_colours_of_four_people_differ_for_colour_blind_people(view: str) -> None:
    """The differences in CIELAB of what protanopes, deuteranopes and others see (Viénot, Brettel and Mollon 1999)."""
    from skimage.color import rgb2lab

    seen = np.array([[VIEWS[view] @ (np.array(colour_of(number)) / 255) ** 2.2 for number in range(1, 5)]])
    lab = rgb2lab(np.clip(seen, 0, 1) ** (1 / 2.2))[0]
    distances = [np.linalg.norm(lab[i] - lab[j]) for i in range(4) for j in range(i)]
    assert min(distances) > 15
