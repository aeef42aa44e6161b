"""What people are told of one event: a title, some facts, and a table."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

__all__ = ["Alert", "AlertItem"]

_Listed = Field(max_length=50)  # rows that an alert names; of more it gives the count


class AlertItem(BaseModel):
    """One image that was not accepted, and why."""

    model_config = ConfigDict(frozen=True)

    uri: str
    class_name: str | None
    confidence: float | None
    threshold: float
    reason: str


class Alert(BaseModel):
    """One event, told once to every channel, however often its run is repeated.

    ``key`` is the same for the same event. The table is made of ``items`` or, for what is not about images, of
    ``rows``, whose keys are its columns; at most 50 are named, and ``total_items`` says how many there are. Of the run
    there is its name, its identity, and its page in the Prefect UI where there is one.
    """

    model_config = ConfigDict(frozen=True)

    key: Annotated[str, Field(min_length=1)]
    kind: Literal["result", "failure"]
    title: Annotated[str, Field(min_length=1)]
    facts: dict[str, str]
    items: Annotated[tuple[AlertItem, ...], _Listed] = ()
    rows: Annotated[tuple[dict[str, str], ...], _Listed] = ()
    total_items: NonNegativeInt = 0
    run_name: str | None
    run_url: str | None
    run_id: str | None = None
    at: AwareDatetime

    @model_validator(mode="after")
    def _one_table(self) -> Alert:
        if self.items and self.rows:
            raise ValueError("an alert has one table: give items or rows")
        return self

    @property
    def table(self) -> tuple[dict[str, str], ...]:
        """The rows that are named, each with a text for every column."""
        if self.items:
            return tuple(map(_row, self.items))
        columns = dict.fromkeys(column for row in self.rows for column in row)
        return tuple({column: row.get(column, "") for column in columns} for row in self.rows)

    @property
    def total(self) -> int:
        """How many rows there are, named or not."""
        return max(self.total_items, len(self.items), len(self.rows))


def _row(item: AlertItem) -> dict[str, str]:
    return {
        "image": item.uri,
        "class": item.class_name or "",
        "confidence": "" if item.confidence is None else f"{item.confidence:.4f}",
        "threshold": f"{item.threshold:g}",
        "reason": item.reason,
    }
