"""Heads return the same logits before and after saving, and load only valid files."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import save_file
from scipy.special import softmax
from xgboost import XGBClassifier, XGBRegressor

from sightline.vision.heads import HEADS, Head, LinearHead, XGBoostHead, probabilities


def embeddings(count: int = 60, size: int = 6) -> Any:
    return np.random.default_rng(0).normal(size=(count, size)).astype(np.float32)


def trees(classes: int) -> tuple[XGBoostHead, XGBClassifier]:
    rows = embeddings()
    labels = np.argsort(np.argsort(rows[:, 0])) * classes // len(rows)
    model = XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1).fit(rows, labels)
    return XGBoostHead(model.get_booster()), model


def linear(classes: int = 3) -> LinearHead:
    rng = np.random.default_rng(1)
    return LinearHead(rng.normal(size=(classes, 6)), rng.normal(size=classes))


EXAMPLES = {"linear": linear, "trees of two classes": lambda: trees(2)[0], "trees of five": lambda: trees(5)[0]}


@pytest.mark.parametrize("name", EXAMPLES)
def test_saved_head_predicts_the_same(name: str, tmp_path: Path) -> None:
    head: Head = EXAMPLES[name]()
    head.save(tmp_path / head.FILE)
    loaded = type(head).load(tmp_path / head.FILE)
    assert (loaded.classes, loaded.embedding_size) == (head.classes, 6)
    assert np.array_equal(loaded.logits(embeddings()), head.logits(embeddings()))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_trees_match_xgboost_probabilities(classes: int) -> None:
    head, model = trees(classes)
    assert np.allclose(probabilities(head.logits(embeddings())), model.predict_proba(embeddings()), atol=1e-6)


def test_linear_head_matches_a_linear_layer() -> None:
    head = LinearHead(np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([0.5, 0.0]))
    assert head.logits(np.array([[3.0, 4.0]], np.float32)).tolist() == [[11.5, -4.0]]


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_embeddings_give_no_logits(name: str) -> None:
    head = EXAMPLES[name]()
    assert head.logits(np.empty((0, 6), np.float32)).shape == (0, head.classes)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("shape", [(3, 5), (3, 7), (6,)])
def test_embeddings_of_another_size_are_rejected(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(n, 6\)"):
        EXAMPLES[name]().logits(np.zeros(shape, np.float32))


@pytest.mark.parametrize("name", EXAMPLES)
def test_head_serves_eight_threads(name: str) -> None:
    head = EXAMPLES[name]()
    expected = head.logits(embeddings())
    with ThreadPoolExecutor(8) as pool:
        for logits in pool.map(lambda _: head.logits(embeddings()), range(64)):
            assert np.array_equal(logits, expected)


@pytest.mark.parametrize("kind", HEADS.values())
@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}", pickle.dumps({"weights": [1]}), bytes(1000)])
def test_invalid_head_file_is_rejected_with_a_reason(kind: type[Head], content: bytes, tmp_path: Path) -> None:
    (tmp_path / kind.FILE).write_bytes(content)
    with pytest.raises(ValueError, match="is not"):
        kind.load(tmp_path / kind.FILE)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("name", EXAMPLES)
def test_truncated_head_file_is_rejected(name: str, share: float, tmp_path: Path) -> None:
    head = EXAMPLES[name]()
    path = tmp_path / head.FILE
    head.save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ValueError, match="is not"):
        type(head).load(path)


@pytest.mark.parametrize(
    "tensors",
    [
        {"weights": np.zeros((2, 3), np.float32)},
        {"weights": np.zeros((2, 3), np.float32), "bias": np.zeros(3, np.float32)},
        {"weights": np.zeros(3, np.float32), "bias": np.zeros(3, np.float32)},
        {name: np.zeros((2, 2), np.float32) for name in ("weights", "bias", "more")},
    ],
)
def test_linear_head_with_other_tensors_is_rejected(tensors: dict[str, Any], tmp_path: Path) -> None:
    save_file(tensors, tmp_path / LinearHead.FILE)
    with pytest.raises(ValueError, match="weights"):
        LinearHead.load(tmp_path / LinearHead.FILE)


def test_regression_trees_are_rejected(tmp_path: Path) -> None:
    model = XGBRegressor(n_estimators=2, n_jobs=1).fit(embeddings(), embeddings()[:, 0])
    model.save_model(tmp_path / XGBoostHead.FILE)
    with pytest.raises(ValueError, match="reg:squarederror"):
        XGBoostHead.load(tmp_path / XGBoostHead.FILE)


@given(arrays(np.float64, (4, 3), elements=st.floats(-1e3, 1e3)), st.floats(0.05, 50))
def test_probabilities_sum_to_one_in_the_order_of_the_logits(logits: Any, temperature: float) -> None:
    shares = probabilities(logits, temperature)
    assert np.allclose(shares.sum(-1), 1)
    assert np.allclose(shares, softmax(logits / temperature, axis=-1))
    assert (np.take_along_axis(shares, logits.argmax(-1)[:, None], -1)[:, 0] >= shares.max(-1)).all()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_invalid_temperature_is_rejected(temperature: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        probabilities(np.zeros((1, 2)), temperature)
