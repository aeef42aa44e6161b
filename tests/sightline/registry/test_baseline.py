"""What a version keeps of its test set is read back as it was, and nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from sightline.registry import Baseline
from sightline.registry.baseline import sample_rows


def test_it_is_read_back_as_it_was(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(3), 100)
    labels = random.integers(0, 3, 100)
    made = Baseline.of_test_set(probabilities, labels, lambda places: random.normal(size=(len(places), 5)))
    made.save(tmp_path / "b")
    found = Baseline.load((tmp_path / "b").read_bytes())
    for name in ("probabilities", "labels", "embeddings"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name))
    assert found.accuracy == (probabilities.argmax(axis=1) == labels).mean()
    np.testing.assert_allclose(found.confidence, probabilities.max(axis=1), atol=1e-6)


def test_of_a_large_test_set_a_random_choice_is_kept_and_always_the_same() -> None:
    asked: list[int] = []
    probabilities = np.tile([[0.7, 0.3]], (20_000, 1))

    def embed(places: Any) -> Any:
        asked.append(len(places))
        return np.zeros((len(places), 4), np.float32)

    made = Baseline.of_test_set(probabilities, np.zeros(20_000, np.int64), embed)
    assert (len(made.probabilities), asked) == (10_000, [256])
    np.testing.assert_array_equal(sample_rows(500, 7), sample_rows(500, 7))
    assert len(set(sample_rows(500, 7).tolist())) == 7


def test_embeddings_beyond_what_is_kept_of_a_number_are_left_out() -> None:
    made = Baseline.of_test_set(
        np.full((5, 2), 0.5), np.zeros(5, np.int64), lambda places: np.full((len(places), 2), 1e6, np.float32)
    )
    assert made.embeddings is None


ROWS = np.full((4, 2), 0.5, np.float32)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a safetensors file"),
        (save({"weights": ROWS}), "holds weights, where probabilities"),
        (save({"probabilities": ROWS[0]}), "where probabilities were expected"),
        (save({"probabilities": ROWS * 3}), "not between 0 and 1"),
        (save({"probabilities": ROWS * np.float32("nan")}), "not between 0 and 1"),
        (save({"probabilities": ROWS, "labels": np.zeros(3, np.int64)}), "3 labels for 4"),
        (save({"probabilities": ROWS, "embeddings": np.zeros(3, np.float16)}), "two dimensions"),
    ],
)
def test_a_file_of_something_else_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Baseline.load(data)
