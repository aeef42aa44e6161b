"""The pointer to a model's current version, and its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from sightline import storage
from sightline.registry.errors import ModelDamaged, first_problem
from sightline.storage import Location

__all__ = ["Move", "Pointer", "PointerFile", "Promotion"]


class Move(BaseModel):
    """A move of the pointer to ``version``.

    ``value`` is the ``metric`` of the version, ``current_value`` that of the version that was current before.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True)

    version: PositiveInt
    at: AwareDatetime
    how: Literal["seeded", "promoted", "rolled back"]
    why: str
    metric: str | None = None
    value: float | None = None
    current_value: float | None = Field(default=None, alias="rival")


class Pointer(BaseModel):
    """The content of ``current.json``. ``history`` lists every move, the latest last."""

    model_config = ConfigDict(frozen=True)

    history: Annotated[tuple[Move, ...], Field(min_length=1)]

    @property
    def version(self) -> int:
        """The current version."""
        return self.history[-1].version

    @property
    def previous(self) -> int | None:
        """The version that a rollback returns to; None if the current one is the first.

        A version that was rolled back is not a target: after 1, 2, 3 and a rollback to 2, it is 1.
        """
        stack: list[int] = []
        for move in self.history:
            if move.how == "rolled back" and move.version in stack:
                del stack[stack.index(move.version) :]
            stack = [version for version in stack if version != move.version]
            stack.append(move.version)
        return stack[-2] if len(stack) > 1 else None


@dataclass(frozen=True)
class PointerFile:
    """The pointer of the model in ``folder``, as it was read; ``content`` is None if there is none."""

    folder: Location
    content: bytes | None = None
    pointer: Pointer | None = None

    @property
    def file(self) -> Location:
        """The location of the pointer."""
        return self.folder / "current.json"

    @classmethod
    def read(cls, folder: Location) -> PointerFile:
        """Read the pointer in a model's folder. Raises :class:`ModelDamaged`."""
        file = cls(folder).file
        try:
            content = storage.read_bytes(file)
            return cls(folder, content, Pointer.model_validate_json(content))
        except FileNotFoundError:
            return cls(folder)
        except ValidationError as error:
            raise ModelDamaged(
                f"{file}: does not state the current version: {first_problem(error)}. Remove it, and choose the "
                f"version with `sightline rollback-model {folder.name}/VERSION`"
            ) from error

    def moved(self, move: Move) -> Pointer | None:
        """Move the pointer and return it; return None without a move if another process moved it since it was read."""
        pointer = Pointer(history=(*(self.pointer.history if self.pointer else ()), move))
        if storage.swap(self.file, self.content, pointer.model_dump_json(indent=2).encode()):
            return pointer
        # A request whose response was lost is sent again, and then finds its own move.
        stored = self.read(self.folder).pointer
        return pointer if stored and move in stored.history else None


class Promotion(BaseModel):
    """The result of a comparison with the current version, whose metric is ``current_value``."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    promoted: bool
    version: int
    previous: int | None
    metric: str
    value: float
    current_value: float | None = Field(alias="rival")
    why: str
