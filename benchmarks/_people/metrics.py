"""How well a tracker's people are the true ones: TrackEval's HOTA, IDF1 and switches, and the patient's identity.

A tracked person and a true one are compared by the overlap (intersection over union) of two boxes that are made in the
same way: around those joints that are labelled and visible in the frame, once at the true and once at the tracked
positions, with a margin. The outline's own box is not used: a tracker of poses has none, and the joints that it guesses
outside the frame and behind other people would decide about the overlap. How well the single joints fit is stated
beside it, as COCO's object keypoint similarity (OKS).

A true person counts in the frames in which at least a share of them, and three joints, are visible. In the other frames
they may be found or not: a tracked person there is neither right nor wrong.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.clip import PersonTruth
from sightline.pose import JOINTS

__all__ = [
    "MATCH",
    "SHARES",
    "Scores",
    "Tracked",
    "check_trackeval",
    "combine",
    "counts",
    "evaluate",
    "matches",
    "oks",
    "overlap",
]

Tracked = Mapping[int, NDArray[np.float32]]
"""The people of a frame by number: keypoints, shape (25, 3)."""
Floats = NDArray[np.float64]

MATCH = 0.5
"""The least overlap of a match, for IDF1, the switches and the patient."""
SHARES = (0.3, 0.5)
"""The visible shares from which on a person counts: the one of the targets, and a second one for comparison."""
_VISIBLE_JOINTS = 3
_KEPT = 0.95
_MARGIN = 0.06
"""Margin of the boxes around the joints, in heights of the person, as that of people found in photos."""

_SIGMAS = {"nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062}
_SIGMAS |= {"hip": 0.107, "knee": 0.087, "ankle": 0.089}
"""COCO's constants of the joints."""
_LABELLED = [i for i, name in enumerate(JOINTS) if name.split("_")[-1] in _SIGMAS and name != "mid_hip"]
_WIDTHS = 2 * np.array([_SIGMAS[JOINTS[joint].split("_")[-1]] for joint in _LABELLED])


@dataclass(frozen=True)
class Scores:
    """A clip's results: of TrackEval by metric, and of the patient.

    ``fit``: the sum of the matches' OKS, and their number. ``frames`` is the number of frames in which the patient
    counts, ``found`` in how many of them they are matched, and ``kept`` whether they have one number from start to end:
    that of the first and the last match, and of 95 % of all.
    """

    metrics: dict[str, Any]
    fit: tuple[float, int]
    frames: int
    found: int
    kept: bool


def oks(truth: PersonTruth, tracked: NDArray[np.float32], joints: NDArray[np.bool_]) -> float:
    """Return the similarity, 0 to 1, over the given joints, shape (25,); 0 if none of them is labelled."""
    used = joints[_LABELLED]
    if not used.any():
        return 0.0
    difference = (truth.keypoints - tracked)[_LABELLED][used, :2].astype(np.float64)
    known = tracked[_LABELLED][used, 2] > 0
    similarity = np.exp(-(difference**2).sum(axis=1) / (2 * truth.area * _WIDTHS[used] ** 2))
    return float(np.where(known, similarity, 0).mean())


def overlap(truth: PersonTruth, tracked: NDArray[np.float32], joints: NDArray[np.bool_]) -> float:
    """Return the overlap of the boxes around the given joints, shape (25,), 0 to 1; 0 if none of them is labelled."""
    used = [joint for joint in _LABELLED if joints[joint] and truth.keypoints[joint, 2] > 0 and tracked[joint, 2] > 0]
    if not used:
        return 0.0
    margin = _MARGIN * truth.height
    low, high = (
        np.array([find(points[used, :2], axis=0) for points in (truth.keypoints, tracked)], np.float64) + sign * margin
        for find, sign in ((np.min, -1), (np.max, 1))
    )
    shared = np.maximum(high.min(axis=0) - low.max(axis=0), 0).prod()
    return float(shared / ((high - low).prod(axis=1).sum() - shared))


def counts(truth: PersonTruth, share: float = SHARES[0]) -> bool:
    """Return whether enough of a person is visible for them to be expected."""
    return truth.share >= share and int(truth.visible[_LABELLED].sum()) >= _VISIBLE_JOINTS


def matches(
    people: Sequence[PersonTruth], tracked: Tracked, share: float = SHARES[0]
) -> tuple[list[int], list[int], Floats]:
    """Return the numbers of the true and of the tracked people of a frame who count, and their overlaps."""
    numbers = list(tracked)
    similar = np.zeros((len(people), len(numbers)))
    expected = [counts(truth, share) for truth in people]
    for row, truth in enumerate(people):
        # Somebody who is hidden can be found by what little is visible, or by a guess.
        joints = truth.visible if expected[row] else truth.keypoints[:, 2] > 0
        similar[row] = [overlap(truth, tracked[number], joints) for number in numbers]
    unjudged = {column for row, column in _pairs(similar) if not expected[row]}
    rows = [row for row in range(len(people)) if expected[row]]
    columns = [column for column in range(len(numbers)) if column not in unjudged]
    return [people[row].person for row in rows], [numbers[column] for column in columns], similar[np.ix_(rows, columns)]


def evaluate(
    truths: Sequence[Sequence[PersonTruth]], tracked: Sequence[Tracked], patient: int, share: float = SHARES[0]
) -> Scores:
    """Return the scores of a clip from the true and the tracked people of each frame."""
    frames = [matches(people, found, share) for people, found in zip(truths, tracked, strict=True)]
    paired = [{people[row]: numbers[column] for row, column in _pairs(similar)} for people, numbers, similar in frames]
    fits = [
        oks(people[person - 1], found[number], people[person - 1].visible)
        for people, found, pairs in zip(truths, tracked, paired, strict=True)
        for person, number in pairs.items()
    ]
    expected = [pairs.get(patient) for pairs, (people, _, _) in zip(paired, frames, strict=True) if patient in people]
    own = [number for number in expected if number is not None]
    usual = max(own, key=own.count, default=None)
    kept = bool(own) and own[0] == own[-1] == usual and own.count(usual) >= _KEPT * len(own)
    return Scores(_trackeval(frames), (sum(fits), len(fits)), len(expected), len(own), kept)


def combine(scores: Mapping[str, Scores]) -> dict[str, float]:
    """Return the results over all clips, by name."""
    merged = {
        name: metric.combine_sequences({clip: score.metrics[name] for clip, score in scores.items()})
        for name, metric in _metrics().items()
    }
    hota, clear, identity = merged["HOTA"], merged["CLEAR"], merged["Identity"]
    return {
        "HOTA": float(hota["HOTA"].mean()),
        "DetA": float(hota["DetA"].mean()),
        "AssA": float(hota["AssA"].mean()),
        "LocA": float(hota["LocA"].mean()),
        "IDF1": float(identity["IDF1"]),
        "OKS": sum(score.fit[0] for score in scores.values()) / max(1, sum(score.fit[1] for score in scores.values())),
        "switches": int(clear["IDSW"]),
        "recall": float(clear["CLR_Re"]),
        "precision": float(clear["CLR_Pr"]),
        "patient kept": float(np.mean([score.kept for score in scores.values()])),
        "patient found": sum(score.found for score in scores.values()) / max(1, sum(s.frames for s in scores.values())),
    }


def _pairs(similar: Floats) -> list[tuple[int, int]]:
    """Return the matched rows and columns."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-similar)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if similar[row, column] >= MATCH]


def _trackeval(frames: Sequence[tuple[list[int], list[int], Floats]]) -> dict[str, Any]:
    people = sorted({number for frame in frames for number in frame[0]})
    numbers = sorted({number for frame in frames for number in frame[1]})
    data = {
        "num_timesteps": len(frames),
        "gt_ids": [np.array([people.index(number) for number in frame[0]], int) for frame in frames],
        "tracker_ids": [np.array([numbers.index(number) for number in frame[1]], int) for frame in frames],
        "similarity_scores": [frame[2] for frame in frames],
        "num_gt_ids": len(people),
        "num_tracker_ids": len(numbers),
        "num_gt_dets": sum(len(frame[0]) for frame in frames),
        "num_tracker_dets": sum(len(frame[1]) for frame in frames),
    }
    return {name: metric.eval_sequence(data) for name, metric in _metrics().items()}


def check_trackeval() -> None:
    """Exit with a message unless TrackEval is installed."""
    try:
        importlib.import_module("trackeval.metrics")
    except ImportError as error:
        raise SystemExit("benchmarks.people needs the package trackeval 1.3.0, of the extra dev") from error


def _metrics() -> dict[str, Any]:
    module: Any = importlib.import_module("trackeval.metrics")
    options = {"THRESHOLD": MATCH, "PRINT_CONFIG": False}
    return {"HOTA": module.HOTA(), "CLEAR": module.CLEAR(options), "Identity": module.Identity(options)}
