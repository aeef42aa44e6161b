"""Reading the tensors of a part of a model from a safetensors file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def load_tensors(path: Path, names: Sequence[str], expected: str) -> dict[str, NDArray[Any]]:
    """Return the tensors in ``path`` by name: exactly those of ``names``, of finite floating-point numbers.

    Raises ``ValueError`` with the reason, which contains ``expected``, if the file contains something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"is not a safetensors file ({error})") from error
    if tensors.keys() != set(names):
        raise ValueError(f"contains {', '.join(sorted(tensors)) or 'nothing'}; expected {expected}")
    for name, tensor in tensors.items():
        if not np.issubdtype(tensor.dtype, np.floating) or not np.isfinite(tensor).all():
            raise ValueError(f"contains {name} that are not finite numbers")
    return tensors
