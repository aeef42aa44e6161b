"""A model's pointer, moved back."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.support.flow import sightline_flow
from tasks.training import move_pointer_back
from tasks.training_report import report_rollback


class RollbackResult(BaseModel):
    """Which version is the current one now, and which was before; None where none was."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    before: int | None


@sightline_flow(name="rollback-model", flow_run_name="roll {name} back")
def rollback_model(name: str, *, to: Annotated[int, Field(ge=1)] | None = None) -> RollbackResult:
    """Make an earlier version of a model the current one again.

    Args:
        name: The model's name in the registry.
        to: The version. By default the one that was current before this one.
    """
    before, pointer = move_pointer_back(name, to)
    report_rollback(name, pointer.version, before)
    return RollbackResult(name=name, version=pointer.version, before=before)
