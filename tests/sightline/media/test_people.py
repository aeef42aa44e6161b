"""The series of everyone in a video."""

from __future__ import annotations

import threading
import tracemalloc
from time import sleep

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.media import PeopleSeries, PersonSample, PoseSeries, Silhouette

PERIOD = 0.1


def points(value: float) -> np.ndarray:
    return np.array([[value, 2 * value, 1.0]], np.float32)


@given(st.lists(st.sets(st.integers(1, 4)), min_size=1, max_size=30), st.floats(-0.5, 3.5))
def test_each_person_is_interpolated_as_if_they_were_alone(present: list[set[int]], time: float) -> None:
    people, alone = PeopleSeries([], PERIOD), {number: PoseSeries(PERIOD) for number in range(1, 5)}
    for index, numbers in enumerate(present):
        people.add(index * PERIOD, {number: PersonSample(points(index * number)) for number in numbers})
        for number, series in alone.items():
            series.add(index * PERIOD, points(index * number) if number in numbers else None)
    for series in (people, *alone.values()):
        series.end()
    expected = {number: found for number, series in alone.items() if (found := series.at(time)) is not None}
    found = people.at(time)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[number], expected[number]) for number in expected)


def test_reader_waits_for_samples_that_are_not_added_yet() -> None:
    series, concurrent = PeopleSeries([], PERIOD), []
    times = [0.0, 0.04, 0.11, 0.52, 0.9]
    reader = threading.Thread(target=lambda: concurrent.extend(series.at(time) for time in times))
    reader.start()
    for index in range(10):
        sleep(0.01)
        series.add(index / 10, {1: PersonSample(points(index))} if index != 5 else {})
    series.end()
    reader.join(10)
    assert not reader.is_alive()
    for during, afterwards in zip(concurrent, [series.at(time) for time in times], strict=True):
        assert during.keys() == afterwards.keys()
        assert all(np.array_equal(during[number], afterwards[number]) for number in during)


def test_numbers_are_those_whose_track_contains_the_time() -> None:
    series = PeopleSeries([], PERIOD)
    for time, number in ((0.0, 1), (5.0, 1), (3.0, 2), (20.0, 3)):
        series.add(time, {number: PersonSample(points(1))})
    series.end()
    assert series.numbers_around(2.5, 1) == [1, 2]
    assert series.numbers_around(2.5, 0) == [1]


def test_samples_next_to_a_time_are_found_however_far_away() -> None:
    series = PeopleSeries([], PERIOD)
    shape = Silhouette.from_mask(np.ones((40, 20), np.uint8), left=7)
    series.add(1.0, {3: PersonSample(points(1), shape)})
    series.add(60.0, {3: PersonSample(points(2))})
    series.end()
    before, after = series.around(3, 30.0)
    assert before is not None
    assert after is not None
    assert (before[0], after[0]) == (1.0, 60.0)
    assert before[1].silhouette is not None
    assert before[1].silhouette.box == pytest.approx([7, 0, 27, 40], abs=0.01)
    assert after[1].silhouette is None


def test_two_hours_of_four_people_who_are_close_need_less_than_10_megabytes() -> None:
    """Measured on a hundredth of them, of people who walk: 720 times of four people."""
    random = np.random.default_rng(0)

    def figure(step: int) -> Silhouette | None:
        mask, (y, x) = np.zeros((360, 200), np.uint8), np.mgrid[:360, :200]
        swing = 40 * np.sin(step / 3)
        for centre_x, centre_y, wide, high in (
            (100, 40, 24, 32), (100, 130, 45, 70), (100 + swing, 270, 18, 90), (100 - swing, 270, 18, 90),
            (60 - swing / 2, 130, 14, 70), (140 + swing / 2, 130, 14, 70),
        ):  # fmt: skip
            ragged = 1 + 0.05 * random.normal(size=mask.shape)
            mask[((x - centre_x) / wide) ** 2 + ((y - centre_y) / high) ** 2 < ragged] = 1
        own = mask.copy()
        own[:, 120:] = 0
        return Silhouette.from_mask(mask, own=own)

    shapes = [figure(step) for step in range(40)]
    tracemalloc.start()
    try:
        series = PeopleSeries([], PERIOD)
        before = tracemalloc.get_traced_memory()[0]
        for index in range(720):
            people = {
                number: PersonSample(np.full((25, 3), index, np.float32), shapes[(index + number) % len(shapes)])
                for number in range(1, 5)
            }
            series.add(index * PERIOD, people)
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert used * 100 < 10e6
    series.end()
    (_, last), _ = series.around(4, 71.9)
    assert last.keypoints[0, 0] == 719
