"""What keeps a model from being trained."""

from __future__ import annotations

from sightline.errors import InvalidInput


class InvalidPreset(InvalidInput):
    """A preset that is not there, or does not say what it must."""


class UnsuitableData(InvalidInput):
    """Labelled pictures or sessions that cannot be used, or are too few, to train and to test a model."""
