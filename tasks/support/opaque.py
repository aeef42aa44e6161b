"""One value that tasks pass on without Prefect searching it for futures.

Prefect looks for futures and states in every field of every argument of a task, at each call: in a chunk of images that
is each image's every field. It does not look into an object of a plain class, on any task runner.

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
