"""Heads give the same logits before they are saved and after, and load nothing that is not one."""

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
    found = embeddings()
    labels = np.argsort(np.argsort(found[:, 0])) * classes // len(found)
    model = XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1).fit(found, labels)
    return XGBoostHead(model.get_booster()), model


def linear(classes: int = 3) -> LinearHead:
    rng = np.random.default_rng(1)
    return LinearHead(rng.normal(size=(classes, 6)), rng.normal(size=classes))


HEADS_MADE = {"linear": linear, "trees of two classes": lambda: trees(2)[0], "trees of five": lambda: trees(5)[0]}


@pytest.mark.parametrize("name", HEADS_MADE)
def test_a_head_says_the_same_before_it_is_saved_and_after(name: str, tmp_path: Path) -> None:
    head: Head = HEADS_MADE[name]()
    head.save(tmp_path / head.FILE)
    loaded = type(head).load(tmp_path / head.FILE)
    assert (loaded.classes, loaded.embedding_size) == (head.classes, 6)
    assert np.array_equal(loaded.logits(embeddings()), head.logits(embeddings()))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_trees_give_the_probabilities_that_xgboost_gives(classes: int) -> None:
    head, model = trees(classes)
    assert np.allclose(probabilities(head.logits(embeddings())), model.predict_proba(embeddings()), atol=1e-6)


def test_a_linear_head_is_a_linear_layer() -> None:
    head = LinearHead(np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([0.5, 0.0]))
    assert head.logits(np.array([[3.0, 4.0]], np.float32)).tolist() == [[11.5, -4.0]]


@pytest.mark.parametrize("name", HEADS_MADE)
def test_no_embeddings_give_no_logits(name: str) -> None:
    head = HEADS_MADE[name]()
    assert head.logits(np.empty((0, 6), np.float32)).shape == (0, head.classes)


@pytest.mark.parametrize("name", HEADS_MADE)
@pytest.mark.parametrize("shape", [(3, 5), (3, 7), (6,)])
def test_embeddings_of_another_backbone_are_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(n, 6\) was expected"):
        HEADS_MADE[name]().logits(np.zeros(shape, np.float32))


@pytest.mark.parametrize("name", HEADS_MADE)
def test_a_head_may_be_asked_by_eight_threads_at_once(name: str) -> None:
    head = HEADS_MADE[name]()
    expected = head.logits(embeddings())
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: head.logits(embeddings()), range(64)):
            assert np.array_equal(found, expected)


@pytest.mark.parametrize("kind", HEADS.values())
@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}", pickle.dumps({"weights": [1]}), bytes(1000)])
def test_what_is_no_head_is_refused_with_a_reason(kind: type[Head], content: bytes, tmp_path: Path) -> None:
    (tmp_path / kind.FILE).write_bytes(content)
    with pytest.raises(ValueError, match="is not"):
        kind.load(tmp_path / kind.FILE)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("name", HEADS_MADE)
def test_a_head_that_breaks_off_is_refused(name: str, share: float, tmp_path: Path) -> None:
    head = HEADS_MADE[name]()
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
def test_a_linear_head_of_other_tensors_is_refused(tensors: dict[str, Any], tmp_path: Path) -> None:
    save_file(tensors, tmp_path / LinearHead.FILE)
    with pytest.raises(ValueError, match="weights"):
        LinearHead.load(tmp_path / LinearHead.FILE)


def test_trees_that_estimate_a_number_are_no_classifier(tmp_path: Path) -> None:
    model = XGBRegressor(n_estimators=2, n_jobs=1).fit(embeddings(), embeddings()[:, 0])
    model.save_model(tmp_path / XGBoostHead.FILE)
    with pytest.raises(ValueError, match="reg:squarederror"):
        XGBoostHead.load(tmp_path / XGBoostHead.FILE)


@given(arrays(np.float64, (4, 3), elements=st.floats(-1e3, 1e3)), st.floats(0.05, 50))
def test_probabilities_sum_to_one_and_keep_the_order_of_the_logits(logits: Any, temperature: float) -> None:
    found = probabilities(logits, temperature)
    assert np.allclose(found.sum(-1), 1)
    assert np.allclose(found, softmax(logits / temperature, axis=-1))
    assert (np.take_along_axis(found, logits.argmax(-1)[:, None], -1)[:, 0] >= found.max(-1)).all()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        probabilities(np.zeros((1, 2)), temperature)
