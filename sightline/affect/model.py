"""A patient's emotion model: loading and prediction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline.names import ModelName, PatientName
from sightline.registry import ModelDamaged, ModelFiles, ModelNotFound, ModelRecord, Registry, WrongTask
from sightline.vision.heads import probabilities

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["MODEL_FILE", "SESSIONS", "TASK", "EmotionModel", "apply_temperature", "load_emotion_model", "model_of"]

MODEL_FILE = "model.skops"
SESSIONS = "training_sessions.json"
"""The sessions that a version was trained on; empty for one that was imported."""
TASK = "emotion-of-session"
"""The task of these models' records."""

# The nodes of a tree. skops does not trust them, since damaged ones can crash scikit-learn; the record's hash proves
# that these are unchanged since the training.
_TREES = "sklearn.tree._tree.Tree"
_MIN_PROBABILITY = 1e-3  # even if none of a hundred trees predicts a class, it is possible


class EmotionModel:
    """A patient's random forest, with the temperature that calibrates its probabilities.

    ``trained_on``: the content hashes of the sessions that it was trained on, None if they are unknown.
    """

    def __init__(self, record: ModelRecord, forest: Pipeline, trained_on: frozenset[str] | None = None) -> None:
        self.record = record
        self.name = record.label
        self.classes = record.classes
        self.threshold = record.threshold
        self.trained_on = trained_on
        self._forest = forest

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the input features, in order."""
        return self.record.feature_input.features

    def predict(self, features: Mapping[str, float]) -> dict[str, float]:
        """Return the calibrated probability of every emotion for a session's features; NaN is an unknown feature.

        Raises ``ValueError`` if a feature is missing.
        """
        if missing := [name for name in self.features if name not in features]:
            raise ValueError(f"{self.name} needs {len(self.features)} features; there is no {', '.join(missing)}")
        row = np.array([[features[name] for name in self.features]])
        return dict(zip(self.classes, self.predict_rows(row)[0].tolist(), strict=True))

    def predict_rows(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities, shape = (n, classes), of several sessions, shape = (n, features)."""
        votes = np.zeros((len(rows), len(self.classes)))
        if len(rows):
            votes[:, self._forest.classes_] = self._forest.predict_proba(rows)
        return apply_temperature(votes, self.record.temperature)


def apply_temperature(uncalibrated: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return a forest's probabilities, shape = (n, classes), with their logarithms divided by the temperature."""
    return probabilities(np.log(np.maximum(uncalibrated, _MIN_PROBABILITY)), temperature)


def model_of(registry: Registry, patient: PatientName | str) -> ModelName:
    """Return the name of a patient's model: the one that version 0.1 gave it, if the registry has it under that name.

    A model of another kind or patient with that name is never returned.
    """
    owner = PatientName.of(patient)
    earlier = owner.model.earlier
    if earlier is None or registry.versions(owner.model):
        return owner.model
    for version in reversed(registry.versions(earlier)):
        try:
            record = registry.record(earlier, version)
        except ModelDamaged:  # The others show whose model it is.
            continue
        is_owned = record.task == TASK and record.architecture.get("patient") == owner.text
        return earlier if is_owned else owner.model
    return owner.model


def load_emotion_model(registry: Registry, patient: PatientName | str, version: int | None = None) -> EmotionModel:
    """Load a patient's model, by default the current version.

    Raises ``ModelNotFound`` if the patient has none, ``ModelDamaged``, and ``WrongTask`` if the model of that name is
    for another task.
    """
    owner = PatientName.of(patient)
    model = model_of(registry, owner)
    if version is None and registry.current(model) is None:
        raise ModelNotFound(
            f"{owner}: has no model in {registry.root} yet. Train it with `sightline train-emotion {owner.text!r}`"
        )
    files = registry.open(model, version)
    if files.record.task != TASK or files.record.architecture.get("patient") != owner.text:
        raise WrongTask(f"{files.record.label}: is a model for {files.record.task}, not the emotions of {owner}")
    return EmotionModel(files.record, _load(files.folder / MODEL_FILE, files.record), _training_sessions(files))


def _training_sessions(files: ModelFiles) -> frozenset[str] | None:
    if SESSIONS not in files.record.files:
        return None
    file = files.folder / SESSIONS
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["sessions"]
        return frozenset(row["sha256"] for row in rows) or None
    except (ValueError, KeyError, TypeError) as error:
        raise ModelDamaged(f"{file}: is not a list of training sessions ({error!r})") from error


def _load(file: Path, record: ModelRecord) -> Pipeline:
    """Load the pipeline from a skops file that contains only scikit-learn's own types."""
    import skops.io
    from sklearn.pipeline import Pipeline

    fix = "Return to another version with `sightline rollback-model`, or train the model again"
    try:
        unknown = sorted(set(skops.io.get_untrusted_types(file=file)) - {_TREES})
        forest = None if unknown else skops.io.load(file, trusted=[_TREES])
    except MemoryError:
        raise
    except Exception as error:  # zipfile, json and skops raise many kinds of errors for an invalid file
        problem = f"is not a skops file, and other formats are not loaded ({error!r})"
        raise ModelDamaged(f"{file}: {problem}. {fix}") from error
    if unknown:
        raise ModelDamaged(f"{file}: contains types that no forest has, and is not loaded: {', '.join(unknown)}. {fix}")
    features, classes = len(record.feature_input.features), range(len(record.classes))
    if not isinstance(forest, Pipeline) or getattr(forest, "n_features_in_", None) != features:
        raise ModelDamaged(f"{file}: is not a pipeline for {features} features. {fix}")
    if not hasattr(forest, "predict_proba") or not set(forest.classes_) <= set(classes):
        raise ModelDamaged(f"{file}: is not a classifier of {len(classes)} classes. {fix}")
    return forest
