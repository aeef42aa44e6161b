"""Heads, which compute the classes' logits from embeddings: a linear layer or XGBoost's trees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sightline.vision.tensors import load_tensors
from sightline.vision.ubjson import check_ubjson

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["HEADS", "Head", "LinearHead", "XGBoostHead", "probabilities"]


class Head(Protocol):
    """Computes a logit for every class from an embedding. May be used from several threads."""

    FILE: str
    """The name of its file in a model's version."""

    @property
    def classes(self) -> int:
        """The number of classes."""

    @property
    def embedding_size(self) -> int:
        """The size of the embeddings that it expects."""

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits, shape = (n, classes), of embeddings, shape = (n, embedding_size)."""

    def save(self, path: Path) -> None:
        """Write the head to ``path``."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load the head in ``path``. Raises ``ValueError`` with the reason if the file contains something else."""


class LinearHead:
    """``embeddings @ weights.T + bias``; weights, shape = (classes, embedding_size), bias, shape = (classes,)."""

    FILE = "head.safetensors"

    def __init__(self, weights: NDArray[np.floating[Any]], bias: NDArray[np.floating[Any]]) -> None:
        if weights.ndim != 2 or bias.shape != weights.shape[:1]:
            raise ValueError(
                f"weights of shape {weights.shape} and bias of shape {bias.shape} are not those of a linear layer"
            )
        # In the stored precision, so that a model predicts the same before and after it is saved.
        self._weights = weights.astype(np.float32)
        self._bias = bias.astype(np.float32)

    @property
    def weights(self) -> NDArray[np.float32]:
        """The weights, as they are stored."""
        return self._weights

    @property
    def bias(self) -> NDArray[np.float32]:
        """The biases, as they are stored."""
        return self._bias

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self._bias)

    @property
    def embedding_size(self) -> int:
        """The size of the embeddings that it expects."""
        return int(self._weights.shape[1])

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits, shape = (n, classes), of embeddings, shape = (n, embedding_size)."""
        _check(embeddings, self.embedding_size)
        scores: NDArray[np.float64] = embeddings.astype(np.float64) @ self._weights.T + self._bias
        return scores

    def save(self, path: Path) -> None:
        """Write the head to ``path`` as safetensors."""
        from safetensors.numpy import save_file

        save_file({"weights": self._weights, "bias": self._bias}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load the head in ``path``. Raises ``ValueError`` with the reason if the file contains something else."""
        tensors = load_tensors(path, ("weights", "bias"), "weights and bias")
        return cls(tensors["weights"], tensors["bias"])


class XGBoostHead:
    """Boosted trees for classification. Their margins are the logits and can be calibrated like any others."""

    FILE = "head.ubj"

    def __init__(self, booster: Booster) -> None:
        learner = json.loads(booster.save_config())["learner"]
        objective = learner["objective"]["name"]
        if objective not in _OBJECTIVES:
            raise ValueError(f"trees trained for {objective}; a head needs {' or '.join(_OBJECTIVES)}")
        self._booster = booster
        # With two classes there is one margin, of the second over the first, and the stored number of classes is 0.
        self._classes = int(learner["learner_model_param"]["num_class"]) or 2

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self._classes

    @property
    def embedding_size(self) -> int:
        """The size of the embeddings that it expects."""
        return int(self._booster.num_features())

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits, shape = (n, classes), of embeddings, shape = (n, embedding_size)."""
        _check(embeddings, self.embedding_size)
        if not len(embeddings):
            return np.empty((0, self.classes))
        # Unlike prediction from a DMatrix, this may run in several threads at the same time.
        margins = self._booster.inplace_predict(embeddings, predict_type="margin", strict_shape=True)
        if margins.shape[1] == 1:
            margins = np.hstack([np.zeros_like(margins), margins])
        return np.asarray(margins, np.float64)

    def save(self, path: Path) -> None:
        """Write the head to ``path`` in XGBoost's own format, UBJSON."""
        self._booster.save_model(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load the head in ``path``. Raises ``ValueError`` with the reason if the file contains something else."""
        from xgboost import Booster
        from xgboost.core import XGBoostError

        try:
            check_ubjson(path.read_bytes())
        except ValueError as error:
            raise ValueError(f"is not an XGBoost model: it {error}") from error
        try:
            return cls(Booster(model_file=path))
        # XGBoost quotes the file in its message, even if it is not text.
        except (XGBoostError, UnicodeDecodeError, KeyError) as error:
            raise ValueError(f"is not an XGBoost model ({_first_lines(error)})") from error


_OBJECTIVES = ("binary:logistic", "multi:softprob", "multi:softmax")

HEADS: dict[str, type[LinearHead | XGBoostHead]] = {"linear": LinearHead, "xgboost": XGBoostHead}
"""The heads by their name in a model's record."""


def probabilities(logits: NDArray[np.float64], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return ``softmax(logits / temperature)`` over the last axis. It sums to 1, however large the logits are.

    C. Guo et al., On Calibration of Modern Neural Networks (2017), equation 9.
    """
    if not temperature > 0:
        raise ValueError(f"a temperature must be above 0; this one is {temperature}")
    scaled = (logits - logits.max(axis=-1, keepdims=True)) / temperature
    exponentials = np.exp(scaled)
    shares: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return shares


def _check(embeddings: NDArray[np.float32], size: int) -> None:
    if embeddings.ndim != 2 or embeddings.shape[1] != size:
        raise ValueError(f"embeddings of shape {embeddings.shape}; expected (n, {size})")


def _first_lines(error: Exception) -> str:
    """Return XGBoost's message without the C++ stack trace."""
    return " ".join(str(error).partition("Stack trace:")[0].split())
