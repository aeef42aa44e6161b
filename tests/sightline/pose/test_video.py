"""The people of a video, from one pass over its frames, with a tracker that finds what the test says."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.media import probe
from sightline.pose import track_video
from sightline.pose.estimator import Person
from sightline.pose.pieces import Piece
from tests.figures import BLUE, GREEN, RED, look, person
from tests.videos import make_video

PLACES = {1: 150.0, 2: 450.0, 3: 560.0}
LOOKS = {1: RED, 2: BLUE, 3: GREEN}


class Tracker:
    """Finds two people in every frame, and a third one in the first three."""

    def __init__(self, *, segmentation: bool) -> None:
        self.latest: dict[int, Person] = {}
        self._pieces: dict[int, Piece] = {}
        self._frames = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def track(self, rgb: NDArray[np.uint8], time: float) -> list[tuple[float, dict[int, Person]]]:
        self.latest = {
            number: person(x, 40, 240 if number < 3 else 60)
            for number, x in PLACES.items()
            if number < 3 or self._frames < 3
        }
        for number, found in self.latest.items():
            if number in self._pieces:
                self._pieces[number].extend(found, look(LOOKS[number]), time, is_covered=False)
            else:
                self._pieces[number] = Piece.begin_with(number, found, look(LOOKS[number]), time)
        self._frames += 1
        return [(time, self.latest)]

    def finish(self) -> list[tuple[float, dict[int, Person]]]:
        return []

    @property
    def pieces(self) -> list[Piece]:
        return list(self._pieces.values())


def test_question_shows_everyone_who_may_be_the_patient_and_nobody_seen_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.pose.video.PeopleTracker", Tracker)
    video = make_video(tmp_path / "clip.mp4", frames=80, rate=10, size=(640, 360))
    tracked = track_video(probe(video), [], tmp_path, fps=10)
    assert tracked.identity.how == "undecided"
    assert [(seen.person, seen.picture) for seen in tracked.identity.people] == [
        (1, "person_1.jpg"),
        (2, "person_2.jpg"),
    ]
    assert [path.name for path in tracked.pictures] == ["person_1.jpg", "person_2.jpg"]
    assert tracked.track.numbers == (1, 2, 3), "the track has everyone, so that everyone can be hidden"
