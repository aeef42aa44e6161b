"""People get their final numbers at the end of the tracking."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.media import FaceSeries, Heads, PeopleSeries, PersonSample, Silhouette

PERIOD = 0.1
STEPS = st.lists(st.sets(st.integers(1, 5)), min_size=1, max_size=25)


def sample(value: float, *, shape: bool = False) -> PersonSample:
    mask = Silhouette.from_mask(np.ones((20, 10), np.uint8), left=round(value)) if shape else None
    return PersonSample(np.array([[value, value, 1]], np.float32), mask)


def series_of(steps: list[set[int]]) -> PeopleSeries:
    series = PeopleSeries([], PERIOD)
    for index, numbers in enumerate(steps):
        series.add(index * PERIOD, {number: sample(100 * number + index, shape=True) for number in numbers})
    return series


def values(series: PeopleSeries, number: int) -> list[tuple[float, float]]:
    return [(time, float(one.keypoints[0, 0])) for time, one in series.samples(number, -1, 100)]


class TestPeople:
    def test_pieces_of_one_person_are_joined(self) -> None:
        series = series_of([{1}, {1}, {2}, {2, 3}, {3}])
        series.renumber({1: 1, 2: 1, 3: 2})
        series.end()
        assert [value for _, value in values(series, 1)] == [100, 101, 202, 203]
        assert [value for _, value in values(series, 2)] == [303, 304]
        assert series.at(0.15)[1][0, 0] == pytest.approx(151.5)

    def test_numbers_may_be_exchanged(self) -> None:
        series = series_of([{1, 2}, {1, 2}])
        series.renumber({1: 2, 2: 1})
        series.end()
        assert [series.at(0.05)[number][0, 0] for number in (1, 2)] == pytest.approx([200.5, 100.5])

    def test_people_without_a_number_are_removed(self) -> None:
        series = series_of([{1, 2}, {2}])
        series.renumber({1: 1})
        series.end()
        assert series.at(0.0).keys() == {1}
        assert series.numbers_around(0.1, 5) == [1]

    def test_silhouettes_stay_with_their_samples(self) -> None:
        series = series_of([{1}, {2}, {2}, {4}])
        series.add(0.4, {4: sample(500)})
        series.renumber({1: 3, 2: 3, 4: 3})
        series.end()
        samples = [one for _, one in series.samples(3, 0, 9)]
        lefts = [one.silhouette.box[0] if one.silhouette else None for one in samples]
        assert lefts == [pytest.approx(100), pytest.approx(201), pytest.approx(202), pytest.approx(403), None]

    def test_of_pieces_that_overlap_the_later_one_counts(self) -> None:
        series = series_of([{1}, {1}, {1, 2}, {1, 2}, {2}])
        series.renumber({1: 1, 2: 1})
        series.end()
        assert [value for _, value in values(series, 1)] == [100, 101, 202, 203, 204]
        lefts = [one.silhouette.box[0] for _, one in series.samples(1, 0, 9) if one.silhouette]
        assert lefts == pytest.approx([100, 101, 202, 203, 204])

    @given(STEPS, st.dictionaries(st.integers(1, 5), st.integers(1, 3)))
    def test_times_rise_and_every_sample_is_that_of_a_piece(
        self, steps: list[set[int]], numbers: dict[int, int]
    ) -> None:
        series = series_of(steps)
        series.renumber(numbers)
        series.end()
        seen = {number for people in steps for number in people}
        people = {numbers[number] for number in seen & numbers.keys()}
        assert set(series.numbers_around(0, 100)) == people
        for person in people:
            found = values(series, person)
            assert all(later[0] > earlier[0] for earlier, later in pairwise(found))
            for time, value in found:
                assert numbers[int(value // 100)] == person
                assert value % 100 == pytest.approx(time / PERIOD)


class TestFaces:
    def heads(self, *owners: int) -> Heads:
        boxes = np.arange(4 * len(owners), dtype=np.float32).reshape(-1, 4)
        return Heads(boxes, np.array(owners, np.int64))

    def test_owners_get_their_numbers_and_others_are_nobodys(self) -> None:
        faces = FaceSeries(0.1)
        for time, heads in ((0.0, self.heads(5, 0, 2)), (0.2, None), (0.4, self.heads()), (0.6, self.heads(2, 7))):
            faces.add(time, heads)
        faces.renumber({5: 1, 2: 1, 3: 2})
        faces.end()
        owners = [heads.owners.tolist() for time in (0.0, 0.4, 0.6) for _, heads in faces.near(time)]
        assert owners == [[1, 0, 1], [], [1, 0]]
        assert np.array_equal(faces.at(0.0), self.heads(5, 0, 2).boxes)
