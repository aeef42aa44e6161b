"""A patient's model, as it is loaded from the registry and asked."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline.names import PatientName
from sightline.registry import ModelDamaged, ModelNotFound, ModelRecord, Registry, WrongTask
from sightline.vision.heads import probabilities

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["MODEL_FILE", "TASK", "EmotionModel", "load_emotion_model", "sharpened"]

MODEL_FILE = "model.skops"
TASK = "emotion-of-session"
"""The task of these models' records."""

# The nodes of a tree. skops leaves them to the caller, since broken ones may crash scikit-learn; the record's hash says
# that these are as they were trained.
_TREES = "sklearn.tree._tree.Tree"
_LEAST = 1e-3  # of a hundred trees none may name a class, which does not make it impossible


class EmotionModel:
    """The forest of one patient, with the temperature that makes its probabilities mean what they say."""

    def __init__(self, record: ModelRecord, forest: Pipeline) -> None:
        self.record = record
        self.name = record.label
        self.classes = record.classes
        self.threshold = record.threshold
        self._forest = forest

    @property
    def features(self) -> tuple[str, ...]:
        """The features that it takes, in their order."""
        return self.record.feature_input.features

    def predict(self, features: Mapping[str, float]) -> dict[str, float]:
        """The calibrated probability of each emotion, of a session's features, NaN where one is not known.

        Raises ``ValueError`` where a feature is left out.
        """
        if missing := [name for name in self.features if name not in features]:
            raise ValueError(f"{self.name} wants {len(self.features)} features; there is no {', '.join(missing)}")
        row = np.array([[features[name] for name in self.features]])
        return dict(zip(self.classes, self.predict_rows(row)[0].tolist(), strict=True))

    def predict_rows(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same for several sessions: rows, shape = (n, features), give probabilities, shape = (n, classes)."""
        found = np.zeros((len(rows), len(self.classes)))
        if len(rows):
            found[:, self._forest.classes_] = self._forest.predict_proba(rows)
        return sharpened(found, self.record.temperature)


def sharpened(found: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities of a forest, shape = (n, classes), with their logarithms divided by the temperature."""
    return probabilities(np.log(np.maximum(found, _LEAST)), temperature)


def load_emotion_model(registry: Registry, patient: PatientName | str, version: int | None = None) -> EmotionModel:
    """A patient's model, the current version where none is named.

    Raises ``ModelNotFound`` where the patient has none, ``ModelDamaged``, and ``WrongTask`` where a model of that name
    is for something else.
    """
    owner = PatientName.of(patient)
    if version is None and registry.current(owner.model) is None:
        raise ModelNotFound(
            f"{owner}: has no model in {registry.root} yet. Train it with `sightline train-emotion {owner.text!r}`"
        )
    files = registry.open(owner.model, version)
    if files.record.task != TASK or files.record.architecture.get("patient") != owner.text:
        raise WrongTask(f"{files.record.label}: is a model for {files.record.task}, not the emotions of {owner}")
    return EmotionModel(files.record, _load(files.folder / MODEL_FILE, len(files.record.feature_input.features)))


def _load(file: Path, features: int) -> Pipeline:
    """The pipeline in a skops file, which may hold nothing but scikit-learn's own types."""
    import skops.io
    from sklearn.pipeline import Pipeline

    fix = "Go back to another version with `sightline rollback-model`, or train the model again"
    if not zipfile.is_zipfile(file):
        raise ModelDamaged(f"{file}: is no skops file, and nothing else is loaded. {fix}")
    if unknown := sorted(set(skops.io.get_untrusted_types(file=file)) - {_TREES}):
        raise ModelDamaged(f"{file}: holds types that no forest has, and is not loaded: {', '.join(unknown)}. {fix}")
    forest = skops.io.load(file, trusted=[_TREES])
    if not isinstance(forest, Pipeline) or forest.n_features_in_ != features:
        raise ModelDamaged(f"{file}: is no pipeline for {features} features. {fix}")
    return forest
