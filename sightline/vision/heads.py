"""What turns embeddings into the classes' logits: a linear layer or XGBoost's trees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["HEADS", "Head", "LinearHead", "XGBoostHead", "probabilities"]


class Head(Protocol):
    """Gives each embedding a logit for each class. May be used from several threads."""

    FILE: str
    """What the file is called in which a model's version keeps it."""

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""

    @property
    def embedding_size(self) -> int:
        """The size of the embeddings that it takes."""

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """The logits, shape = (n, classes), of embeddings, shape = (n, embedding_size)."""

    def save(self, path: Path) -> None:
        """Write it to ``path``."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """The head in ``path``. Raises ``ValueError``, which says why, where the file holds something else."""


class LinearHead:
    """``embeddings @ weights.T + bias``; weights, shape = (classes, embedding_size), bias, shape = (classes,)."""

    FILE = "head.safetensors"

    def __init__(self, weights: NDArray[np.floating[Any]], bias: NDArray[np.floating[Any]]) -> None:
        if weights.ndim != 2 or bias.shape != weights.shape[:1]:
            raise ValueError(f"weights of shape {weights.shape} and bias of shape {bias.shape} are no linear layer's")
        # As they are stored, so that a model predicts the same before it is saved and after.
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
        """How many classes it tells apart."""
        return len(self._bias)

    @property
    def embedding_size(self) -> int:
        """The size of the embeddings that it takes."""
        return int(self._weights.shape[1])

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """The logits, shape = (n, classes), of embeddings, shape = (n, embedding_size)."""
        _check(embeddings, self.embedding_size)
        scores: NDArray[np.float64] = embeddings.astype(np.float64) @ self._weights.T + self._bias
        return scores

    def save(self, path: Path) -> None:
        """Write it to ``path`` as safetensors."""
        from safetensors.numpy import save_file

        save_file({"weights": self._weights, "bias": self._bias}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The head in ``path``. Raises ``ValueError``, which says why, where the file holds something else."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            tensors = load_file(path)
        except SafetensorError as error:
            raise ValueError(f"is not a safetensors file ({error})") from error
        if tensors.keys() != {"weights", "bias"}:
            raise ValueError(f"holds {', '.join(sorted(tensors)) or 'nothing'}, where weights and bias were expected")
        return cls(tensors["weights"], tensors["bias"])


class XGBoostHead:
    """Boosted trees for classification. Their margins are the logits, so that they can be calibrated like any other."""

    FILE = "head.ubj"

    def __init__(self, booster: Booster) -> None:
        learner = json.loads(booster.save_config())["learner"]
        objective = learner["objective"]["name"]
        if objective not in _OBJECTIVES:
            raise ValueError(f"trees made for {objective}; a head's are made for {' or '.join(_OBJECTIVES)}")
        self._booster = booster
        # Two classes have one margin, that of the second class over the first, and are written as none.
        self._classes = int(learner["learner_model_param"]["num_class"]) or 2

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return self._classes

    @property
    def embedding_size(self) -> int:
        """The size of the embeddings that it takes."""
        return int(self._booster.num_features())

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """The logits, shape = (n, classes), of embeddings, shape = (n, embedding_size)."""
        _check(embeddings, self.embedding_size)
        if not len(embeddings):
            return np.empty((0, self.classes))
        # In place, unlike with a DMatrix, a booster may be asked by several threads at once.
        margins = self._booster.inplace_predict(embeddings, predict_type="margin", strict_shape=True)
        if margins.shape[1] == 1:
            margins = np.hstack([np.zeros_like(margins), margins])
        return np.asarray(margins, np.float64)

    def save(self, path: Path) -> None:
        """Write it to ``path`` in XGBoost's own format, UBJSON."""
        self._booster.save_model(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The head in ``path``. Raises ``ValueError``, which says why, where the file holds something else."""
        from xgboost import Booster
        from xgboost.core import XGBoostError

        try:
            return cls(Booster(model_file=path))
        # XGBoost quotes the file in its message, be it text or not.
        except (XGBoostError, UnicodeDecodeError) as error:
            raise ValueError(f"is not a model of XGBoost's ({_first_lines(error)})") from error


_OBJECTIVES = ("binary:logistic", "multi:softprob", "multi:softmax")

HEADS: dict[str, type[LinearHead | XGBoostHead]] = {"linear": LinearHead, "xgboost": XGBoostHead}
"""The heads by the name that a model's record has for them."""


def probabilities(logits: NDArray[np.float64], temperature: float = 1.0) -> NDArray[np.float64]:
    """``softmax(logits / temperature)`` over the last axis; it sums to 1, however large the logits.

    C. Guo et al., On Calibration of Modern Neural Networks (2017), equation 9.
    """
    if not temperature > 0:
        raise ValueError(f"a temperature is above 0; this one is {temperature}")
    scaled = (logits - logits.max(axis=-1, keepdims=True)) / temperature
    exponentials = np.exp(scaled)
    share: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return share


def _check(embeddings: NDArray[np.float32], size: int) -> None:
    if embeddings.ndim != 2 or embeddings.shape[1] != size:
        raise ValueError(f"embeddings of shape {embeddings.shape}, where (n, {size}) was expected")


def _first_lines(error: Exception) -> str:
    """XGBoost's message without the stack of its C++ that follows."""
    return " ".join(str(error).partition("Stack trace:")[0].split())
