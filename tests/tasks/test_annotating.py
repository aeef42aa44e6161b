"""The video is annotated while it is tracked, until it matters who the patient is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
import pytest

from sightline.emotion import find_emotions_in, load_keywords
from sightline.media import Overlay, PersonSample, VideoInfo, probe
from sightline.media.banner import Banner
from sightline.media.planes import copy_planes
from sightline.pose import TrackingOutputs
from sightline.speech import Transcript
from tasks.media import track_and_annotate
from tests.figures import figure
from tests.videos import make_video

SIZE = (320, 240)
SECONDS = 1.0
PERIOD = 0.1
HALF = 4
"""Of ten frames: this many are annotated before the tracking ends, if it is not waited for."""


@dataclass
class Work:
    """A task that runs in a thread when it is submitted."""

    pool: ThreadPoolExecutor
    run: Callable[..., Any]

    def submit(self, *arguments: Any) -> Future[Any]:
        return self.pool.submit(self.run, *arguments)


@dataclass
class Stage:
    """Tracking and annotation of ten frames, in which ``people`` are seen.

    Once everything is tracked except the end, the tracking waits ``patience`` seconds for the annotation of the first
    frames. ``failure``: the tracking ends with it at once. ``drawn``: the frames that were annotated; ``before``: those
    before the tracking ended. ``patients``: who the overlay says the patient is.
    """

    people: list[set[int]]
    patient: int | None = 1
    patience: float = 20.0
    failure: Exception | None = None
    drawn: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    patients: list[int | None] = field(default_factory=list)
    annotated: Event = field(default_factory=Event)
    _tracked: Event = field(default_factory=Event)
    _half: Event = field(default_factory=Event)

    def track(self, info: VideoInfo, findings: Any, folder: Path, fps: float, outputs: TrackingOutputs, *_: Any) -> str:
        if self.failure:
            self._tracked.set()
            raise self.failure
        for index, numbers in enumerate(self.people):
            samples = {n: PersonSample(figure(100 * n, 40, 150)) for n in numbers}
            outputs.people.add(index * PERIOD, samples)
        self._tracked.set()
        self._half.wait(self.patience)
        self.before = list(self.drawn)
        outputs.patient.set_result(self.patient)
        outputs.end()
        return "tracked"

    def annotate(self, info: VideoInfo, overlay: Overlay, output: Path) -> Path:
        assert self._tracked.wait(20)
        banner, frame = Banner(*SIZE), av.VideoFrame.from_ndarray(np.full((*SIZE[::-1], 3), 90, np.uint8))
        for index in range(len(self.people)):
            planes = copy_planes(frame, av.VideoFrame(*SIZE, "yuv420p"))
            overlay.draw(planes, index * PERIOD, banner)
            self.drawn.append(index)
            if len(self.drawn) == HALF:
                self._half.set()
        assert overlay.patient
        self.patients.append(overlay.patient())
        self.annotated.set()
        return output


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> VideoInfo:
    return probe(make_video(tmp_path_factory.mktemp("video") / "clip.mp4", frames=10, size=SIZE, rate=10))


@pytest.fixture
def process(info: VideoInfo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    with ThreadPoolExecutor(2) as pool:

        def run(stage: Stage, **options: bool) -> Any:
            monkeypatch.setattr("tasks.media.extract_poses", Work(pool, stage.track))
            monkeypatch.setattr("tasks.media.annotate_video", Work(pool, stage.annotate))
            transcript = Transcript(segments=(), language=None, engine="file", model="clip.vtt")
            findings = find_emotions_in((), SECONDS)
            return track_and_annotate(
                info, transcript, findings, load_keywords(), tmp_path, fps=1 / PERIOD, blur_faces=False, **options
            )

        yield run


def test_one_person_is_annotated_during_the_tracking(process: Callable[..., Any], tmp_path: Path) -> None:
    stage = Stage([{1}] * 10)
    assert process(stage) == ("tracked", tmp_path / "annotated.mp4")
    assert len(stage.before) >= HALF
    assert stage.drawn == list(range(10))
    assert stage.patients == [1]


def test_frames_without_anybody_are_annotated_during_the_tracking(process: Callable[..., Any]) -> None:
    stage = Stage([set()] * 10, patient=None)
    process(stage)
    assert len(stage.before) >= HALF
    assert stage.patients == [None]


@pytest.mark.parametrize(
    "people", [[{1}] * 9 + [{1, 2}], [{1}] * 5 + [{2}] * 5], ids=["together", "one after the other"]
)
def test_annotation_waits_once_a_second_person_was_seen(process: Callable[..., Any], people: list[set[int]]) -> None:
    """The second one may be the same person again, or nobody: that is known at the end."""
    stage = Stage(people, patient=2, patience=0.3)
    process(stage)
    assert stage.before == []
    assert stage.drawn == list(range(10))
    assert stage.patients == [2]


def test_annotation_waits_if_others_are_hidden(process: Callable[..., Any]) -> None:
    stage = Stage([{1}] * 10, patience=0.3)
    process(stage, hide_others=True)
    assert stage.before == []
    assert stage.drawn == list(range(10))


def test_tracking_that_fails_does_not_block_the_annotation(process: Callable[..., Any]) -> None:
    stage = Stage([{1}] * 10, failure=RuntimeError("no models"))
    with pytest.raises(RuntimeError, match="no models"):
        process(stage)
    assert stage.annotated.wait(20)
    assert stage.patients == [None]
