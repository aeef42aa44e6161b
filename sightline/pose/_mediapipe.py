"""MediaPipe without what is not used here.

Two of its packages import all its solutions, its tasks and pyplot, which takes five times as long as the models of
people do.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

__all__ = ["import_solution"]

_PACKAGES = ("mediapipe", "mediapipe.python.solutions")
_lock = RLock()


def import_solution(name: str) -> ModuleType:
    """Import one module of ``mediapipe.python.solutions``. It registers the options of the graphs that it uses.

    The ``__init__`` of the packages above it runs when a name is used that it defines, such as ``mediapipe.tasks``.
    """
    with _lock:
        for package in _PACKAGES:
            if package not in sys.modules:
                sys.modules[package] = _deferred(package)
        # The solutions import it as a name of the package.
        importlib.import_module("mediapipe.python.solutions.download_utils")
        return importlib.import_module(f"mediapipe.python.solutions.{name}")


def _deferred(package: str) -> ModuleType:
    """Return the package without running its ``__init__``, which the first use of a missing name does."""
    spec = find_spec(package)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    module, loader = module_from_spec(spec), spec.loader

    def load(name: str) -> Any:
        if name.startswith("__"):  # Python looks for __all__ and the like.
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=module)
        with _lock:
            if vars(module).pop("__getattr__", None):
                loader.exec_module(module)
        return getattr(module, name)

    vars(module)["__getattr__"] = load
    return module
