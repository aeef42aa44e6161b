"""A version's baseline is read back unchanged, and other files are rejected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from sightline.registry import Baseline
from sightline.registry.baseline import sample_rows


def test_baseline_is_read_back_unchanged(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(3), 100)
    labels = random.integers(0, 3, 100)
    baseline = Baseline.of_test_set(probabilities, labels, lambda rows: random.normal(size=(len(rows), 5)))
    baseline.save(tmp_path / "b")
    loaded = Baseline.load((tmp_path / "b").read_bytes())
    for name in ("probabilities", "labels", "embeddings"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(baseline, name))
    assert loaded.accuracy == (probabilities.argmax(axis=1) == labels).mean()
    np.testing.assert_allclose(loaded.confidence, probabilities.max(axis=1), atol=1e-6)


def test_baseline_of_a_large_test_set_is_a_reproducible_sample() -> None:
    embedded: list[int] = []
    probabilities = np.tile([[0.7, 0.3]], (20_000, 1))

    def embed(rows: Any) -> Any:
        embedded.append(len(rows))
        return np.zeros((len(rows), 4), np.float32)

    baseline = Baseline.of_test_set(probabilities, np.zeros(20_000, np.int64), embed)
    assert (len(baseline.probabilities), embedded) == (10_000, [256])
    np.testing.assert_array_equal(sample_rows(500, 7), sample_rows(500, 7))
    assert len(set(sample_rows(500, 7).tolist())) == 7


def test_embeddings_that_overflow_half_precision_are_left_out() -> None:
    baseline = Baseline.of_test_set(
        np.full((5, 2), 0.5), np.zeros(5, np.int64), lambda rows: np.full((len(rows), 2), 1e6, np.float32)
    )
    assert baseline.embeddings is None


ROWS = np.full((4, 2), 0.5, np.float32)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a safetensors file"),
        (save({"weights": ROWS}), "contains weights, and no probabilities"),
        (save({}), "contains nothing, and no probabilities"),
        (save({"probabilities": ROWS[0]}), r"probabilities of shape \(2,\), expected \(n, classes\)"),
        (save({"probabilities": ROWS[:0]}), r"probabilities of shape \(0, 2\), expected \(n, classes\)"),
        (save({"probabilities": ROWS * 3}), "not between 0 and 1"),
        (save({"probabilities": ROWS * np.float32("nan")}), "not between 0 and 1"),
        (save({"probabilities": ROWS, "labels": np.zeros(3, np.int64)}), "3 labels for 4"),
        (save({"probabilities": ROWS, "embeddings": np.zeros(3, np.float16)}), r"embeddings of shape \(3,\)"),
    ],
)
def test_invalid_file_is_rejected(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Baseline.load(data)
