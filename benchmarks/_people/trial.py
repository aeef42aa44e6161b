"""One clip, tracked in all ways and scored. Runs in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.association import baselines
from benchmarks._people.clip import Clip, ComposedFrame, PersonTruth
from benchmarks._people.composer import compose, single
from benchmarks._people.detections import Detections, detections
from benchmarks._people.estimates import StoredEstimator
from benchmarks._people.metrics import MATCH, SHARES, Scores, Tracked, counts, evaluate, overlap
from benchmarks._people.single_tracker import PoseTracker
from benchmarks._people.stored import stored_frames
from sightline.pose import PeopleTracker, PoseEstimator
from sightline.pose.linking import link_pieces

__all__ = ["OURS", "PERFECT", "SingleTrial", "Trial", "run_single", "run_trial", "track_people"]

OURS, PERFECT = "sightline", "perfect association"
"""The names of two rows: this project's tracker, and what the detections would allow."""
_CERTAIN = 0.5

Truths = Sequence[Sequence[PersonTruth]]
Keypoints = NDArray[np.float32]


@dataclass(frozen=True)
class Trial:
    """The scores of a clip by the visible share from which on people count, and by the way of tracking.

    ``away``: the patient's longest absence in seconds.
    """

    seed: int
    people: int
    tags: tuple[str, ...]
    frames: int
    away: float
    scores: dict[float, dict[str, Scores]]


@dataclass(frozen=True)
class SingleTrial:
    """A clip of one person, tracked by the single-person tracker ("before") and by ours ("after").

    ``frames``: in how many the person counts. ``found``: in how many of them each has a pose. ``error``: the mean
    distance of the labelled visible joints from the labels, in pixels. ``difference``: the distances between the two
    trackers' joints, in pixels, where both are confident. ``extra``: the other people that ours reports, in frames.
    """

    seed: int
    frames: int
    found: dict[str, int]
    error: dict[str, float]
    difference: list[float] = field(default_factory=list)
    extra: int = 0


def run_trial(seed: int, with_baselines: bool) -> Trial:
    """Track the clip of a seed in all ways, and score them."""
    clip = compose(seed)
    frames = stored_frames(f"{seed}", clip)
    truths = [frame.people for frame in frames]
    tracked: dict[str, Sequence[Tracked]] = {}
    tracked[OURS] = track_people(frames, StoredEstimator(f"{seed}"))
    if with_baselines:
        found = detections(f"{seed}", frames)
        for name, association in baselines().items():
            number = association()
            tracked[name] = [
                _numbered(people, number(people, frame.time)) for people, frame in zip(found, frames, strict=True)
            ]
        tracked[PERFECT] = [
            _numbered(people, _perfect(people, truth)) for people, truth in zip(found, truths, strict=True)
        ]
    scores = {
        share: {name: evaluate(truths, people, clip.patient, share) for name, people in tracked.items()}
        for share in SHARES
    }
    return Trial(seed, len(clip.actors), tuple(sorted(clip.tags)), len(frames), _away(clip, truths), scores)


def run_single(seed: int) -> SingleTrial:
    """Track a clip of one person with the single-person tracker and with ours."""
    frames = stored_frames(f"single-{seed}", single(seed))
    poses: dict[str, list[Keypoints | None]] = {}
    with PoseTracker(StoredEstimator(f"single-{seed}")) as before:
        poses["before"] = [before.track(frame.rgb, frame.time) for frame in frames]
    tracked = track_people(frames, StoredEstimator(f"single-{seed}"))
    main = _main(tracked)
    poses["after"] = [people.get(main) for people in tracked]
    extra = sum(len(people) - (main in people) for people in tracked)
    counted = [index for index, frame in enumerate(frames) if counts(frame.people[0])]
    found = {name: sum(poses[name][index] is not None for index in counted) for name in poses}
    error = {name: _error(frames, poses[name]) for name in poses}
    both = zip(poses["before"], poses.get("after", []), strict=False)
    difference = [_difference(one, other) for one, other in both if one is not None and other is not None]
    return SingleTrial(seed, len(counted), found, error, np.concatenate([*difference, []]).tolist(), extra)


def track_people(frames: Sequence[ComposedFrame], estimator: PoseEstimator | None = None) -> list[Tracked]:
    """Return the people of each frame; ``estimator``: the models, by default loaded."""
    found = []
    with PeopleTracker(estimator=estimator) as tracker:
        for frame in frames:
            found += tracker.track(frame.rgb, frame.time)
        found += tracker.finish()
        people = link_pieces(tracker.pieces)
    numbers = {piece.number: number for number, person in enumerate(people, 1) for piece in person.pieces}
    return [
        {numbers[piece]: person.keypoints for piece, person in seen.items() if piece in numbers} for _, seen in found
    ]


def _numbered(people: Detections, numbers: Sequence[int]) -> Tracked:
    return {number: pose for number, pose in zip(numbers, people.keypoints, strict=True) if number}


def _perfect(people: Detections, truths: Sequence[PersonTruth]) -> list[int]:
    """Return the numbers of the true people, and numbers of nobody for false detections."""
    from scipy.optimize import linear_sum_assignment

    numbers = [1000 + row for row in range(len(people.keypoints))]
    similar = np.array(
        [[overlap(truth, pose, truth.keypoints[:, 2] > 0) for pose in people.keypoints] for truth in truths]
    )
    if similar.size:
        for row, column in zip(*linear_sum_assignment(-similar), strict=True):
            if similar[row, column] >= MATCH / 2:
                numbers[column] = truths[row].person
    return numbers


def _away(clip: Clip, truths: Truths) -> float:
    """Return the patient's longest absence between two appearances, in seconds."""
    seen = np.flatnonzero([counts(people[clip.patient - 1]) for people in truths])
    return float(max(np.diff(seen), default=1) - 1) / 10


def _main(tracked: Sequence[Tracked]) -> int:
    numbers = [number for people in tracked for number in people]
    return max(set(numbers), key=numbers.count, default=0)


def _error(frames: Sequence[ComposedFrame], poses: Sequence[Keypoints | None]) -> float:
    distances = []
    for frame, pose in zip(frames, poses, strict=True):
        truth = frame.people[0]
        if pose is not None and counts(truth):
            known = truth.visible & (truth.keypoints[:, 2] == 1) & (pose[:, 2] > 0)
            distances.extend(np.linalg.norm((truth.keypoints - pose)[known, :2], axis=1).tolist())
    return float(np.mean(distances)) if distances else float("nan")


def _difference(one: Keypoints, other: Keypoints) -> NDArray[np.float64]:
    both = (one[:, 2] >= _CERTAIN) & (other[:, 2] >= _CERTAIN)
    return np.asarray(np.linalg.norm((one - other)[both, :2], axis=1), np.float64)
