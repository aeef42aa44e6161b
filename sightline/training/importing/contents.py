"""What is imported from a file: arrays and plain values only. Runs in the restricted process."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from sightline.training.importing.pickles import Inert, Refused, read_pickle

__all__ = ["Contents", "read_estimators", "read_torch"]

_STATES = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile
_MAX_DEPTH = 5  # of the containers in which estimators are looked for


class Contents(NamedTuple):
    """Arrays by name, and values that JSON can represent."""

    arrays: Mapping[str, np.ndarray[Any, Any]]
    values: Mapping[str, Any]


def read_torch(data: bytes) -> Contents:
    """Return the tensors of a state dict, or of the state dict in a checkpoint."""
    import torch

    try:
        loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # torch raises many kinds for an invalid file
        named = re.search(r"(?:GLOBAL|global|class|function) ([A-Za-z_][\w.]*)(?= |$)", _last_part(error))
        reason = named[1] if named else f"a file that torch does not read: {_last_part(error)[:200]}"
        raise Refused(reason) from error
    state = loaded
    for key in _STATES:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            state = loaded[key]
            break
    if not isinstance(state, Mapping) or not state:
        raise Refused(f"a {type(state).__name__}, which is not a state dict")
    for prefix in _PREFIXES:
        if all(isinstance(name, str) and name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return Contents({str(name): _array(str(name), tensor) for name, tensor in state.items()}, {"kind": "state dict"})


def _last_part(error: Exception) -> str:
    """Return torch's message without its advice, which precedes the cause and follows it."""
    return " ".join(str(error).rpartition("WeightsUnpickler error: ")[2].split())


def _array(name: str, tensor: Any) -> np.ndarray[Any, Any]:
    import torch

    if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided or tensor.is_complex():
        raise Refused(f"{name}, a {type(tensor).__name__} that is not a dense tensor of numbers")
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        raise Refused(f"{name}, a tensor of {tensor.numel()} values that stores fewer")
    plain = tensor.detach()
    return np.asarray((plain.float() if plain.is_floating_point() else plain).contiguous().numpy())


def read_estimators(data: bytes) -> Contents:
    """Return the arrays of the estimators in a pickle: an XGBClassifier, or a RandomForestClassifier.

    A forest may be in a dict, list, tuple or Pipeline, with a StandardScaler and a LabelEncoder.
    """
    loaded = read_pickle(data)
    found: dict[str, Inert] = {}
    for estimator in _estimators(loaded):
        kind = estimator.name.rpartition(".")[2]
        if found.setdefault(kind, estimator) is not estimator:
            raise Refused(f"more than one {kind}")
    classifiers = {"XGBClassifier", "Booster", "RandomForestClassifier"} & found.keys()
    if len(classifiers) != 1:
        listed = ", ".join(sorted(found)) or f"a {type(loaded).__name__} without estimators"
        raise Refused(f"{listed}: not exactly one classifier of a known kind")
    if "RandomForestClassifier" in found:
        names = loaded.get("feature_names") if isinstance(loaded, dict) else None
        return _forest(found["RandomForestClassifier"], found.get("StandardScaler"), found.get("LabelEncoder"), names)
    if "StandardScaler" in found:
        raise Refused("a StandardScaler in front of boosted trees")
    return _booster(found, found.get("LabelEncoder"))


def _estimators(value: Any, depth: int = 0) -> Iterator[Inert]:
    if isinstance(value, Inert):
        if value.name == "sklearn.pipeline.Pipeline":
            yield from _estimators(value["steps"], depth + 1)
        else:
            yield value
    elif isinstance(value, dict | list | tuple) and depth < _MAX_DEPTH:
        for item in value.values() if isinstance(value, dict) else value:
            yield from _estimators(item, depth + 1)


def _booster(found: Mapping[str, Inert], encoder: Inert | None) -> Contents:
    """Return the trees in UBJSON, read by XGBoost itself: its buffer also holds a configuration."""
    import xgboost

    from sightline.vision.ubjson import check_ubjson

    booster = found["Booster"] if "Booster" in found else found["XGBClassifier"]["_Booster"]
    handle = booster["handle"] if isinstance(booster, Inert) else None
    if not isinstance(handle, bytes | bytearray):
        raise Refused("an XGBClassifier without trees")
    try:
        check_ubjson(bytes(handle))
        restored = xgboost.Booster()
        restored.__setstate__({"handle": bytearray(handle)})
        saved = restored.save_raw("ubj")
    except (ValueError, xgboost.core.XGBoostError) as error:
        text = " ".join(str(error).partition("Stack trace:")[0].split())[:200]
        raise Refused(
            f"trees that XGBoost {xgboost.__version__} does not read, probably of an earlier version ({text})"
        ) from error
    values = {"kind": "boosted trees", "classes": _classes(encoder) if encoder else None}
    return Contents({"trees": np.frombuffer(bytes(saved), np.uint8)}, values)


def _forest(forest: Inert, scaler: Inert | None, encoder: Inert | None, names: Any) -> Contents:
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for number, estimator in enumerate(forest["estimators_"]):
        tree = estimator["tree_"] if isinstance(estimator, Inert) else None
        if not isinstance(tree, Inert):
            raise Refused("a RandomForestClassifier whose estimators are not trees")
        nodes = np.asarray(tree["nodes"])
        for field in ("left_child", "right_child", "feature", "threshold", "missing_go_to_left"):
            if nodes.dtype.names and field in nodes.dtype.names:
                arrays[f"{number}.{field}"] = _numbers(nodes[field])
        arrays[f"{number}.values"] = _numbers(tree["values"]).astype(np.float64)
    if scaler:
        for field, neutral in (("mean_", 0.0), ("scale_", 1.0)):
            stored = scaler.state.get(field)
            arrays[f"scaler.{field}"] = (
                np.full(int(scaler["n_features_in_"]), neutral) if stored is None else _numbers(stored)
            )
    classes = _classes(forest)
    if encoder:
        encoded = _classes(encoder)
        if any(not isinstance(index, int) or not 0 <= index < len(encoded) for index in classes):
            raise Refused("a LabelEncoder of other classes than the forest's")
        classes = [encoded[index] for index in classes]
    return Contents(
        arrays,
        {
            "kind": "forest",
            "trees": len(forest["estimators_"]),
            "features": int(forest.state.get("n_features_in_") or forest["n_features_"]),
            "classes": classes,
            "names": [str(name) for name in names] if isinstance(names, list | tuple) else None,
        },
    )


def _classes(estimator: Inert) -> list[Any]:
    """Return the classes as text or integers; forests count them in floating point."""
    values = np.asarray(estimator["classes_"]).tolist()
    if not isinstance(values, list) or any(not isinstance(value, str | int | float) for value in values):
        raise Refused(f"the classes of a {estimator.name}, which are not a list of names")
    return [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]


def _numbers(value: Any) -> np.ndarray[Any, Any]:
    array = np.ascontiguousarray(value)
    if array.dtype.kind not in "iuf":
        raise Refused(f"an array of {array.dtype}, which are not numbers")
    return array
