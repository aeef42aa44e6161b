"""Everyone but the patient is hidden in a session's annotated copy and stills: the detector finds nobody else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks._people.clip import FPS
from benchmarks._people.cutouts import photo
from benchmarks._people.scripts import Script
from sightline.media import Overlay, PeopleSeries, PersonSample, annotate, probe
from sightline.pose import (
    JOINTS,
    IdentityWish,
    PicturePoint,
    PoseEstimator,
    TrackingOutputs,
    find_people,
    tracking_outputs,
)
from tests.staging import Staged, plain, room, stage, walker, who

pytestmark = pytest.mark.usefixtures("cutouts")

LOST = 1.2, 1.6
"""For these seconds the carer is not found in the test of a person who is briefly lost."""
_NECK = JOINTS.index("neck")
_MIDDLE = 256
_SAME_NECK = 0.15
"""In heights of the person."""
_PERSON = 0.7
"""The confidence from which on somebody whom the detector finds is a person."""


class Forgetful(PeopleSeries):
    """A series in which only the patient, in the left half of the picture, is found for a while."""

    def add(self, time: float, people: Mapping[int, PersonSample]) -> None:
        lost = LOST[0] <= time < LOST[1]
        left = {number: sample for number, sample in people.items() if sample.keypoints[_NECK, 0] < _MIDDLE}
        super().add(time, left if lost else people)


@dataclass(frozen=True, eq=False)
class Shown:
    """What a reader of the session sees, by the frame's index, and the original frames."""

    staged: Staged
    original: list[NDArray[np.uint8]]
    annotated: list[NDArray[np.uint8]]
    stills: dict[int, NDArray[np.uint8]]


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def shown(path: Path, outputs: TrackingOutputs, scene: NDArray[np.uint8], sway: float = 0.03) -> Shown:
    """Track a patient and a carer who walks past them, and annotate the clip."""
    seconds = 2.4
    staged = stage(
        path,
        seconds,
        walker(1, photo("skier"), Script(-0.9, 3), seconds, sway=sway),
        walker(2, photo("racer"), Script(-0.1, 3.4).go(0.9, 3.4, 0.7), seconds, sway=sway),
        moments=(0.5, 1.4, 2.0),
        scene=scene,
        outputs=outputs,
        wish=IdentityWish(at=PicturePoint(128, 135, 0.5, shares=False)),
    )
    info, target = probe(path), path.with_name(f"{path.stem}_annotated.mp4")
    overlay = Overlay(info.duration, poses=outputs.people, patient=outputs.patient.result, hiding=outputs.hiding)
    annotate(info, overlay, target)
    stills = {
        round(still.time * FPS): np.array(Image.open(still.image).convert("RGB")) for still in staged.video.stills
    }
    return Shown(staged, decoded(path), decoded(target), stills)


def people_in(rgb: NDArray[np.uint8], index: int, seen: Shown) -> set[int]:
    """Return the true people who are found in the picture.

    A plain area can look like a person to the models, such as one upside down; these joints are nobody's.
    """
    truth = seen.staged.truth[index]
    with PoseEstimator() as estimator:
        people = [person for person in find_people(rgb, estimator) if person.confidence >= _PERSON]
    return {
        number
        for person in people
        if (number := who(truth, person.keypoints))
        and math.dist(person.keypoints[_NECK, :2], truth[number - 1].keypoints[_NECK, :2])
        < _SAME_NECK * truth[number - 1].height
    }


@pytest.fixture(scope="module")
def seen(clips: Path) -> Shown:
    return shown(clips / "hidden.mp4", tracking_outputs(FPS, hide_others=True), plain())


class TestCarer:
    def test_carer_would_be_found(self, seen: Shown) -> None:
        assert people_in(seen.original[14], 14, seen) == {1, 2}

    @pytest.mark.parametrize("index", [6, 18])
    def test_only_the_patient_is_found_in_the_annotated_copy(self, seen: Shown, index: int) -> None:
        assert people_in(seen.annotated[index], index, seen) == {1}

    def test_only_the_patient_is_found_in_the_stills(self, seen: Shown) -> None:
        assert len(seen.stills) == 3
        for index, rgb in seen.stills.items():
            assert people_in(rgb, index, seen) == {1}


@pytest.fixture(scope="module")
def lost(clips: Path) -> Shown:
    outputs = tracking_outputs(FPS, hide_others=True)
    series = Forgetful(outputs.people.limbs, outputs.people.period, outputs.people.outline)
    return shown(clips / "lost.mp4", replace(outputs, people=series), plain())


@pytest.mark.soak
class TestCarerWhoIsBrieflyLost:
    @pytest.mark.parametrize("index", range(11, 17))
    def test_carer_stays_hidden(self, lost: Shown, index: int) -> None:
        assert people_in(lost.annotated[index], index, lost) == {1}

    def test_carer_stays_hidden_in_the_still(self, lost: Shown) -> None:
        assert people_in(lost.stills[14], 14, lost) == {1}


@pytest.mark.soak
@pytest.mark.parametrize(("patterns", "sway"), [(True, 0.03), (False, 0.05)])
def test_false_faces_do_not_hide_the_patient(clips: Path, patterns: bool, sway: float) -> None:
    scene = room() if patterns else plain()
    seen = shown(clips / f"false_{patterns}.mp4", tracking_outputs(FPS, hide_others=True), scene, sway)
    assert people_in(seen.annotated[18], 18, seen) == {1}
