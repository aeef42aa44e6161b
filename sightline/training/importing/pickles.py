"""Reading of a pickle without its classes: objects become inert, and only listed names are resolved at all.

An inert object holds what the pickle states about it and has no behaviour. Every other name is refused before anything
is called. Runs in the restricted process, because numpy's own objects can crash it if their state is invalid.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np

__all__ = ["Inert", "Refused", "read_pickle"]


class Refused(Exception):
    """Contents that are not imported; the text names them."""


class Inert:
    """An object of a class that is not loaded: the class's name, the arguments of its creation, and its state."""

    name = ""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 2:  # values of the instance, values of its slots
            state = {**(state[0] or {}), **(state[1] or {})}
        if not isinstance(state, dict):
            raise Refused(f"the state of {self.name}, which is a {type(state).__name__}")
        self.state = state

    def __getitem__(self, key: str) -> Any:
        try:
            return self.state[key]
        except KeyError as error:
            raise Refused(f"a {self.name} without {key}") from error


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """Return bytes that protocols 0 to 2 store as text; the only encoding that they use."""
    if encoding not in ("latin1", "latin-1"):
        raise Refused(f"_codecs.encode with the encoding {encoding!r}")
    return text.encode("latin1")


def _reconstructor(kind: Any, base: Any, state: Any) -> Inert:
    """Create an object as ``copyreg._reconstructor`` does for protocols 0 and 1."""
    if not (isinstance(kind, type) and issubclass(kind, Inert)) or base is not object or state is not None:
        raise Refused("copyreg._reconstructor of an object that is not an estimator")
    return kind()


def _inert(name: str) -> type[Inert]:
    return type(name.rpartition(".")[2], (Inert,), {"name": name})


_INERT = {
    name: _inert(name)
    for name in (
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._label.LabelEncoder",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._tree.Tree",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        # Their paths in versions before 0.22 and 1.0.
        "sklearn.ensemble.forest.RandomForestClassifier",
        "sklearn.preprocessing.data.StandardScaler",
        "sklearn.preprocessing.label.LabelEncoder",
        "sklearn.tree.tree.DecisionTreeClassifier",
    )
}


def _numpy_functions() -> dict[str, Any]:
    reconstruct, scalar = np.zeros(1).__reduce__()[0], np.float64(0).__reduce__()[0]
    from_buffer = np.zeros(1).__reduce_ex__(5)[0]
    names: dict[str, Any] = {"numpy.ndarray": np.ndarray, "numpy.dtype": np.dtype}
    for package in ("numpy.core", "numpy._core"):
        names[f"{package}.multiarray._reconstruct"] = reconstruct
        names[f"{package}.multiarray.scalar"] = scalar
        names[f"{package}.numeric._frombuffer"] = from_buffer
    return names


_ALLOWED: dict[str, Any] = {
    **_INERT,
    **_numpy_functions(),
    "_codecs.encode": _latin1,
    "collections.OrderedDict": OrderedDict,
}
for _builtins in ("builtins", "__builtin__"):
    _ALLOWED |= {f"{_builtins}.{kind.__name__}": kind for kind in (bytearray, object, set, frozenset)}
for _copyreg in ("copyreg", "copy_reg"):
    _ALLOWED[f"{_copyreg}._reconstructor"] = _reconstructor


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full not in _ALLOWED:
            raise Refused(full)
        return _ALLOWED[full]

    def persistent_load(self, key: Any) -> Any:
        raise Refused(f"a reference to an object outside the pickle, {key!r:.80}")


def read_pickle(data: bytes) -> Any:
    """Return the pickled object, made of plain values, arrays and :class:`Inert` objects.

    Raises :class:`Refused` with the name of the first object that is not on the list.
    """
    return _Unpickler(io.BytesIO(data)).load()
