"""Whether a model does better than it would if labels meant nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.training.data import Progress
from sightline.training.emotions.out_of_fold import out_of_fold
from sightline.training.emotions.pipelines import MakePipeline

__all__ = ["Shuffled", "against_shuffled_labels", "shuffled_between_videos"]

Labels = NDArray[np.int64]


class Shuffled(NamedTuple):
    """The mean accuracy on shuffled labels, None where there were none, and how rare that of the true ones is there."""

    accuracy: float | None
    p_value: float


def against_shuffled_labels(
    make: MakePipeline,
    features: NDArray[np.float64],
    labels: Labels,
    groups: Labels,
    *,
    permutations: int,
    seed: int,
    progress: Progress | None = None,
) -> Shuffled:
    """The permutation test of a model's out-of-fold accuracy, with one cross-validation to each shuffling.

    The p-value is (b + 1) / (m + 1), b of m shufflings being at least as accurate as the truth: M. Ojala and
    G. Garriga, Permutation Tests for Studying Classifier Performance (2010), test 1; B. Phipson and G. Smyth,
    Permutation P-values Should Never Be Zero (2010). It holds for whatever ``make`` makes, so a lighter model than the
    one that is judged serves as well, and saves time.
    """
    if not permutations:
        return Shuffled(None, 1.0)
    rng = np.random.default_rng(seed)
    truth = _accuracy(make, features, labels, groups, seed)
    found = []
    # One after another: starting a process takes as long as a hundred shufflings of a patient's sessions.
    for _ in range(permutations):
        found.append(_accuracy(make, features, shuffled_between_videos(labels, groups, rng), groups, seed))
        if progress:
            progress(len(found) / permutations)
    at_least = sum(accuracy >= truth for accuracy in found)
    return Shuffled(float(np.mean(found)), (at_least + 1) / (permutations + 1))


def shuffled_between_videos(labels: Labels, groups: Labels, rng: np.random.Generator) -> Labels:
    """Each video's labels given to another one: sessions of one video are alike, and are not shuffled apart.

    A video of more sessions than the labels' own begins them anew.
    """
    videos = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    shuffled = np.empty_like(labels)
    for video, other in zip(videos, rng.permutation(len(videos)), strict=True):
        shuffled[video] = np.resize(labels[videos[other]], len(video))
    return shuffled


def _accuracy(make: MakePipeline, features: NDArray[np.float64], labels: Labels, groups: Labels, seed: int) -> float:
    said = out_of_fold(make, features, labels, groups, seed).argmax(axis=1)
    return float((said == labels).mean())
