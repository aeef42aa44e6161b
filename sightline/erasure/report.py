"""What was erased, and what was not."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from sightline.erasure.traces import Traces

__all__ = ["Erased", "Erasure", "Kept"]


class Erased(BaseModel):
    """What one store held about the patient."""

    model_config = ConfigDict(frozen=True)

    store: str
    place: str
    count: NonNegativeInt
    """Files, with every version of them, or rows of a database."""


class Kept(BaseModel):
    """What was not erased: ``fix`` is what a person can do about it.

    ``failed``: it should have been erased, so that the command has to be repeated.
    """

    model_config = ConfigDict(frozen=True)

    what: str
    why: str
    fix: str
    failed: bool = False


class Erasure(BaseModel):
    """The report of one erasure. It is complete if nothing that can be erased is left."""

    model_config = ConfigDict(frozen=True)

    patient: str
    complete: bool
    erased: tuple[Erased, ...]
    not_erased: tuple[Kept, ...]

    def masked(self, traces: Traces) -> Erasure:
        """Return the report without the patient's name, to be stored."""
        return Erasure(
            patient=traces.masked(self.patient),
            complete=self.complete,
            erased=tuple(item.model_copy(update={"place": traces.masked(item.place)}) for item in self.erased),
            not_erased=tuple(
                item.model_copy(update={name: traces.masked(getattr(item, name)) for name in ("what", "why", "fix")})
                for item in self.not_erased
            ),
        )

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        count = sum(item.count for item in self.erased)
        yield f"{self.patient}: " + (f"{count:,} files and rows were erased" if count else "nothing was stored")
        width = max((len(item.store) for item in self.erased), default=0)
        for item in self.erased:
            yield f"  {item.store:{width}}  {item.count:>7,}  {item.place}"
        if self.not_erased:
            yield "not erased:"
        for kept in self.not_erased:
            yield f"  {kept.what}: {kept.why}. {kept.fix}"
        if not self.complete:
            yield "NOT COMPLETE: correct this and run the command again"
