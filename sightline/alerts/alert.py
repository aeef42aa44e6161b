"""The content of an alert: a title, facts and a table about one event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from sightline.clock import now_in_utc

__all__ = ["MAX_ROWS", "Alert", "AlertItem"]

MAX_ROWS = 50
"""The most rows that an alert lists; further rows are counted."""

_Listed = Field(max_length=MAX_ROWS)


class AlertItem(BaseModel):
    """One image that was not accepted, with the reason."""

    model_config = ConfigDict(frozen=True)

    uri: str
    class_name: str | None
    confidence: float | None
    threshold: float
    reason: str


class Alert(BaseModel):
    """A message about one event, sent once to every channel even if its run is repeated.

    ``key`` identifies the event: the same event has the same key. The table consists of ``items`` or, if it is not
    about images, of ``rows``, whose keys are the columns. At most :data:`MAX_ROWS` are listed; ``total_items`` counts
    those of the event if there are more. ``run_url`` is the run's page in the Prefect UI.
    """

    model_config = ConfigDict(frozen=True)

    key: Annotated[str, Field(min_length=1)]
    kind: Literal["result", "failure"] = "result"
    title: Annotated[str, Field(min_length=1)]
    facts: dict[str, str]
    items: Annotated[tuple[AlertItem, ...], _Listed] = ()
    rows: Annotated[tuple[dict[str, str], ...], _Listed] = ()
    total_items: NonNegativeInt = 0
    run_name: str | None = None
    run_url: str | None = None
    run_id: str | None = None
    at: AwareDatetime = Field(default_factory=now_in_utc)

    @classmethod
    def listing(cls, rows: Sequence[dict[str, str]], **fields: Any) -> Alert:
        """Return an alert that lists the first :data:`MAX_ROWS` of ``rows`` and counts all of them.

        Args:
            rows: The rows of the table, as many as there are.
            **fields: The other fields of the alert.
        """
        return cls(rows=tuple(rows[:MAX_ROWS]), total_items=len(rows), **fields)

    @model_validator(mode="after")
    def _one_table(self) -> Alert:
        if self.items and self.rows:
            raise ValueError("an alert has one table: give items or rows")
        return self

    @property
    def table(self) -> tuple[dict[str, str], ...]:
        """The listed rows, each with a text for every column."""
        if self.items:
            return tuple(map(_row, self.items))
        columns = dict.fromkeys(column for row in self.rows for column in row)
        return tuple({column: row.get(column, "") for column in columns} for row in self.rows)

    @property
    def total(self) -> int:
        """The number of rows, listed or not."""
        return max(self.total_items, len(self.items), len(self.rows))


def _row(item: AlertItem) -> dict[str, str]:
    return {
        "image": item.uri,
        "class": item.class_name or "",
        "confidence": "" if item.confidence is None else f"{item.confidence:.4f}",
        "threshold": f"{item.threshold:g}",
        "reason": item.reason,
    }
