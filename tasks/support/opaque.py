"""A value that is passed between tasks without being searched for futures.

At each call of a task, Prefect searches every field of every argument for futures and states. In a chunk of images,
that is every field of every image. It does not search an object of a plain class, on any task runner.

>>> features = read_features(bucket, gate)  # returns Opaque(table)
>>> train_model(features)  # reads features.value
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Opaque"]

T = TypeVar("T")


class Opaque(Generic[T]):
    """A value that Prefect's search for futures does not enter."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value
