"""Faults of the original system's training, one test per fault."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sightline.errors import InvalidInput
from sightline.sessions import SessionStore, read_sessions, track_of
from sightline.training.emotions import (
    forest_pipeline,
    logistic_pipeline,
    make_folds,
    out_of_fold,
    read_session_table,
    validate,
    write_synthetic_sessions,
)
from tests.emotions import QUICK, table_of

ONCE = QUICK | {"trees": 5, "repeats": 1, "permutations": 1}


@pytest.mark.parametrize("make", [partial(forest_pipeline, 10), logistic_pipeline], ids=["forest", "logistic"])
def test_every_step_is_fitted_inside_the_fold(make: Callable[[], Any]) -> None:
    table = table_of(["happy", "sad"] * 10)
    fold = make_folds(table.labels, table.groups, 1)[0]
    one, *others = fold.test
    before = out_of_fold(make, table.features, table.labels, table.groups, 1)
    changed = table.features.copy()
    changed[one] = 1e6
    after = out_of_fold(make, changed, table.labels, table.groups, 1)
    assert np.array_equal(before[others], after[others]), "a test session does not influence the scaling of others"
    assert not np.allclose(np.delete(before, fold.test, axis=0), np.delete(after, fold.test, axis=0)), (
        "in the other folds it is a training session"
    )


@pytest.mark.parametrize("sizes", [(4, 3, 3), (3, 3, 3, 3), (3, 7), (5, 5), (3, 4, 4), (30, 3)], ids=str)
def test_split_works_with_classes_near_the_minimum(sizes: tuple[int, ...]) -> None:
    emotions = [f"emotion-{place}" for place, size in enumerate(sizes) for _ in range(size)]
    validation = validate(table_of(emotions), **ONCE).validation
    assert validation.folds == min(5, *sizes), "the smallest class decides"
    assert np.array(validation.confusion_matrix).sum(axis=1).tolist() == list(sizes)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sizes=st.lists(st.integers(3, 6), min_size=2, max_size=4).filter(lambda sizes: sum(sizes) >= 10),
    videos=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
def test_any_data_that_pass_the_gate_can_be_trained_on(sizes: list[int], videos: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    emotions = [f"emotion-{place}" for place, size in enumerate(sizes) for _ in range(size)]
    features = rng.normal(size=(len(emotions), 88))
    features[:, rng.random(88) < 0.2] = np.nan
    features[rng.random(features.shape) < 0.2] = np.nan
    table = table_of(emotions, features=features, videos=rng.integers(videos, size=len(emotions)))
    validated = validate(table, **ONCE)
    assert np.allclose(validated.out_of_fold.sum(axis=1), 1)
    assert 0 <= validated.validation.accuracy <= 1


def test_class_with_a_single_video_trains_and_is_named() -> None:
    table = table_of(["happy"] * 6 + ["sad"] * 6, videos=[0] * 6 + [1, 2, 3, 4, 5, 6])
    validation = validate(table, **ONCE).validation
    assert validation.single_video == ("happy",)
    assert "happy: all sessions come from one video" in validation.verdict
    assert validation.per_class["happy"].recall == 0, "it has no training sessions in the fold that tests it"


def test_label_is_not_taken_from_the_path(tmp_path: Path) -> None:
    buckets = {"patients_bucket": tmp_path / "stranger", "video_bucket": tmp_path / "angry"}
    records = write_synthetic_sessions(patient="stranger", emotions=("happy", "sad"), sessions_per_emotion=1, **buckets)
    assert [record.folder for record in records] == ["happiness", "sadness"]
    corrected = [record.model_copy(update={"emotion": "neutral"}) for record in records[:1]] + records[1:]
    table = read_session_table(buckets["patients_bucket"], corrected)
    assert [table.classes[label] for label in table.labels] == ["neutral", "sad"], "the record decides"


def test_accuracy_covers_every_session() -> None:
    table = table_of(["happy", "sad"] * 5)
    once, often = (validate(table, **ONCE | {"repeats": repeats}).validation for repeats in (1, 4))
    for validation in (once, often):
        assert sum(map(sum, validation.confusion_matrix)) == validation.sessions == 10, "every session is tested"
        assert sum(report.support for report in validation.per_class.values()) == 10
        low, high = validation.accuracy_interval
        assert low <= validation.accuracy <= high
        assert high - low > 0.4, "repeats do not narrow the interval"


def test_sessions_of_one_video_are_never_in_train_and_test() -> None:
    rng = np.random.default_rng(3)
    videos = np.repeat(np.arange(16), 4)
    features = rng.normal(size=(16, 88))[videos] + 0.01 * rng.normal(size=(64, 88))
    emotions = [("happy", "sad")[video % 2] for video in videos]  # independent of the features
    apart = validate(table_of(emotions, features=features, videos=videos), **QUICK | {"permutations": 0}).validation
    mixed = validate(table_of(emotions, features=features), **ONCE).validation
    assert mixed.accuracy > 0.95, "the other sessions of the video reveal the label"
    assert apart.accuracy < 0.7
    assert not apart.proven
    assert apart.videos == 16


def test_validation_rejects_a_single_class() -> None:
    with pytest.raises(ValueError, match="validation needs at least two classes"):
        validate(table_of(["happy"] * 10), **ONCE)


def test_unreadable_session_fails_the_training(tmp_path: Path) -> None:
    store = SessionStore(tmp_path / "videos", tmp_path / "patients")
    write_synthetic_sessions(
        store.patients_bucket, "ana", video_bucket=store.video_bucket, emotions=("happy",), sessions_per_emotion=2
    )
    records = read_sessions(store.patients_bucket, "ana")
    track = track_of(store.patients_bucket, records[1])
    assert isinstance(track, Path)
    track.write_bytes(b"no parquet")
    with pytest.raises(InvalidInput, match=r"synthetic-0002_track\.parquet: not a parquet file"):
        read_session_table(store.patients_bucket, records)
    track.unlink()
    with pytest.raises(
        InvalidInput, match=r"synthetic-0002_track\.parquet: does not exist, but the session is finished"
    ):
        read_session_table(store.patients_bucket, records)
