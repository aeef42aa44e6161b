"""No unit is in two parts of a split, and every part has every class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.training.common import UnsuitableData
from sightline.training.images import Manifest, folds, split
from sightline.training.images.preset import Shares

Build = Callable[[Sequence[tuple[str, int]]], Manifest]

# Every unit has images of both classes in different proportions, as a person lies in several postures.
units = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=8, max_size=25)
class_sizes = st.tuples(st.integers(12, 60), st.integers(12, 60))


def rows_of(sizes: Sequence[tuple[int, int]]) -> list[tuple[str, int]]:
    return [(label, unit) for unit, counts in enumerate(sizes) for label, n in zip("ab", counts, strict=True)
            for _ in range(n)]  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(units, st.integers(0, 3))
def test_split_keeps_units_apart_and_every_class_in_every_part(
    manifest_of: Build, sizes: Sequence[tuple[int, int]], seed: int
) -> None:
    manifest = manifest_of(rows_of(sizes))
    parts = split(manifest, Shares(validation=0.2, test=0.2), seed).parts
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(manifest.samples)))
    sides = [{manifest.samples[place].unit for place in places} for places in parts.values()]
    assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]
    for places in parts.values():
        assert {manifest.samples[place].label for place in places} == {"a", "b"}


@settings(max_examples=20, deadline=None)
@given(units)
def test_folds_test_every_image_once_and_keep_units_apart(manifest_of: Build, sizes: Sequence[tuple[int, int]]) -> None:
    manifest = manifest_of(rows_of(sizes))
    pairs = folds(manifest, 3, seed=1)
    assert sorted(np.concatenate([test for _, test in pairs])) == list(range(len(manifest.samples)))
    for train, test in pairs:
        assert not {manifest.samples[n].unit for n in train} & {manifest.samples[n].unit for n in test}


@settings(max_examples=20, deadline=None)
@given(class_sizes)
def test_split_of_single_image_units_is_stratified(manifest_of: Build, counts: tuple[int, int]) -> None:
    manifest = manifest_of([(label, 0) for label, n in zip("ab", counts, strict=True) for _ in range(n)])
    samples = tuple(sample.model_copy(update={"unit": n}) for n, sample in enumerate(manifest.samples))
    manifest = manifest.model_copy(update={"samples": samples})
    for name, places in split(manifest, Shares(validation=0.1, test=0.2), 0).parts.items():
        share = {"train": 0.7, "validation": 0.1, "test": 0.2}[name]
        for label, count in zip("ab", counts, strict=True):
            assert sum(samples[place].label == label for place in places) == pytest.approx(share * count, abs=2.1)


def test_split_is_reproducible_by_seed(manifest_of: Build) -> None:
    manifest = manifest_of(rows_of([(2, 3)] * 20))
    first, again, other = (split(manifest, Shares(), seed) for seed in (1, 1, 2))
    assert first.test.tolist() == again.test.tolist()
    assert first.test.tolist() != other.test.tolist()


def test_split_of_too_few_groups_is_rejected(manifest_of: Build) -> None:
    with pytest.raises(UnsuitableData, match="too few groups"):
        split(manifest_of(rows_of([(9, 9)])), Shares(), 1)


def test_class_missing_from_a_part_is_rejected_by_name(manifest_of: Build) -> None:
    rows = [*rows_of([(5, 0), (5, 0), (5, 0), (5, 0)]), ("b", 4), ("b", 5)]
    with pytest.raises(UnsuitableData, match=r"no image of b|too few groups"):
        split(manifest_of(rows), Shares(), 1)


def test_more_folds_than_groups_are_rejected(manifest_of: Build) -> None:
    with pytest.raises(UnsuitableData, match="5 folds need as many groups"):
        folds(manifest_of(rows_of([(3, 3)] * 4)), 5, seed=1)


@settings(max_examples=30, deadline=None)
@given(units, st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40)), max_size=20), st.integers(0, 3))
def test_reviewed_images_train_or_follow_their_unit(
    manifest_of: Build, sizes: Sequence[tuple[int, int]], answered: list[tuple[str, int]], seed: int
) -> None:
    rows, shares = rows_of(sizes), Shares(validation=0.2, test=0.2)
    without = split(manifest_of(rows), shares, seed)
    manifest = manifest_of([*rows, *answered])
    samples = tuple(
        sample.model_copy(update={"source": "review"} if place >= len(rows) else {})
        for place, sample in enumerate(manifest.samples)
    )
    manifest = manifest.model_copy(update={"samples": samples})
    parts = split(manifest, shares, seed).parts
    assert manifest.reviewed == len(answered)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(samples)))
    for name, places in parts.items():
        labelled = [place for place in places if place < len(rows)]
        assert labelled == without.parts[name].tolist()
        for place in set(places) - set(labelled):
            units_of_part = {samples[other].unit for other in labelled}
            assert samples[place].unit in units_of_part or name == "train"
    for train, test in folds(manifest, 3, seed):
        assert not {samples[n].unit for n in train} & {samples[n].unit for n in test}
