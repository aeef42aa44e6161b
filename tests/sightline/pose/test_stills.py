"""Stills are written at once, and finished when it is known who is hidden in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from sightline.media import Hiding, PeopleSeries, PersonSample, Still
from sightline.pose import Keypoints, PeopleTrack, body_outline
from sightline.pose.stills import Stills
from tests.figures import figure

NO_FACES = np.zeros((0, 4), np.float32)


def still(name: str = "frame_000", frame: int = 7, time: float = 0.7) -> Still:
    """Return a still with a fine pattern, which neither a blur nor a hidden person keeps."""
    y, x = np.mgrid[:360, :640]
    pattern = (60 + 120 * ((x // 8 + y // 8) % 2)).astype(np.uint8)
    return Still(name, frame, time, np.stack([pattern] * 3, axis=-1))


def track_of(people: dict[int, dict[int, Keypoints]]) -> PeopleTrack:
    """Return the track of the people in frames, by the frame's number and theirs."""
    rows = [(frame, number, points) for frame, found in people.items() for number, points in found.items()]
    return PeopleTrack(
        frames=np.array([row[0] for row in rows], np.int64),
        times=np.array([row[0] / 10 for row in rows]),
        people=np.array([row[1] for row in rows], np.int64),
        keypoints=np.array([row[2] for row in rows], np.float32).reshape(-1, 25, 3),
        size=(640, 360),
        fps=10.0,
    )


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "JPEG"
        return np.asarray(image).astype(int)


def test_still_is_stored_with_the_people_in_it(tmp_path: Path) -> None:
    stills = Stills(tmp_path)
    stills.add(still(), None)
    stills.add(still("frame_001", 9, 0.9), NO_FACES)
    people = {7: {1: figure(200, 40, 240), 3: figure(400, 40, 240)}, 8: {2: figure(200, 40, 240)}}
    first, second = stills.finish(track_of(people))
    assert (first.image, first.time) == (tmp_path / "frame_000.jpg", 0.7)
    assert first.people.keys() == {1, 3}
    assert np.array_equal(first.people[3], people[7][3])
    assert second.people == {}
    assert np.abs(pixels(first.image) - still().rgb).mean() < 3


def test_faces_are_blurred_and_the_frame_is_not_changed(tmp_path: Path) -> None:
    stills, one = Stills(tmp_path), still()
    stills.add(one, np.array([[100, 50, 180, 130]], np.float32))
    (stored,) = stills.finish(track_of({}))
    written = pixels(stored.image)
    assert written[55:125, 105:175].std() < 10
    assert written[200:300, 300:500].std() > 50
    assert np.array_equal(one.rgb, still().rgb)


def test_others_are_hidden_once_the_patient_is_known(tmp_path: Path) -> None:
    series, patient = PeopleSeries([], 0.1, body_outline), []
    for index in range(15):
        series.add(index / 10, {n: PersonSample(figure(x, 60, 240)) for n, x in ((1, 150), (2, 480))})
    series.end()
    stills = Stills(tmp_path, Hiding(series, lambda: patient[0]))
    stills.add(still(), None)
    assert [path.suffix for path in tmp_path.iterdir()] == [".png"]
    patient.append(2)
    (stored,) = stills.finish(track_of({}))
    assert [path.name for path in tmp_path.iterdir()] == ["frame_000.jpg"]
    written = pixels(stored.image)
    assert written[130:200, 135:165].std(axis=(0, 1)).max() < 6
    assert written[130:200, 465:495].std() > 50
