"""A model that is good is found to be, and one that is not is found out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.features import FEATURE_NAMES
from sightline.training.emotions import (
    SessionTable,
    Validated,
    Validation,
    cut_folds,
    fit_forest,
    fold_count,
    shuffled_between_videos,
    validate,
)
from tests.emotions import QUICK, synthetic_table, table_of


@pytest.fixture(scope="module")
def sessions() -> SessionTable:
    return synthetic_table()


@pytest.fixture(scope="module")
def validated(sessions: SessionTable) -> Validated:
    return validate(sessions, **QUICK)


def test_on_five_emotions_of_twelve_sessions_the_forest_beats_the_dummy_by_a_wide_margin(validated: Validated) -> None:
    found = validated.validation
    assert found.dummy_accuracy == 0.2
    assert found.accuracy > 0.55
    assert found.over_dummy.interval[0] > 0.2
    assert found.p_value == 0.05, "none of 19 shuffled labels came to as much"
    assert found.shuffled_accuracy is not None
    assert found.shuffled_accuracy < 0.3
    assert found.beats_dummy
    assert found.beats_chance
    assert found.proven
    assert found.verdict.startswith("right on ")


def test_on_shuffled_labels_it_does_not(sessions: SessionTable) -> None:
    emotions = [record.emotion for record in sessions.sessions]
    shuffled = np.random.default_rng(0).permutation(emotions).tolist()
    found = validate(table_of(shuffled, features=sessions.features), **QUICK).validation
    assert not found.beats_dummy
    assert not found.beats_chance
    assert not found.proven
    assert found.verdict.startswith("not yet: ")
    assert "shuffled labels do as well" in found.verdict


def test_where_the_emotions_do_not_differ_it_does_not() -> None:
    found = validate(synthetic_table("bob", separation=0), **QUICK | {"permutations": 0}).validation
    assert not found.proven
    assert "not clearly better than always saying" in found.verdict


def test_the_probabilities_are_those_that_the_figures_are_of(validated: Validated, sessions: SessionTable) -> None:
    found, said = validated.validation, validated.out_of_fold
    assert said.shape == (60, 5)
    assert (said.argmax(axis=1) == sessions.labels).mean() == found.accuracy
    assert np.trace(np.array(found.confusion_matrix)) == round(60 * found.accuracy)
    assert set(found.per_class) == set(found.classes) == set(sessions.classes)


def test_the_same_seed_gives_the_same() -> None:
    table = table_of(["happy", "sad"] * 5)
    one, two = (validate(table, trees=3, repeats=1, permutations=4) for _ in range(2))
    assert one.validation == two.validation
    assert np.array_equal(one.out_of_fold, two.out_of_fold)


def test_it_can_be_written_into_a_record_and_read_again(validated: Validated) -> None:
    found = validated.validation
    assert Validation.model_validate_json(found.model_dump_json()) == found
    assert found.model_dump(mode="json")["verdict"] == found.verdict


def test_a_dummy_that_is_as_good_is_not_beaten() -> None:
    # Two in three are happy and the rest cannot be told apart: saying happy is right more often than any guess.
    found = validate(table_of(["happy", "happy", "sad"] * 10), **QUICK | {"permutations": 0}).validation
    assert (found.dummy, found.dummy_accuracy) == ("happy", pytest.approx(2 / 3))
    assert not found.beats_dummy
    assert not found.beats_chance, "nothing was shuffled, so nothing is shown"
    assert found.shuffled_accuracy is None


def test_the_logistic_regression_is_told_of_where_it_is_better() -> None:
    # Only the difference of two features tells the class: what a line sees and a tree hardly does.
    features = np.zeros((60, 88))
    level = np.random.default_rng(5).normal(0, 10, 60)
    features[:, :2] = np.stack([level, level + np.tile([-1, 1], 30)], axis=1)
    emotions = ["happy", "sad"] * 30
    found = validate(table_of(emotions, features=features), **QUICK | {"permutations": 0}).validation
    assert found.logistic_accuracy > found.accuracy
    assert not found.beats_logistic


def test_the_feature_that_the_class_hangs_on_is_the_most_important() -> None:
    features = np.random.default_rng(2).normal(size=(40, 88))
    features[:, 30] += np.tile([0, 6], 20)
    found = validate(table_of(["happy", "sad"] * 20, features=features), **QUICK | {"permutations": 0}).validation
    first, second, *others = found.importance
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


def test_of_a_single_video_nothing_is_ever_proven() -> None:
    features = np.random.default_rng(1).normal(size=(40, 88)) + 3 * (np.arange(40) % 2)[:, None]
    found = validate(
        table_of(["happy", "sad"] * 20, features=features, videos=[0] * 40), **QUICK | {"permutations": 0}
    ).validation
    assert found.accuracy == 1
    assert not found.proven
    assert "all sessions are of one video" in found.verdict


def test_the_share_that_is_done_rises_to_all() -> None:
    told: list[float] = []
    validate(table_of(["happy", "sad"] * 5), trees=2, repeats=2, permutations=3, progress=told.append)
    assert told == sorted(told)
    assert len(told) == 5
    assert told[-1] == pytest.approx(1)


def test_the_forest_takes_what_is_not_known_as_it_is() -> None:
    table = synthetic_table(sessions_per_emotion=3, separation=2)
    assert np.isnan(table.features).any(), "in some sessions the legs are out of sight"
    forest = fit_forest(table, trees=10)
    assert np.allclose(forest.predict_proba(np.full((1, 88), np.nan)).sum(), 1)
    assert forest.classes_.tolist() == [0, 1, 2, 3, 4]
    assert len(forest[-1].estimators_) == 10


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Sessions in videos of one class each."""
    videos = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), min_size=4, max_size=20))
    labels = np.repeat([label for label, _ in videos], [size for _, size in videos])
    groups = np.repeat(np.arange(len(videos)), [size for _, size in videos])
    return np.unique(labels, return_inverse=True)[1], groups


@given(sessions=labelled(), seed=st.integers(0, 99))
def test_each_session_is_tested_once_and_no_video_is_on_both_sides(
    sessions: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    labels, groups = sessions
    if len(labels) < 2 * fold_count(labels, groups):
        return
    folds = cut_folds(labels, groups, seed)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(labels)))
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert len(fold.train) + len(fold.test) == len(labels)


@given(sessions=labelled(), seed=st.integers(0, 99))
def test_labels_are_shuffled_between_videos_and_not_within(sessions: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    labels, groups = sessions
    shuffled = shuffled_between_videos(labels, groups, np.random.default_rng(seed))
    of_videos = [set(shuffled[groups == video]) for video in np.unique(groups)]
    assert all(len(found) == 1 for found in of_videos), "the sessions of a video stay of one class"
    before = sorted(labels[groups == video][0] for video in np.unique(groups))
    assert sorted(found.pop() for found in of_videos) == before, "each class keeps its number of videos"
