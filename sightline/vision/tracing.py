"""Converting networks by tracing them, without the warnings that do not apply here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_tracing"]


@contextmanager
def quiet_tracing() -> Iterator[None]:
    """Ignore the warnings of torch's tracing and of its exporter to ONNX in this context."""
    with warnings.catch_warnings():
        # The newer exporters need another library, or take many times as long.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        # Sizes become constants: the input has one size.
        warnings.filterwarnings("ignore", "Converting a tensor to a Python", Warning)
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        yield
