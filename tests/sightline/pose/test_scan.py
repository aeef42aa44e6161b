"""What moves is searched, and every part of the frame in turn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightline.pose.estimator import SearchWindow
from sightline.pose.scan import Scan, square

HEIGHT, WIDTH = 360, 640


def scene(x: int | None = None, y: int = 150, side: int = 60) -> NDArray[np.uint8]:
    """Return a grey frame with a bright square, or without one."""
    rgb = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    if x is not None:
        rgb[y : y + side, x : x + side] = 220
    return rgb


def motion(*frames: NDArray[np.uint8], people: tuple[NDArray[np.float64], ...] = ()) -> SearchWindow | None:
    scan = Scan((0.6,))
    for rgb in frames:
        scan.look(rgb, people)
    return scan.motion(frames[-1])


def contains(window: SearchWindow, x: float, y: float) -> bool:
    return window.left <= x < window.left + window.width and window.top <= y < window.top + window.height


class TestMotion:
    @pytest.mark.parametrize("x", [0, 100, 500, 580])
    def test_window_is_around_what_moves(self, x: int) -> None:
        window = motion(scene(), scene(x))
        assert window is not None
        assert contains(window, x + 30, 180)
        assert 0 <= window.left <= window.left + window.width <= WIDTH
        assert window.width == window.height < 300

    def test_largest_motion_counts(self) -> None:
        both = scene(100, side=30)
        both[100:200, 400:500] = 220
        window = motion(scene(), both)
        assert window is not None
        assert contains(window, 450, 150)
        assert not contains(window, 115, 165)

    def test_size_of_the_window_alternates(self) -> None:
        scan = Scan((0.6,))
        widths = []
        for index in range(6):
            scan.look(scene(200 if index % 2 else None), ())
            window = scan.motion(scene())
            widths.append(window.width if window else 0)
        assert widths[0] == 0
        assert len(set(widths[1:4])) == 3

    def test_nothing_moves_in_the_first_frame(self) -> None:
        assert motion(scene(100)) is None

    def test_nothing_moves_in_equal_frames(self) -> None:
        assert motion(scene(), scene(100), scene(100)) is None

    def test_noise_is_no_motion(self) -> None:
        random = np.random.default_rng(2)
        frames = [np.clip(scene(100) + random.normal(0, 12, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8) for _ in "ab"]
        assert motion(*frames) is None

    def test_motion_of_a_known_person_does_not_count(self) -> None:
        known = np.array([95.0, 145, 165, 215])
        assert motion(scene(), scene(100), people=(known,)) is None
        assert motion(scene(), scene(300), people=(known,)) is not None

    def test_known_person_may_be_outside_the_frame(self) -> None:
        assert motion(scene(), scene(300), people=(np.array([-500.0, -500, 5, 5]), np.array([900.0, 0, 2000, 90])))

    def test_frame_of_another_size_is_not_compared(self) -> None:
        assert motion(scene(), scene(100)[:, ::2]) is None


class TestNews:
    """What looks as in the last search is not new."""

    KNOWN = np.array([95.0, 145, 165, 215])

    @staticmethod
    def is_new(
        searched: NDArray[np.uint8],
        *later: NDArray[np.uint8],
        before: tuple[NDArray[np.float64], ...] = (),
        after: tuple[NDArray[np.float64], ...] = (),
    ) -> bool:
        scan = Scan((0.6,))
        scan.look(searched, before)
        scan.searched()
        for rgb in later:
            scan.look(rgb, after)
        return scan.is_new

    def test_everything_is_new_before_the_first_search(self) -> None:
        scan = Scan((0.6,))
        assert scan.is_new
        scan.look(scene(), ())
        assert scan.is_new

    def test_equal_frames_are_not_new(self) -> None:
        assert not self.is_new(scene(100), scene(100), scene(100))

    def test_motion_is_new_even_if_it_ends_where_it_began(self) -> None:
        assert self.is_new(scene(100), scene(300), scene(100))

    def test_slow_change_is_new(self) -> None:
        steps = [scene() for _ in range(10)]
        for index, rgb in enumerate(steps):
            rgb[150:210, 300:360] += 4 * index
        assert motion(*steps) is None
        assert self.is_new(*steps)

    def test_next_search_ends_the_news(self) -> None:
        scan = Scan((0.6,))
        for rgb in (scene(), scene(100), scene(100)):
            scan.look(rgb, ())
        assert scan.is_new
        scan.searched()
        scan.look(scene(100), ())
        assert not scan.is_new

    def test_motion_of_a_known_person_is_not_new(self) -> None:
        assert not self.is_new(scene(), scene(100), before=(self.KNOWN,), after=(self.KNOWN,))

    def test_place_that_a_known_person_has_left_slowly_is_not_new(self) -> None:
        steps = [scene() for _ in range(10)]
        for index, rgb in enumerate(steps):
            rgb[150:210, 100:160] += 4 * index
        assert not self.is_new(*steps, before=(self.KNOWN,))

    def test_frame_of_another_size_is_new(self) -> None:
        assert self.is_new(scene(100), scene(100)[:, ::2])


class TestParts:
    def test_all_parts_cover_the_frame_and_then_begin_again(self) -> None:
        scan, rgb = Scan((0.6, 0.35)), scene()
        windows = [scan.next_part(rgb) for _ in range(40)]
        turn = windows.index(windows[0], 1)
        assert windows[turn : 2 * turn] == windows[:turn]
        covered = np.zeros((HEIGHT, WIDTH), bool)
        for left, top, width, height in windows[:turn]:
            covered[top : top + height, left : left + width] = True
        assert covered.all()


@given(
    x=st.floats(-500, 1500), y=st.floats(-500, 1500), side=st.floats(0, 3000),
    width=st.integers(1, 200), height=st.integers(1, 200),
)  # fmt: skip
def test_square_is_within_the_frame(x: float, y: float, side: float, width: int, height: int) -> None:
    window = square(x, y, side, np.zeros((height, width, 3), np.uint8))
    assert window.width == window.height >= 1
    assert 0 <= window.left <= width - window.width
    assert 0 <= window.top <= height - window.height
    if window.width <= x <= width - window.width and window.width <= y <= height - window.width:
        assert abs(window.left + window.width / 2 - x) <= 1
        assert abs(window.top + window.width / 2 - y) <= 1
