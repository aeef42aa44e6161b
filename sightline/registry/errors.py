"""What can be wrong with a model."""

from __future__ import annotations

from pydantic import ValidationError

from sightline.errors import SightlineError

__all__ = ["ModelDamaged", "ModelNotFound", "WrongTask", "damaged", "first_problem"]


class ModelNotFound(SightlineError):
    """A model, or a version of it, that is not in the registry."""


class ModelDamaged(SightlineError):
    """A model's file that is not what its record says."""


class WrongTask(SightlineError):
    """A model that is there and is for something else."""


def damaged(where: object, problem: str, model: str) -> ModelDamaged:
    """The error that something of ``model`` has a ``problem``, with the mend."""
    return ModelDamaged(
        f"{where}: {problem}. Put the original file back, or go back to another version with "
        f"`sightline rollback-model {model}`"
    )


def first_problem(error: ValidationError) -> str:
    """The first thing that a document's model says is wrong with it, and where."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
