"""Which version of a model is the current one, and how that came to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from sightline import storage
from sightline.registry.errors import ModelDamaged, first_problem
from sightline.storage import Location

__all__ = ["Move", "Pointer", "PointerFile", "Promotion"]


class Move(BaseModel):
    """The pointer came to ``version``. ``value`` and ``rival``: the ``metric`` of it and of the one before it."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    version: PositiveInt
    at: AwareDatetime
    how: Literal["seeded", "promoted", "rolled back"]
    why: str
    metric: str | None = None
    value: float | None = None
    rival: float | None = None


class Pointer(BaseModel):
    """``current.json``. ``history``: every move, the latest last."""

    model_config = ConfigDict(frozen=True)

    history: Annotated[tuple[Move, ...], Field(min_length=1)]

    @property
    def version(self) -> int:
        """The current version."""
        return self.history[-1].version

    @property
    def previous(self) -> int | None:
        """The version to go back to; None where the current one is the first.

        A version that was gone back from is not gone back to: after 1, 2, 3 and back to 2, it is 1.
        """
        standing: list[int] = []
        for move in self.history:
            if move.how == "rolled back" and move.version in standing:
                del standing[standing.index(move.version) :]
            standing = [version for version in standing if version != move.version]
            standing.append(move.version)
        return standing[-2] if len(standing) > 1 else None


@dataclass(frozen=True)
class PointerFile:
    """The pointer of the model whose folder it is, as it was read; ``content`` is None where there is none."""

    folder: Location
    content: bytes | None = None
    pointer: Pointer | None = None

    @property
    def file(self) -> Location:
        """Where the pointer is, or will be."""
        return self.folder / "current.json"

    @classmethod
    def read(cls, folder: Location) -> PointerFile:
        """The pointer in a model's folder. Raises :class:`ModelDamaged`."""
        file = cls(folder).file
        try:
            content = storage.read_bytes(file)
            return cls(folder, content, Pointer.model_validate_json(content))
        except FileNotFoundError:
            return cls(folder)
        except ValidationError as error:
            raise ModelDamaged(
                f"{file}: does not say which version is current: {first_problem(error)}. Remove it, and name the "
                f"version with `sightline rollback-model {folder.name}/VERSION`"
            ) from error

    def moved(self, move: Move) -> Pointer | None:
        """The pointer after one more move; None, and nothing done, where another has moved it since it was read."""
        pointer = Pointer(history=(*(self.pointer.history if self.pointer else ()), move))
        if storage.swap(self.file, self.content, pointer.model_dump_json(indent=2).encode()):
            return pointer
        # A request whose answer was lost is sent again, and then finds its own move made.
        there = self.read(self.folder).pointer
        return pointer if there and move in there.history else None


class Promotion(BaseModel):
    """How a comparison with the current version ended."""

    model_config = ConfigDict(frozen=True)

    promoted: bool
    version: int
    previous: int | None
    metric: str
    value: float
    rival: float | None
    why: str
