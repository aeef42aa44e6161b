"""Validation proves a good model and does not prove a bad one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.features import FEATURE_NAMES
from sightline.training.emotions import (
    SessionTable,
    Validation,
    ValidationResult,
    fit_forest,
    fold_count,
    make_folds,
    shuffle_between_videos,
    validate,
)
from tests.emotions import QUICK, synthetic_table, table_of


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    return synthetic_table()


@pytest.fixture(scope="module")
def validated(sessions: SessionTable) -> ValidationResult:
    return validate(sessions, **QUICK)


def test_forest_clearly_beats_the_dummy_on_separable_emotions(validated: ValidationResult) -> None:
    validation = validated.validation
    assert validation.dummy_accuracy == 0.2
    assert validation.accuracy > 0.55
    assert validation.over_dummy.interval[0] > 0.2
    assert validation.p_value == 0.05, "no permutation reached the accuracy"
    assert validation.shuffled_accuracy is not None
    assert validation.shuffled_accuracy < 0.3
    assert validation.beats_dummy
    assert validation.beats_chance
    assert validation.proven
    assert validation.verdict.startswith("correct on ")


def test_forest_does_not_beat_the_dummy_on_shuffled_labels(sessions: SessionTable) -> None:
    emotions = [record.emotion for record in sessions.sessions]
    shuffled = np.random.default_rng(0).permutation(emotions).tolist()
    validation = validate(table_of(shuffled, features=sessions.features), **QUICK).validation
    assert not validation.beats_dummy
    assert not validation.beats_chance
    assert not validation.proven
    assert validation.verdict.startswith("not yet: ")
    assert "shuffled labels do as well" in validation.verdict


def test_forest_does_not_beat_the_dummy_on_identical_emotions() -> None:
    validation = validate(synthetic_table("bob", separation=0), **QUICK | {"permutations": 0}).validation
    assert not validation.proven
    assert "not clearly better than always predicting" in validation.verdict


def test_metrics_are_computed_from_the_probabilities(validated: ValidationResult, sessions: SessionTable) -> None:
    validation, probabilities = validated.validation, validated.out_of_fold
    assert probabilities.shape == (60, 5)
    assert (probabilities.argmax(axis=1) == sessions.labels).mean() == validation.accuracy
    assert np.trace(np.array(validation.confusion_matrix)) == round(60 * validation.accuracy)
    assert set(validation.per_class) == set(validation.classes) == set(sessions.classes)


def test_same_seed_gives_the_same_validation() -> None:
    table = table_of(["happy", "sad"] * 5)
    one, two = (validate(table, trees=3, repeats=1, permutations=4) for _ in range(2))
    assert one.validation == two.validation
    assert np.array_equal(one.out_of_fold, two.out_of_fold)


def test_validation_survives_a_round_trip_through_json(validated: ValidationResult) -> None:
    validation = validated.validation
    assert Validation.model_validate_json(validation.model_dump_json()) == validation
    assert validation.model_dump(mode="json")["verdict"] == validation.verdict


def test_equally_good_dummy_is_not_beaten() -> None:
    # Two in three sessions are happy and the features carry no information: always predicting happy is best.
    validation = validate(table_of(["happy", "happy", "sad"] * 10), **QUICK | {"permutations": 0}).validation
    assert (validation.dummy, validation.dummy_accuracy) == ("happy", pytest.approx(2 / 3))
    assert not validation.beats_dummy
    assert not validation.beats_chance, "no permutations, no evidence"
    assert validation.shuffled_accuracy is None


def test_verdict_mentions_a_better_logistic_regression() -> None:
    # The class depends on the difference of two features: easy for a linear model, hard for a tree.
    features = np.zeros((60, 88))
    level = np.random.default_rng(5).normal(0, 10, 60)
    features[:, :2] = np.stack([level, level + np.tile([-1, 1], 30)], axis=1)
    emotions = ["happy", "sad"] * 30
    validation = validate(table_of(emotions, features=features), **QUICK | {"permutations": 0}).validation
    assert validation.logistic_accuracy > validation.accuracy
    assert not validation.beats_logistic


def test_feature_that_determines_the_class_ranks_first() -> None:
    features = np.random.default_rng(2).normal(size=(40, 88))
    features[:, 30] += np.tile([0, 6], 20)
    validation = validate(table_of(["happy", "sad"] * 20, features=features), **QUICK | {"permutations": 0}).validation
    first, second, *others = validation.importance
    assert first.feature == FEATURE_NAMES[30]
    assert first.loss > 5 * second.loss
    assert first.deviation > 0
    assert len(others) == 18


def test_sessions_of_one_video_count_as_one_observation() -> None:
    emotions, rng = ["happy", "sad"] * 20, np.random.default_rng(1)
    features = rng.normal(size=(40, 88)) + 3 * (np.arange(40) % 2)[:, None]
    quick = QUICK | {"permutations": 0, "repeats": 1}
    apart = validate(table_of(emotions, features=features), **quick).validation
    videos = np.arange(40) % 8
    together = validate(table_of(emotions, features=features, videos=videos), **quick).validation
    assert (apart.videos, together.videos) == (40, 8)
    assert apart.accuracy == together.accuracy == 1
    assert together.accuracy_interval[0] < 0.7
    assert apart.accuracy_interval[0] > 0.9


def test_single_video_never_proves_a_model() -> None:
    features = np.random.default_rng(1).normal(size=(40, 88)) + 3 * (np.arange(40) % 2)[:, None]
    validation = validate(
        table_of(["happy", "sad"] * 20, features=features, videos=[0] * 40), **QUICK | {"permutations": 0}
    ).validation
    assert validation.accuracy == 1
    assert not validation.proven
    assert "all sessions come from one video" in validation.verdict


def test_progress_rises_to_one() -> None:
    shares: list[float] = []
    validate(table_of(["happy", "sad"] * 5), trees=2, repeats=2, permutations=3, progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) == 5
    assert shares[-1] == pytest.approx(1)


def test_forest_accepts_missing_values() -> None:
    table = synthetic_table(sessions_per_emotion=3, separation=2)
    assert np.isnan(table.features).any(), "in some sessions the legs are outside the image"
    forest = fit_forest(table, trees=10)
    assert np.allclose(forest.predict_proba(np.full((1, 88), np.nan)).sum(), 1)
    assert forest.classes_.tolist() == [0, 1, 2, 3, 4]
    assert len(forest[-1].estimators_) == 10


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw sessions in videos with one class per video."""
    videos = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), min_size=4, max_size=20))
    labels = np.repeat([label for label, _ in videos], [size for _, size in videos])
    groups = np.repeat(np.arange(len(videos)), [size for _, size in videos])
    return np.unique(labels, return_inverse=True)[1], groups


@given(sessions=labelled(), seed=st.integers(0, 99))
def test_folds_test_each_session_once_and_never_split_videos(
    sessions: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    labels, groups = sessions
    if len(labels) < 2 * fold_count(labels, groups):
        return
    folds = make_folds(labels, groups, seed)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(labels)))
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert len(fold.train) + len(fold.test) == len(labels)


@given(sessions=labelled(), seed=st.integers(0, 99))
def test_labels_are_shuffled_between_videos_only(sessions: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    labels, groups = sessions
    shuffled = shuffle_between_videos(labels, groups, np.random.default_rng(seed))
    of_videos = [set(shuffled[groups == video]) for video in np.unique(groups)]
    assert all(len(labels_of_video) == 1 for labels_of_video in of_videos), "the sessions of a video keep one label"
    before = sorted(labels[groups == video][0] for video in np.unique(groups))
    assert sorted(labels_of_video.pop() for labels_of_video in of_videos) == before, (
        "every class keeps its number of videos"
    )
