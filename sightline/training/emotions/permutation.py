"""Permutation test: is a model better than the same model on shuffled labels?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.progress import Progress
from sightline.training.emotions.out_of_fold import out_of_fold
from sightline.training.emotions.pipelines import MakePipeline

__all__ = ["PermutationResult", "permutation_test", "shuffle_between_videos"]

Labels = NDArray[np.int64]


class PermutationResult(NamedTuple):
    """The mean accuracy on shuffled labels (None if there were none), and the p-value of the true labels."""

    accuracy: float | None
    p_value: float


def permutation_test(
    make: MakePipeline,
    features: NDArray[np.float64],
    labels: Labels,
    groups: Labels,
    *,
    permutations: int,
    seed: int,
    progress: Progress | None = None,
) -> PermutationResult:
    """Test a model's out-of-fold accuracy against shuffled labels, with one cross-validation per permutation.

    The p-value is (b + 1) / (m + 1), if b of m permutations are at least as accurate as the true labels: M. Ojala and
    G. Garriga, Permutation Tests for Studying Classifier Performance (2010), test 1; B. Phipson and G. Smyth,
    Permutation P-values Should Never Be Zero (2010). The test holds for any model that ``make`` returns, so a smaller
    model than the published one can be used to save time.
    """
    if not permutations:
        return PermutationResult(None, 1.0)
    rng = np.random.default_rng(seed)
    truth = _accuracy(make, features, labels, groups, seed)
    accuracies: list[float] = []
    # Sequential: starting a process takes as long as a hundred permutations of a patient's sessions.
    for _ in range(permutations):
        accuracies.append(_accuracy(make, features, shuffle_between_videos(labels, groups, rng), groups, seed))
        if progress:
            progress(len(accuracies) / permutations)
    at_least = sum(accuracy >= truth for accuracy in accuracies)
    return PermutationResult(float(np.mean(accuracies)), (at_least + 1) / (permutations + 1))


def shuffle_between_videos(labels: Labels, groups: Labels, rng: np.random.Generator) -> Labels:
    """Return the labels with those of each video exchanged for another video's.

    Sessions of one video are similar, so their labels stay together. If a video has more sessions than the labels it
    gets, they repeat.
    """
    videos = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    shuffled = np.empty_like(labels)
    for video, other in zip(videos, rng.permutation(len(videos)), strict=True):
        shuffled[video] = np.resize(labels[videos[other]], len(video))
    return shuffled


def _accuracy(make: MakePipeline, features: NDArray[np.float64], labels: Labels, groups: Labels, seed: int) -> float:
    predicted = out_of_fold(make, features, labels, groups, seed).argmax(axis=1)
    return float((predicted == labels).mean())
