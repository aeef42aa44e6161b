"""Reproducible training with torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["seeded"]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's global generator, which its augmentations and layers draw from, set to ``seed`` and put back after."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        deterministic = torch.backends.cudnn.deterministic
        torch.backends.cudnn.deterministic = True
        try:
            yield
        finally:
            torch.backends.cudnn.deterministic = deterministic
