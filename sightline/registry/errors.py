"""Errors about models."""

from __future__ import annotations

from pydantic import ValidationError

from sightline.errors import SightlineError

__all__ = ["ModelDamaged", "ModelNotFound", "WrongTask", "damaged", "first_problem"]


class ModelNotFound(SightlineError):
    """A model, or a version of it, that is not in the registry."""


class ModelDamaged(SightlineError):
    """A model's file that does not match its record."""


class WrongTask(SightlineError):
    """A model for another task."""


def damaged(file: object, problem: str, model: str) -> ModelDamaged:
    """Return the error that a file of ``model`` has a ``problem``, with the fix."""
    return ModelDamaged(
        f"{file}: {problem}. Put the original file back, or go back to another version with "
        f"`sightline rollback-model {model}`"
    )


def first_problem(error: ValidationError) -> str:
    """Return the first error of a validation, with its place in the document."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
