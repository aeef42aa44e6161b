"""Errors of training."""

from __future__ import annotations

from sightline.errors import InvalidInput

__all__ = ["UnsuitableData"]


class UnsuitableData(InvalidInput):
    """Labelled images, photos or sessions that are unusable, or too few to train and test a model."""
