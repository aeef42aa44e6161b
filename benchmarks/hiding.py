"""How well other people are hidden. On composed clips of two to four people, of which the alpha of each is known.

Prints, and writes to ``benchmarks/out/hiding.json``, for each number of people:

- the share of the visible pixels of others that is left, in the mean and in the worst clip. Target: below 1 %;
- the share of the patient's visible pixels that is hidden needlessly;
- the frames in which the face detector finds a face, or the pose detector a person, in the hidden part;
- the milliseconds of a frame of 1280x720.

Clips have 30 frames a second, of which every third is a sample, as in a session. People are associated by the truth, so
that the figures are of hiding alone; a person whom the models do not find is lost, as in a session. With ``--faces``,
:class:`~sightline.pose.FaceDetector` covers people who are lost, as in a session with hidden people.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import benchmarks._people.clip as clips
from benchmarks._people import Clip, ComposedFrame, PersonTruth, compose, composer
from sightline.media import FaceSeries, Hiding, PeopleSeries
from sightline.media.planes import Planes, copy_planes
from sightline.pose import FaceDetector, PoseEstimator, sample_people, tracking_outputs
from sightline.pose.estimator import Person, Region
from sightline.pose.windows import distinct, full_frame, parts

OUT = Path(__file__).parent / "out"
RATE, EVERY = 30, 3
SECONDS = 6.0
TIMED = (1280, 720)
_VISIBLE = 0.5
_SAME = 0.12
"""Joints that differ from the truth by less than this share of the person's height are theirs."""

Mask = NDArray[np.bool_]


@dataclass
class Figures:
    """The counts of one clip."""

    seed: int
    people: int
    others: int = 0
    left: int = 0
    patient: int = 0
    lost: int = 0
    faces: int = 0
    bodies: int = 0
    checked: int = 0
    milliseconds: list[float] = field(default_factory=list)
    worst: tuple[float, float] = (0.0, 0.0)
    """Share of the others, of at least a thousandth of the frame, that is left in the worst frame, and its time."""


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--clips", type=int, default=12)
    arguments.add_argument("--first", type=int, default=0, help="the first seed")
    arguments.add_argument("--faces", action="store_true", help="cover faces too; ten times as slow")
    arguments.add_argument("--pictures", type=Path, help="write the worst frame of each clip to this folder")
    options = arguments.parse_args()
    for module in (clips, composer):  # the frames between the samples matter here
        module.__dict__["FPS"] = RATE
    figures = []
    with PoseEstimator(segmentation=True) as estimator, FaceDetector() as detector:
        for seed in range(options.first, options.first + options.clips):
            figures.append(_measure(seed, estimator, detector, options.faces, options.pictures))
            _print(f"seed {seed}, {figures[-1].people} people", [figures[-1]])
    result = {}
    for count in sorted({clip.people for clip in figures}):
        result[str(count)] = _print(f"{count} people", [clip for clip in figures if clip.people == count])
    result["all"] = _print("all", figures)
    OUT.mkdir(exist_ok=True)
    (OUT / "hiding.json").write_text(json.dumps(result, indent=2))


def _measure(
    seed: int, estimator: PoseEstimator, detector: FaceDetector, with_faces: bool, pictures: Path | None
) -> Figures:
    clip = compose(seed)
    frames = [frame for frame in clip.frames() if frame.time < SECONDS]
    people, faces = _track(frames, estimator, detector if with_faces else None)
    hiding = Hiding(people, lambda: clip.patient, faces)
    figures, worst = Figures(seed, len(clip.actors)), None
    for frame in frames:
        if clip.size == TIMED:
            planes = _planes(frame.rgb)
            start = time.process_time()
            hiding.draw(planes, frame.time)
            figures.milliseconds.append((time.process_time() - start) * 1e3)
        hidden = hiding.hide(frame.rgb, frame.time)
        covered = (hidden != frame.rgb).any(axis=2)
        alphas = visible_people(clip, frame.index)
        patient = alphas.pop(clip.patient) > _VISIBLE
        others = np.any([alpha > _VISIBLE for alpha in alphas.values()], axis=0) & ~patient
        left = int((others & ~covered).sum())
        figures.others += int(others.sum())
        figures.left += left
        figures.patient += int(patient.sum())
        figures.lost += int((patient & covered).sum())
        share = left / max(int(others.sum()), others.size // 1000)
        if share > figures.worst[0] or worst is None:
            figures.worst, worst = (share, frame.time), (frame.rgb, hidden, others & ~covered)
        if frame.index % (5 * EVERY) == 1:  # between two samples
            _look(figures, hidden, others, estimator, detector)
    if pictures is not None and worst is not None:
        _write(pictures / f"hiding_{seed}.png", *worst)
    return figures


def _planes(rgb: NDArray[np.uint8]) -> Planes:
    import av

    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    return copy_planes(frame, av.VideoFrame(frame.width, frame.height, "yuv420p"))


def visible_people(clip: Clip, index: int) -> dict[int, NDArray[np.float32]]:
    """Return the share of each pixel that shows each person, by number: shape (height, width)."""
    free = np.ones((clip.size[1], clip.size[0]), np.float32)
    alphas = {}
    for actor in sorted(clip.actors, key=lambda actor: actor.depth[index]):
        layer = clips._layer(actor, index, clip)
        alphas[actor.number] = np.zeros_like(free)
        if layer.window is not None:
            alphas[actor.number][layer.window] = layer.alpha * free[layer.window]
            free[layer.window] *= 1 - layer.alpha
    return alphas


def _track(
    frames: list[ComposedFrame], estimator: PoseEstimator, detector: FaceDetector | None
) -> tuple[PeopleSeries, FaceSeries | None]:
    fps = RATE / EVERY
    outputs = tracking_outputs(fps, hide_others=detector is not None)
    series, faces = outputs.people, outputs.faces
    regions: dict[int, Region] = {}
    for number, frame in enumerate(frames[::EVERY]):
        found = _find(frame, regions, estimator)
        regions = {person: sample.region for person, sample in found.items()}
        series.add(frame.time, sample_people(found, (frame.rgb.shape[0], frame.rgb.shape[1])))
        if faces and detector and number % 2 == 0:
            keypoints = {person: sample.keypoints for person, sample in found.items()}
            faces.add(frame.time, detector.find(frame.rgb, keypoints).assigned(keypoints))
    series.end()
    if faces:
        faces.end()
    return series, faces


def _find(frame: ComposedFrame, regions: dict[int, Region], estimator: PoseEstimator) -> dict[int, Person]:
    truths = {truth.person: truth for truth in frame.people if truth.visible.any()}
    found: dict[int, Person] = {}
    for number, region in regions.items():
        _assign(found, truths, estimator.refined_landmarks(frame.rgb, region), number)
    if any(truths[number].share > 0.3 for number in set(truths) - set(found)):
        for region in _proposals(frame.rgb, estimator):
            _assign(found, truths, estimator.refined_landmarks(frame.rgb, region), None)
    return found


def _proposals(rgb: NDArray[np.uint8], estimator: PoseEstimator) -> Iterator[Region]:
    windows = [full_frame(rgb), *parts(rgb, 0.6), *parts(rgb, 0.35)]
    return iter(distinct(found.region for window in windows for found in estimator.detect(rgb, window)))


def _assign(found: dict[int, Person], truths: dict[int, PersonTruth], person: Person | None, only: int | None) -> None:
    """Add a person under the number of whom they are, unless it is already there."""
    if person is None:
        return
    distances = {
        number: float(
            np.linalg.norm(person.keypoints[truth.visible, :2] - truth.keypoints[truth.visible, :2], axis=1).mean()
            / truth.height
        )
        for number, truth in truths.items()
    }
    nearest = min(distances, key=lambda number: distances[number], default=None)
    if nearest is None or nearest in found or distances[nearest] > _SAME or only not in (None, nearest):
        return
    found[nearest] = person


def _look(
    figures: Figures, hidden: NDArray[np.uint8], others: Mask, estimator: PoseEstimator, detector: FaceDetector
) -> None:
    """Count faces and people that the models find where others are."""
    figures.checked += 1
    heads = detector.find(hidden, {}).assigned({})
    for left, top, right, bottom in heads.boxes.round().astype(int).tolist():
        part = others[max(top, 0) : bottom, max(left, 0) : right]
        figures.faces += bool(part.size and part.mean() > _VISIBLE)
    for region in _proposals(hidden, estimator):
        person = estimator.landmarks(hidden, region)
        if person is not None and person.presence > 0.7:
            seen = person.keypoints[person.keypoints[:, 2] > 0.5, :2].astype(int)
            x, y = np.clip(seen, 0, np.array(others.shape[::-1]) - 1).T
            figures.bodies += bool(len(seen) and others[y, x].mean() > _VISIBLE)


def _print(name: str, clips_of: list[Figures]) -> dict[str, Any]:
    left = [clip.left / max(clip.others, 1) for clip in clips_of]
    milliseconds = [value for clip in clips_of for value in clip.milliseconds]
    result: dict[str, Any] = {
        "clips": len(clips_of),
        "left": sum(clip.left for clip in clips_of) / max(sum(clip.others for clip in clips_of), 1),
        "left_in_worst_clip": max(left),
        "patient_hidden": sum(clip.lost for clip in clips_of) / max(sum(clip.patient for clip in clips_of), 1),
        "faces_found": sum(clip.faces for clip in clips_of),
        "people_found": sum(clip.bodies for clip in clips_of),
        "frames_checked": sum(clip.checked for clip in clips_of),
        "milliseconds_720p": statistics.median(milliseconds) if milliseconds else None,
    }
    worst = max(clips_of, key=lambda clip: clip.worst[0])
    print(
        f"{name}: {100 * result['left']:.2f} % of the others left (worst clip "
        f"{100 * result['left_in_worst_clip']:.2f} %, "
        f"worst frame {100 * worst.worst[0]:.1f} % at {worst.worst[1]:.2f} s of seed {worst.seed}), "
        f"{100 * result['patient_hidden']:.1f} % of the patient hidden, {result['faces_found']} faces and "
        f"{result['people_found']} people found in {result['frames_checked']} frames, "
        + ("no clip of 720p" if not milliseconds else f"{result['milliseconds_720p']:.1f} ms per frame of 720p"),
        flush=True,
    )
    return result


def _write(path: Path, rgb: NDArray[np.uint8], hidden: NDArray[np.uint8], left: Mask) -> None:
    from PIL import Image

    marked = hidden.copy()
    marked[left] = (255, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.hstack([rgb, marked])).save(path)


if __name__ == "__main__":
    main()
