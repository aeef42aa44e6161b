"""The head: split by photo, seeded, stopped early; and its metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from sightline.training.common import UnsuitableData
from sightline.training.ranking import RankingParameters
from sightline.training.ranking.evaluate import auc, measure
from sightline.training.ranking.featurize import Features
from sightline.training.ranking.head import read_history, scores_of, split_by_photo, train_head

PARAMETERS = RankingParameters(epochs=30, batch_size=8, lr=0.01, patience=3, seed=3)


def features(photos: int = 30, people: int = 2, apart: float = 1.0, seed: int = 0) -> Features:
    """Return embeddings of photos with several people; ``apart``: the difference between good and bad ones."""
    rng = np.random.default_rng(seed)
    groups = [f"photo {place}" for place in range(photos) for _ in range(people)]
    labels = np.repeat(np.arange(photos) % 2, people)
    embeddings = rng.normal(5, 3, (len(groups), 512)) + apart * labels[:, None]
    return Features(
        tuple(f"{place}.png" for place in range(len(groups))), labels, tuple(groups), embeddings.astype(np.float32)
    )


def test_split_separates_photos_and_keeps_both_labels() -> None:
    data = features()
    for seed in range(5):
        train, validation = split_by_photo(data, 0.2, seed)
        groups = np.array(data.groups)
        assert not set(groups[train]) & set(groups[validation])
        assert set(data.labels[train]) == set(data.labels[validation]) == {0, 1}
        assert len(train) + len(validation) == len(groups)
        assert 0.1 < len(validation) / len(groups) < 0.35


def test_identical_images_are_on_one_side() -> None:
    data = features()
    copied = data.embeddings.copy()
    copied[2] = copied[10]
    twins = Features(data.paths, data.labels, data.groups, copied)
    for seed in range(5):
        train, validation = split_by_photo(twins, 0.2, seed)
        assert {2, 10} <= set(train.tolist()) or {2, 10} <= set(validation.tolist())


def test_too_few_photos_for_validation_are_rejected() -> None:
    with pytest.raises(UnsuitableData, match="a single photo"):
        split_by_photo(features(photos=3), 0.2, 0)


def test_head_depends_on_the_seed_only(tmp_path: Path) -> None:
    """The reference had neither a seed nor a validation split."""
    output = {}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        folder = tmp_path / name
        folder.mkdir()
        train_head(features(), PARAMETERS.model_copy(update={"seed": seed}), folder, lambda share: None)
        output[name] = [(folder / file).read_bytes() for file in ("head.safetensors", "training.json")]
    assert output["a"] == output["b"]
    assert output["a"] != output["c"]


def test_early_stopping_keeps_the_best_epoch(tmp_path: Path) -> None:
    """Random labels are memorised: the validation loss rises immediately."""
    data = features(apart=0.0)
    shares: list[float] = []
    train_head(data, PARAMETERS, tmp_path, shares.append)
    history = read_history(tmp_path)
    assert len(history.validation_losses) == history.epoch + PARAMETERS.patience < PARAMETERS.epochs
    assert min(history.validation_losses) == history.validation_losses[history.epoch - 1]
    assert shares == sorted(shares)
    held_out = [data.paths.index(path) for path in history.validation]
    scores = scores_of(tmp_path, data.embeddings[held_out])
    targets = data.labels[held_out]
    loss = -np.mean(np.log(np.where(targets == 1, scores, 1 - scores)))
    assert loss == pytest.approx(history.validation_losses[history.epoch - 1], rel=1e-3)


def test_separable_embeddings_are_learned(tmp_path: Path) -> None:
    train_head(features(), PARAMETERS, tmp_path, lambda share: None)
    unseen = features(seed=1)
    assert auc(scores_of(tmp_path, unseen.embeddings), unseen.labels) > 0.95


def test_constant_feature_does_not_break_the_head(tmp_path: Path) -> None:
    data = features()
    constant = data.embeddings.copy()
    constant[:, :100] = 7.0
    train_head(Features(data.paths, data.labels, data.groups, constant), PARAMETERS, tmp_path, lambda share: None)
    assert np.isfinite(scores_of(tmp_path, constant)).all()


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, 24, elements=st.sampled_from([0.0, 0.1, 0.4, 0.5, 0.6, 1.0])),
    arrays(np.int64, 24, elements=st.integers(0, 1)).filter(lambda labels: 0 < labels.sum() < 24),
)
def test_metrics_equal_those_of_scikit_learn(scores: np.ndarray, labels: np.ndarray) -> None:
    metrics = measure(scores, labels, tuple(str(place // 2) for place in range(24)), seed=0, draws=3)
    predicted = scores >= 0.5
    assert metrics.roc_auc == pytest.approx(roc_auc_score(labels, scores))
    assert metrics.f1 == pytest.approx(f1_score(labels, predicted, zero_division=0))
    assert metrics.recall == pytest.approx(recall_score(labels, predicted))
    assert (metrics.precision or 0.0) == pytest.approx(precision_score(labels, predicted, zero_division=0))
    assert (metrics.precision is None) == (not predicted.any())
    assert sum(map(sum, metrics.confusion_matrix)) == 24


def test_intervals_contain_the_metric_and_widen_with_fewer_photos() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    alone = measure(scores, labels, tuple(map(str, range(80))), seed=1)
    for name in ("accuracy", "precision", "recall", "f1", "roc_auc"):
        low, high = getattr(alone, f"{name}_interval")
        assert low <= getattr(alone, name) <= high
    # The same people ten times add no information.
    copies = measure(np.tile(scores, 10), np.tile(labels, 10), tuple(map(str, range(80))) * 10, seed=1)
    assert copies.roc_auc_interval == pytest.approx(alone.roc_auc_interval, abs=0.03)
    assert (
        measure(np.tile(scores, 10), np.tile(labels, 10), tuple(map(str, range(800))), seed=1).roc_auc_interval[0]
        > (  # type: ignore[index]
            copies.roc_auc_interval[0]  # type: ignore[index]
        )
    )


def test_same_seed_gives_the_same_intervals() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.random(30), np.arange(30) % 2
    groups = tuple(str(place // 3) for place in range(30))
    assert measure(scores, labels, groups, seed=5) == measure(scores, labels, groups, seed=5)
