"""Import of a patient's emotion model: a random forest, with the scaler and the class names that belong to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sightline.affect import MODEL_FILE, SESSIONS, TASK, apply_temperature, model_of
from sightline.emotion import load_keywords
from sightline.errors import InvalidInput
from sightline.features import FEATURE_NAMES
from sightline.names import PatientName
from sightline.registry import FeatureInput, ModelDraft, ModelRecord, Registry
from sightline.training.common.calibration import calibrate
from sightline.training.common.evaluation import evaluate
from sightline.training.common.publishing import provenance
from sightline.training.emotions.dataset import SessionTable
from sightline.training.importing.common import NEVER_EVALUATED, imported_parameters, no_data
from sightline.training.importing.contents import Contents
from sightline.training.importing.sandbox import read_contents, read_file

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline
    from sklearn.tree import DecisionTreeClassifier

__all__ = ["forest_of", "import_emotion_model"]

_LIBRARIES = ("numpy", "scikit-learn", "scipy", "skops")
_FIX = "Export the model again"
_LEAF = -1


def import_emotion_model(
    registry: Registry, patient: PatientName, file: str, *, threshold: float, table: SessionTable | None
) -> ModelRecord:
    """Publish the forest in ``file`` as the next version of the patient's model, without making it current.

    ``table``: sessions that the forest was not trained on; the metrics are those on these sessions, and the temperature
    is fitted on them, because there are no others. The forest's features were computed by another program: only
    sessions show whether sightline's mean the same. Raises ``InvalidInput``.
    """
    import skops.io

    stored = read_file(file)
    contents = read_contents(file, stored)
    if contents.values["kind"] != "forest":
        raise InvalidInput(
            file, f"contains {contents.values['kind']}, and a patient's model is a forest",
            "Import an image model as NETWORK.pth --head TREES.pkl",
        )  # fmt: skip
    forest, classes = forest_of(file, contents), _emotions(file, contents.values["classes"])
    temperature, metrics, data = 1.0, {"evaluation": NEVER_EVALUATED}, no_data()
    if table is not None:
        temperature, metrics = _assess(forest, classes, table, threshold)
        data = data.model_copy(
            update={
                "samples": len(table.sessions),
                "test": len(table.sessions),
                "groups": len(set(table.groups.tolist())),
            }
        )
    draft = ModelDraft(
        name=model_of(registry, patient).name,
        task=TASK,
        architecture={"patient": patient.text, "model": "random forest", "trees": contents.values["trees"]},
        classes=classes,
        input=FeatureInput(features=FEATURE_NAMES),
        threshold=threshold,
        temperature=temperature,
        data=data,
        parameters={**imported_parameters((file, stored)), "features": contents.values["names"]},
        seed=0,
        metrics=metrics,
        **provenance(_LIBRARIES),
    )
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        skops.io.dump(forest, folder / MODEL_FILE)
        # The sessions that it was trained on are unknown.
        (folder / SESSIONS).write_text(json.dumps({"patient": patient.text, "sessions": []}) + "\n", encoding="utf-8")
        return registry.publish(draft, folder)


def forest_of(file: str, contents: Contents) -> Pipeline:
    """Return the forest as a pipeline that scikit-learn built itself, from arrays that are checked.

    Raises ``InvalidInput`` if they are not those of a forest for the 88 features: a wrong index would crash it.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import Pipeline

    arrays, count, classes = contents.arrays, len(FEATURE_NAMES), len(contents.values["classes"])
    if contents.values["features"] != count:
        raise InvalidInput(file, f"is a forest for {contents.values['features']} features, not for {count}", _FIX)
    if classes < 2 or contents.values["trees"] < 1:
        raise InvalidInput(file, f"is a forest of {contents.values['trees']} trees for {classes} classes", _FIX)
    try:
        trees = [_tree(arrays, str(number), classes) for number in range(contents.values["trees"])]
        steps: list[tuple[str, Any]] = [("scale", _scaler(arrays))] if "scaler.mean_" in arrays else []
    except (ValueError, KeyError) as error:
        raise InvalidInput(file, f"has an invalid tree or scaler: {error}", _FIX) from error
    forest = RandomForestClassifier(len(trees))
    forest.estimators_, forest.estimator_ = trees, type(trees[0])()
    forest.classes_, forest.n_classes_ = np.arange(classes), classes
    forest.n_outputs_, forest.n_features_in_ = 1, count
    return Pipeline([*steps, ("forest", forest)])


def _tree(arrays: dict[str, NDArray[Any]] | Any, number: str, classes: int) -> DecisionTreeClassifier:
    from sklearn.tree import DecisionTreeClassifier
    from sklearn.tree._tree import Tree

    left, right, feature, threshold = (
        arrays[f"{number}.{name}"] for name in ("left_child", "right_child", "feature", "threshold")
    )
    values = _fractions(arrays[f"{number}.values"], len(left), classes)
    if not (left.shape == right.shape == feature.shape == threshold.shape == (len(left),)) or not len(left):
        raise ValueError(f"tree {number} has nodes of different numbers")
    places, inner = np.arange(len(left)), left != _LEAF
    # Children come after their parents: there is no cycle.
    for child in (left, right):
        if not ((child[inner] > places[inner]) & (child[inner] < len(left))).all() or (child[~inner] != _LEAF).any():
            raise ValueError(f"tree {number} has children that are no nodes of it")
    if not ((feature[inner] >= 0) & (feature[inner] < len(FEATURE_NAMES))).all() or not np.isfinite(threshold).all():
        raise ValueError(f"tree {number} has a split that is not one of a feature")
    nodes = np.zeros(
        len(left), DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1]).tree_.__getstate__()["nodes"].dtype
    )
    nodes["left_child"], nodes["right_child"] = left, right
    nodes["feature"], nodes["threshold"] = feature, threshold
    nodes["n_node_samples"] = nodes["weighted_n_node_samples"] = 1
    if f"{number}.missing_go_to_left" in arrays:
        nodes["missing_go_to_left"] = arrays[f"{number}.missing_go_to_left"] != 0
    depth = np.zeros(len(left), np.int64)
    for parent in places[inner]:
        depth[[left[parent], right[parent]]] = depth[parent] + 1
    built = Tree(len(FEATURE_NAMES), np.array([classes], np.intp), 1)
    built.__setstate__(
        {"max_depth": int(depth.max()), "node_count": len(left), "nodes": nodes, "values": values[:, None, :]}
    )
    tree = DecisionTreeClassifier()
    tree.tree_, tree.classes_, tree.n_classes_ = built, np.arange(classes, dtype=np.float64), classes
    tree.n_outputs_, tree.n_features_in_, tree.max_features_ = 1, len(FEATURE_NAMES), len(FEATURE_NAMES)
    return tree


def _fractions(values: NDArray[Any], nodes: int, classes: int) -> NDArray[np.float64]:
    """Return the shares of the classes in every node; before scikit-learn 1.3, trees stored the numbers of samples."""
    if values.shape != (nodes, 1, classes) or not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"values of shape {values.shape}, expected ({nodes}, 1, {classes}), finite and not negative")
    totals = values[:, 0].sum(axis=1, keepdims=True)
    if not (totals > 0).all():
        raise ValueError("a node without samples")
    return np.ascontiguousarray(values[:, 0] / totals, np.float64)


def _scaler(arrays: Any) -> Any:
    from sklearn.preprocessing import StandardScaler

    mean, scale = (arrays[f"scaler.{name}"].astype(np.float64) for name in ("mean_", "scale_"))
    expected = (len(FEATURE_NAMES),)
    if mean.shape != expected or scale.shape != expected or not np.isfinite(mean).all() or not (scale > 0).all():
        raise ValueError(f"a scaler of {mean.shape} and {scale.shape}, expected {expected} with positive scales")
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_, scaler.var_, scaler.n_features_in_ = mean, scale, scale**2, len(FEATURE_NAMES)
    scaler.n_samples_seen_ = 1
    return scaler


def _emotions(file: str, classes: Sequence[Any]) -> tuple[str, ...]:
    """Return the emotions that the classes name: by the emotion itself, or by the folder of its sessions."""
    folders = {folder.casefold(): emotion for emotion, folder in load_keywords().folders.items()}
    names = tuple(folders.get(str(name).casefold(), str(name).casefold()) for name in classes)
    if len(set(names)) != len(names) or not all(isinstance(name, str) for name in classes):
        shown = ", ".join(map(str, classes))
        raise InvalidInput(file, f"has the classes {shown}, not names of emotions", "Pickle its LabelEncoder with it")
    return names


def _assess(
    forest: Pipeline, classes: tuple[str, ...], table: SessionTable, threshold: float
) -> tuple[float, dict[str, Any]]:
    """Return the temperature and the metrics on sessions. Emotions that the forest does not know count as errors."""
    votes = np.asarray(forest.predict_proba(table.features), np.float64)
    known = (*classes, *(name for name in table.classes if name not in classes))
    labels = np.array([known.index(name) for name in table.classes])[table.labels]
    possible = labels < len(classes)
    before = apply_temperature(votes, 1.0)
    temperature = calibrate(np.log(before[possible]), labels[possible]).temperature if possible.any() else 1.0
    after = np.zeros((len(votes), len(known)))
    after[:, : len(classes)] = apply_temperature(votes, temperature)
    metrics = evaluate(after, labels, known, threshold).model_dump(mode="json", exclude={"threshold", "ece"})
    return temperature, {"sessions": metrics.pop("pictures"), "classes": list(known), **metrics}
